"""A stand-in for the Hugging Face Hub: the few addresses that push and pull ask."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading

COMMIT = "c" * 40


class Hub:
    """Repositories by name, each a dictionary of contents by path.

    Attributes:
        url: for HF_ENDPOINT.
        repositories: what was pushed, or put here by a test.
        sizes: by path, sizes that are stated where they are not those of the content.
        asked: lines "METHOD path", in their order.
    """

    def __init__(self):
        self.url = ""
        self.repositories = {}
        self.sizes = {}
        self.asked = []


@contextlib.contextmanager
def running():
    """A `Hub` on a port of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self._asked()
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.repositories.setdefault(name, {})
            self._json({"url": f"{self.hub.url}/{name}"})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in json.loads(body)["files"]
            ]
            self._json({"files": files})
        elif found := re.fullmatch(r"/api/models/(.+/.+)/commit/main", path):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    files = self.hub.repositories[found[1]]
                    files[line["value"]["path"]] = content
            commit = f"{self.hub.url}/{found[1]}/commit/{COMMIT}"
            self._json({"commitUrl": commit, "commitOid": COMMIT})
        else:
            self._missing()

    def do_GET(self):
        path = self._asked()
        about = re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/.+)?", path)
        if about and about[1] in self.hub.repositories:
            files = self.hub.repositories[about[1]]
            siblings = [
                {"rfilename": name, "size": self.hub.sizes.get(name, len(content))}
                for name, content in files.items()
            ]
            self._json({"id": about[1], "sha": COMMIT, "siblings": siblings})
        else:
            self._file(path)

    def do_HEAD(self):
        self._file(self._asked())

    def _file(self, path):
        found = re.fullmatch(rf"/([^/]+/[^/]+)/resolve/{COMMIT}/(.+)", path)
        if not found or found[2] not in self.hub.repositories.get(found[1], {}):
            return self._missing()
        content = self.hub.repositories[found[1]][found[2]]
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
        return None

    def _asked(self):
        path = self.path.partition("?")[0]
        self.hub.asked.append(f"{self.command} {path}")
        return path

    def _json(self, content):
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _missing(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Nothing on stderr."""
