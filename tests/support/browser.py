"""Opens a page in headless Chromium, over the DevTools protocol on a pipe."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
SECONDS = 180
_FACTS = """(() => {
  const images = [...document.images];
  const page = document.documentElement;
  return {
    overflow: page.scrollWidth - page.clientWidth, width: page.clientWidth,
    images: images.length,
    empty: images.filter(i => !i.complete || !i.naturalWidth || !i.clientWidth).length,
    text: document.body.innerText, scripts: document.scripts.length,
  };
})()"""


class Browser:
    """A running Chromium; `facts` opens a page in it."""

    def __init__(self, process, send, receive):
        self._process, self._send, self._receive = process, send, receive
        self._number, self._buffer, self.events = 0, b"", []
        created = self.call("Target.createTarget", url="about:blank")
        attached = self.call(
            "Target.attachToTarget", targetId=created["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    _session = None

    def call(self, method, **params):
        """The result of a command; events on the way are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._receive], [], [], max(left, 0))
            content = os.read(self._receive, 2**16) if ready else b""
            assert content, "Chromium does not answer"
            self._buffer += content
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def facts(self, path, width, dark=False):
        """What a page looks like at a width, and what it asked for and complained of.

        Returns:
            A dictionary: "overflow" (pixels), "images", "empty" (of them), "text",
            "requests" (other than the page and data URIs), "errors", "png".
        """
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        address = path.resolve().as_uri()
        self.call("Page.navigate", url=address)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())
        result = self.call("Runtime.evaluate", expression=_FACTS, returnByValue=True)
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return {
            **result["result"]["value"],
            "requests": [
                url
                for url in self._params("Network.requestWillBeSent", "request", "url")
                if url != address and not url.startswith("data:")
            ],
            "errors": [
                *self._params("Log.entryAdded", "entry", "text"),
                *self._params("Runtime.consoleAPICalled", "type"),
                *self._params("Runtime.exceptionThrown", "exceptionDetails", "text"),
            ],
            "png": shot["data"],
        }

    def _params(self, method, *keys):
        for event in self.events:
            if event.get("method") == method:
                value = event["params"]
                for key in keys:
                    value = value[key]
                yield value


@contextlib.contextmanager
def opened():
    """A `Browser`, closed at the end."""
    command_read, command_write = _pipe()
    answer_read, answer_write = _pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            # Chromium speaks on the descriptors 3 and 4.
            [
                *("bash", "-c", f'exec "$@" 3<&{command_read} 4>&{answer_write}', "-"),
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--remote-debugging-pipe", "--no-first-run"),
                *("--disable-background-networking", f"--user-data-dir={profile}"),
                *("--disable-dev-shm-usage", "about:blank"),
            ],
            pass_fds=(command_read, answer_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_read)
        os.close(answer_write)
        try:
            yield Browser(process, command_write, answer_read)
        finally:
            process.terminate()
            process.wait(SECONDS)
            os.close(command_write)
            os.close(answer_read)


def _pipe():
    """A pipe whose ends are not the descriptors 3 and 4 themselves."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
