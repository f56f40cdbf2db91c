"""Fetches the official files of a source, and trusts nothing that arrives."""

import hashlib
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

from cmvq_keras import fileio
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.formats import archives
from cmvq_keras.errors import DownloadError

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18  # bytes
PLAIN = frozenset()  # "host:port" that may be asked without https; of tests alone


def download(source, data_dir=None, progress=None):
    """Fetches what a source lacks.

    A file arrives under a temporary name beside its target and gets its own name
    once its checksum is right, so that a target is either whole or not there. One
    that was cut is fetched again from its start. What
    is there and right is not fetched again; what is there and is not the official
    file is never overwritten.

    Args:
        source: a key of `sources.SOURCES`.
        data_dir: the data root, see `sources.data_root`; made if missing.
        progress: called as `progress(url, done, total)` while bytes arrive; total
            is None where the server does not say it.

    Returns:
        The targets' paths, those that were there before included.

    Raises:
        ValueError: for an unknown source, and for one that only a person can get.
        DownloadError: without network, for a wrong checksum, a cut or an oversized
            file, and for a target that is there and is another file.
    """
    known = sources.get(source)
    if not known.downloads:
        raise ValueError(
            f"{source} cannot be downloaded automatically. {sources.how_to_get(source)}"
        )
    folder = sources.data_root(data_dir) / source
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_provide(file, folder, progress) for file in known.downloads)


def _provide(file, folder, progress):
    target = folder / file.target
    if target.exists():
        _check_present(file, target)
    elif file.members:
        _provide_archive(file, target, progress)
    else:
        with fileio.replacing(target) as stream:
            _fetch_checked(file, stream, progress)
    return target


def _provide_archive(file, target, progress):
    """Fetches an archive, and makes the folder of its members."""
    # Beside the target: the temporary folder may lack the room.
    with (
        fileio.replacing_path(target) as folder,
        tempfile.NamedTemporaryFile(prefix=".partial-", dir=target.parent) as stream,
    ):
        _fetch_checked(file, stream, progress)
        stream.seek(0)
        folder.mkdir()
        try:
            archives.unpack(stream, folder, file.members)
            count = archives.count_members(folder, file.members)
            if count != file.count:
                raise ValueError(f"it has {count} of {file.count} files")
        except ValueError as error:
            raise DownloadError(f"{file.url}: {error}; nothing was kept.") from None


def _fetch_checked(file, stream, progress):
    digest = _fetch(file, stream, progress)
    if file.sha256 and digest != file.sha256:
        raise DownloadError(
            f"{file.url}: the checksum is wrong (sha256 {digest}, expected "
            f"{file.sha256}); nothing was kept."
        )


def _check_present(file, target):
    if file.members:
        count = archives.count_members(target, file.members)
        right = count == file.count
        found = f"{count} of {file.count} files"
    else:
        with open(target, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        right = file.sha256 in (None, digest)
        found = f"sha256 {digest}"
    if not right:
        raise DownloadError(
            f"{target} is not the official file ({found}), and was not "
            "changed: move it away to download the official one."
        )


class _SameSafety(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an address that could have been asked itself."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.netloc in PLAIN):
        return
    raise DownloadError(f"{url} is not an https address.")


def _fetch(file, stream, progress):
    """Writes the file's bytes to `stream` and returns their sha256."""
    _check_address(file.url)
    opener = urllib.request.build_opener(_SameSafety)
    request = urllib.request.Request(file.url, headers={"User-Agent": "cmvq-keras"})
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return _copy(file, response, stream, progress)
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{file.url}: the server answered {error.code}.") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(
            f"{file.url} could not be reached ({reason}){_proxy()}. Without a network, "
            "fetch it elsewhere and put it in the data folder."
        ) from None
    except HTTPException as error:
        raise DownloadError(f"{file.url}: invalid response ({error!r}).") from None


def _copy(file, response, stream, progress):
    stated = response.headers.get("Content-Length", "")
    total = int(stated) if stated.isdecimal() else None
    _check_size(file, total or 0)
    digest, done = hashlib.sha256(), 0
    while chunk := response.read(CHUNK):
        done += len(chunk)
        _check_size(file, done)
        digest.update(chunk)
        stream.write(chunk)
        if progress:
            progress(file.url, done, total)
    if total is not None and done < total:
        raise DownloadError(
            f"{file.url} ended after {done:,} of {total:,} bytes. Try again."
        )
    return digest.hexdigest()


def _check_size(file, size):
    if size > file.max_bytes:
        raise DownloadError(
            f"{file.url} is larger than the {file.max_bytes:,} bytes allowed."
        )


def _proxy():
    """Which proxy was asked, without the password that its address may hold."""
    address = urllib.request.getproxies().get("https")
    if not address:
        return ""
    parts = urllib.parse.urlsplit(address)
    return f", through the proxy {parts.hostname or address.rpartition('@')[2]}"
