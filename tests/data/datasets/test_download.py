"""Downloads, from a server on the loopback address alone."""

import dataclasses
import hashlib
import http.server
import io
import tarfile
import threading

import platformdirs
import pytest

from cmvq_keras.data.datasets import download as rooms
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.download import download
from cmvq_keras.errors import DownloadError

pytestmark = pytest.mark.once

CONTENT = bytes(range(256)) * 4000


class _Answers(http.server.BaseHTTPRequestHandler):
    files = {}  # noqa: RUF012
    asked = []  # noqa: RUF012
    stalling = set()  # noqa: RUF012  (paths of answers that never end)
    ended = threading.Event()

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.1/file")
            self.end_headers()
            return
        if self.path not in self.files:
            self.send_error(404)
            return
        body, stated = self.files[self.path]
        if stated == "nonsense":
            self.wfile.write(b"no HTTP at all\r\n\r\n" + body)
            return
        self.send_response(200)
        if stated == "broken chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"zz\r\n" + body[:100])
            return
        if stated is not None:
            self.send_header("Content-Length", str(stated))
        self.end_headers()
        self.wfile.write(body)
        if self.path in self.stalling:
            self.wfile.flush()
            self.ended.wait(30)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    _Answers.files, _Answers.asked, _Answers.stalling = {}, [], set()
    _Answers.ended.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setattr(rooms, "PLAIN", {f"127.0.0.1:{running.server_port}"})
        yield f"http://127.0.0.1:{running.server_port}"
        _Answers.ended.set()
        running.shutdown()


def _serve(path, body, stated="length"):
    _Answers.files[path] = (body, len(body) if stated == "length" else stated)


def _use(monkeypatch, source, **changes):
    known = sources.SOURCES[source]
    file = dataclasses.replace(known.downloads[0], **changes)
    changed = dataclasses.replace(known, downloads=(file,))
    monkeypatch.setitem(sources.SOURCES, source, changed)


@pytest.fixture
def mnist(server, monkeypatch):
    right = hashlib.sha256(CONTENT).hexdigest()
    _use(monkeypatch, "mnist", url=f"{server}/mnist.npz", sha256=right)
    return server


def test_a_right_file_arrives_whole_and_is_not_fetched_again(mnist, tmp_path):
    _serve("/mnist.npz", CONTENT)
    seen = []
    target = tmp_path / "mnist" / "mnist.npz"
    for _ in range(2):
        paths = download("mnist", tmp_path, lambda *state: seen.append(state))
        assert paths == (target,)
        assert target.read_bytes() == CONTENT
    assert _Answers.asked == ["/mnist.npz"]
    assert seen[-1] == (f"{mnist}/mnist.npz", len(CONTENT), len(CONTENT))
    assert [path.name for path in target.parent.iterdir()] == ["mnist.npz"]


def test_a_server_that_states_no_length_is_fine(mnist, tmp_path):
    _serve("/mnist.npz", CONTENT, stated=None)
    seen = []
    download("mnist", tmp_path, lambda *state: seen.append(state))
    assert seen[-1][1:] == (len(CONTENT), None)


@pytest.mark.parametrize(
    ("body", "stated", "message"),
    [
        (CONTENT[:-1], "length", "the checksum is wrong"),
        (CONTENT[:5000], len(CONTENT), "ended after 5,000 of 1,024,000 bytes"),
        (CONTENT[:5000], None, "the checksum is wrong"),
        (None, None, "the server answered 404"),
        (CONTENT * 21, "length", "larger than the 20,000,000 bytes"),
        (CONTENT * 21, None, "larger than the 20,000,000 bytes"),
        (CONTENT, 20_000_001, "larger than the 20,000,000 bytes"),
        (CONTENT, len(CONTENT) - 1, "the checksum is wrong"),
        (CONTENT[:-1] + b"x", "length", "the checksum is wrong"),
        (CONTENT, "broken chunks", "invalid response"),
        (CONTENT, "nonsense", "invalid response"),
        (b"", "length", "the checksum is wrong"),
    ],
)
def test_nothing_is_kept_of_a_bad_answer(mnist, tmp_path, body, stated, message):
    if body is not None:
        _serve("/mnist.npz", body, stated)
    with pytest.raises(DownloadError, match=message) as caught:
        download("mnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "mnist").iterdir()) == []


def test_another_file_in_its_place_is_left_alone(mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    target = tmp_path / "mnist" / "mnist.npz"
    target.write_bytes(b"mine")
    with pytest.raises(
        DownloadError, match=r"is not the official file .* move it away"
    ):
        download("mnist", tmp_path)
    assert target.read_bytes() == b"mine"
    assert _Answers.asked == []


def test_no_network_says_so_without_a_proxys_password(monkeypatch, tmp_path):
    _use(monkeypatch, "mnist", url="https://127.0.0.1:9/mnist.npz")
    monkeypatch.setenv("https_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(DownloadError, match="could not be reached") as caught:
        download("mnist", tmp_path)
    assert "through the proxy 127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/a",
        "http://127.0.0.1/a",
        "http://localhost/a",
        "HTTP://[::1]/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "data:,a",
        "/etc/passwd",
    ],
)
def test_only_https_addresses_are_asked(monkeypatch, tmp_path, url):
    _use(monkeypatch, "mnist", url=url)
    with pytest.raises(DownloadError, match="is not an https address"):
        download("mnist", tmp_path)


def test_a_redirect_to_plain_http_is_not_followed(server, monkeypatch, tmp_path):
    _use(monkeypatch, "mnist", url=f"{server}/elsewhere")
    with pytest.raises(DownloadError, match=r"192\.0\.2\.1/file is not an https"):
        download("mnist", tmp_path)


def test_a_wrong_name_and_a_source_for_people_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown source mnst\. Did you mean mnist"):
        download("mnst", tmp_path)
    with pytest.raises(ValueError, match=r"crema_d cannot be downloaded .* git lfs"):
        download("crema_d", tmp_path)


def _archive(*entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as content:
        for name, body in entries:
            member = tarfile.TarInfo(name)
            if isinstance(body, bytes):
                member.size = len(body)
                content.addfile(member, io.BytesIO(body))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, body
                content.addfile(member)
    return stream.getvalue()


GOOD = [(f"fsdd-1/recordings/{digit}_theo_0.wav", b"RIFF") for digit in range(10)]


def _download_archive(server, monkeypatch, root, *entries):
    _use(monkeypatch, "fsdd", url=f"{server}/fsdd.tar.gz", count=10)
    _serve("/fsdd.tar.gz", _archive(*entries))
    return download("fsdd", root)


def test_an_archive_fills_its_folder_with_what_is_wanted(server, monkeypatch, tmp_path):
    outside = ("../../../0_evil_0.sh", b"no")
    entries = [*GOOD, ("fsdd-1/README.md", b"x"), ("fsdd-1/link", "/etc"), outside]
    (target,) = _download_archive(server, monkeypatch, tmp_path, *entries)
    assert target == tmp_path / "fsdd" / "recordings"
    assert sorted(path.name for path in target.iterdir()) == [
        f"{digit}_theo_0.wav" for digit in range(10)
    ]
    assert [path.name for path in (tmp_path / "fsdd").iterdir()] == ["recordings"]
    assert [path.name for path in tmp_path.iterdir()] == ["fsdd"]
    download("fsdd", tmp_path)
    assert _Answers.asked == ["/fsdd.tar.gz"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (GOOD[:9], "it has 9 of 10 files"),
        ([*GOOD[:9], ("a/9_theo_0.wav", "/etc/passwd")], "is not a plain file"),
        ([*GOOD, ("b/9_theo_0.wav", b"other")], "is there twice"),
        ([*GOOD[:9], ("a/9_theo_0.wav", bytes(5_000_001))], "is too large"),
    ],
)
def test_nothing_is_kept_of_a_bad_archive(
    server, monkeypatch, tmp_path, entries, message
):
    with pytest.raises(DownloadError, match=message) as caught:
        _download_archive(server, monkeypatch, tmp_path, *entries)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "fsdd").iterdir()) == []


def test_a_cut_archive_and_an_incomplete_folder_are_told(server, monkeypatch, tmp_path):
    _use(monkeypatch, "fsdd", url=f"{server}/fsdd.tar.gz", count=10)
    _serve("/fsdd.tar.gz", _archive(*GOOD)[:-30])
    with pytest.raises(DownloadError, match="not a readable tar file"):
        download("fsdd", tmp_path)
    _serve("/fsdd.tar.gz", b"nonsense")
    with pytest.raises(DownloadError, match="not a readable tar file"):
        download("fsdd", tmp_path)
    (tmp_path / "fsdd" / "recordings").mkdir()
    with pytest.raises(DownloadError, match="0 of 10 files"):
        download("fsdd", tmp_path)


def test_official_addresses_are_https_with_whole_checksums():
    for name, source in sources.SOURCES.items():
        assert source.homepage.startswith("http")
        assert source.licence
        assert source.downloads or source.how
        assert {file.target for file in source.downloads} <= set(source.files), name
        for file in source.downloads:
            assert file.url.startswith("https://")
            assert file.members or len(file.sha256) == 64


def test_the_data_root_is_the_argument_the_variable_or_the_users_folder(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("CMVQ_DATA_DIR", str(tmp_path / "variable"))
    assert sources.data_root(tmp_path) == tmp_path
    assert sources.data_root() == tmp_path / "variable"
    monkeypatch.delenv("CMVQ_DATA_DIR")
    users = platformdirs.user_data_path("cmvq", appauthor=False)
    assert sources.data_root() == users


def test_missing_files_of_a_source_are_listed(tmp_path):
    assert sources.missing("svhn", tmp_path) == ("train_32x32.mat", "test_32x32.mat")
    with pytest.raises(FileNotFoundError, match=r"rml.* is not in .*ask the Ryerson"):
        sources.find("rml", "videos", tmp_path)


def test_a_server_that_stalls_is_told_and_the_next_try_starts_anew(
    mnist, monkeypatch, tmp_path
):
    monkeypatch.setattr(rooms, "TIMEOUT", 0.3)
    _serve("/mnist.npz", CONTENT[:5000], len(CONTENT))
    _Answers.stalling.add("/mnist.npz")
    with pytest.raises(DownloadError, match=r"could not be reached \(timed out\)"):
        download("mnist", tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []
    _Answers.stalling.clear()
    _serve("/mnist.npz", CONTENT)
    (target,) = download("mnist", tmp_path)
    assert target.read_bytes() == CONTENT


def test_what_a_killed_download_left_is_not_taken_for_the_file(mnist, tmp_path):
    (tmp_path / "mnist").mkdir()
    left = tmp_path / "mnist" / ".partial-killed"
    left.write_bytes(CONTENT[:5000])
    _serve("/mnist.npz", CONTENT)
    (target,) = download("mnist", tmp_path)
    assert target.read_bytes() == CONTENT
    assert left.read_bytes() == CONTENT[:5000]


def test_the_official_addresses_alone_are_asked():
    assert frozenset() == rooms.PLAIN
