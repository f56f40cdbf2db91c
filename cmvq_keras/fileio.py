"""Untrusted files: checked when opened, replaced as a whole, faults in one line.

A `root` is a folder that somebody else may have made: a run, a store, a comparison.
What is opened, written or removed there is a regular file or folder inside it; no link
is followed, and no pipe or device is waited for.
"""

import contextlib
import csv
import errno
import io
import json
import math
import os
import pathlib
import re
import shutil
import stat
import sys
import zipfile

ZLIB_RATIO = 1032  # the most that zlib unpacks of one byte
MAX_BYTES = 64_000_000  # of a file of text
POINTER = b"version https://git-lfs.github.com/spec/v1"
_CHUNK = 2**20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
# A pipe without a writer would be waited for.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
# Elsewhere a name is looked at before it is opened, which leaves a moment between.
_WALKS = bool(_NO_FOLLOW) and {os.open, os.mkdir, os.unlink} <= os.supports_dir_fd
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)


@contextlib.contextmanager
def opened(path, what, max_bytes=sys.maxsize, root=None):
    """Opens a file for its parser, and names the file in whatever goes wrong.

    Parsers and libraries raise many unrelated types on damaged content, most of them
    without the file's name: inside the `with` block all of them become one ValueError.

    Args:
        path: the file.
        what: what it should be, for the message, e.g. "WAV file".
        max_bytes: a file that is larger is refused; an empty one always is.
        root: a folder above it; below that one no link is followed.

    Yields:
        The file, open for reading in binary mode; `size` gives its length.

    Raises:
        ValueError: in one line, with the path.
        OSError: with the path, for a file that is missing or may not be read, and for
            a loop of links.

    Example:
        >>> with fileio.opened(path, "WAV file", 10**8) as file:
        ...     return parse(file)
    """
    path = pathlib.Path(path)
    with os.fdopen(_opened(path, what, root), "rb") as file:
        if not 0 < size(file) <= max_bytes:
            most = "" if max_bytes == sys.maxsize else f" to {max_bytes:,}"
            raise ValueError(
                f"{path} is not a readable {what}: it has {size(file):,} bytes, not "
                f"1{most or ' or more'}"
            )
        try:
            refuse_pointer(file)
            yield file
        except Exception as error:
            reason = one_line(error)
            raise ValueError(f"{path} is not a readable {what}: {reason}") from error


def _opened(path, what, root):
    """The descriptor of a regular file; arguments as in `opened`."""
    with naming(path), _parent(path, root) as (name, place):
        try:
            handle = os.open(name, _READ | (_NO_FOLLOW if root else 0), **place)
        except OSError as error:
            if root and error.errno in _LINK_ERRORS:
                raise _refusal(path, root) from None
            raise
    # A pipe or a device might give no end of bytes, or none and no end either.
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{path} is not a readable {what}: it is not a file")
    return handle


def _refusal(path, root):
    return ValueError(f"{path} is a link, or leads out of {root}. Remove it.")


@contextlib.contextmanager
def _parent(path, root):
    """`(name, {"dir_fd": ...})` of a path: what `os` functions take to stay inside."""
    if root is None:
        yield path, {}
        return
    names = _names_below(path, root)
    if not _WALKS:
        for count in range(1, len(names) + 1):
            place = pathlib.Path(root, *names[:count])
            if place.is_symlink() or (count < len(names) and place.is_file()):
                raise _refusal(place, root)
        yield path, {}
        return
    flags = os.O_RDONLY | os.O_DIRECTORY
    folder = os.open(root, flags)
    try:
        for count, name in enumerate(names[:-1], 1):
            try:
                below = os.open(name, flags | _NO_FOLLOW, dir_fd=folder)
            except OSError as error:
                if error.errno in _LINK_ERRORS:
                    place = pathlib.Path(root, *names[:count])
                    raise _refusal(place, root) from None
                raise
            os.close(folder)
            folder = below
        yield names[-1], {"dir_fd": folder}
    finally:
        os.close(folder)


def _names_below(path, root):
    path, root = pathlib.Path(path), pathlib.Path(root)
    if not path.is_relative_to(root) or path == root or ".." in path.parts:
        raise ValueError(f"{path} does not lie in {root}.")
    return path.relative_to(root).parts


def check_no_links(folder):
    """Raises ValueError for a link, a pipe or a device right in a folder."""
    folder = pathlib.Path(folder)
    with naming(folder), os.scandir(folder) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                kind = "a link" if stat.S_ISLNK(mode) else "not a file"
                raise ValueError(
                    f"{folder / entry.name} is {kind}: {folder} may hold only files "
                    "and folders. Remove it."
                )


def refuse_pointer(file):
    """Raises ValueError for what git-lfs leaves in place of a file not yet fetched.

    Args:
        file: open for reading in binary mode, at its beginning; it is left there.
    """
    head = file.read(len(POINTER))
    file.seek(0)
    if head == POINTER:
        raise ValueError(
            "it is a git-lfs pointer, not the file itself. Run `git lfs pull` in its "
            "repository"
        )


def is_pointer(path):
    """Whether git-lfs has not yet fetched a file that is there."""
    with open(path, "rb") as file:
        return file.read(len(POINTER)) == POINTER


def size(file):
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def fill(file, buffer):
    """Reads as many bytes as a buffer holds, a bit at a time.

    Args:
        file: anything with `readinto`.
        buffer: of bytes, e.g. an array of uint8.

    Raises:
        ValueError: when there are not so many.
    """
    view, done = memoryview(buffer), 0
    while done < len(view):
        count = file.readinto(view[done : done + _CHUNK])
        if not count:
            raise ValueError("it is truncated")
        done += count


def check_stored(file):
    """Raises ValueError for a ZIP archive that unpacks to more bytes than it has.

    PyTorch and Keras pack nothing in the archives that they write.

    Args:
        file: open for reading in binary mode, at its beginning; it is left there.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
        if any(each.compress_type != zipfile.ZIP_STORED for each in members):
            raise ValueError("it is packed, and what wrote it packs nothing")
        if sum(each.file_size for each in members) > size(file):
            raise ValueError("it states more bytes than it has")
    file.seek(0)


@contextlib.contextmanager
def naming(path):
    """Gives an OSError, e.g. of a full disk, the name of the file it is about."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise  # it says what it has to say
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextlib.contextmanager
def replacing(path, root=None):
    """A file that takes the place of another one when the block ends.

    Readers see the old content or the new, never half. After an error the old one is
    still there. Another name of the old one, a hard link or a link, keeps it.

    Args:
        path: the file; its folder must exist.
        root: as in `opened`.

    Yields:
        The file, open for writing and reading in binary mode.

    Raises:
        OSError: with the path, e.g. for a full disk.
    """
    path = pathlib.Path(path)
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming(path), _parent(temporary, root) as (name, place):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, **place)  # of a killed process with the same number
        try:
            handle = os.open(name, _NEW | _NO_FOLLOW, 0o666, **place)
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            target = path.name if place else path
            os.replace(
                name,
                target,
                **{f"src_{k}": v for k, v in place.items()}
                | {f"dst_{k}": v for k, v in place.items()},
            )
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name, **place)


@contextlib.contextmanager
def replacing_path(path):
    """As `replacing`, for what is written by path: a file or a folder.

    Args:
        path: `pathlib.Path`; its folder must exist.

    Yields:
        The path to write to. It takes the name `path` when the block ends.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with naming(path):
            yield temporary
        if path.is_dir():
            old = path.with_name(f".{os.getpid()}.old.{path.name}")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


class _Deferring:
    """See `deferring`."""

    def __init__(self, file):
        self._file, self.error = file, None

    def __getattr__(self, name):
        method = getattr(self._file, name)

        def call(*arguments):
            try:
                return method(*arguments)
            except OSError as error:
                self.error = self.error or error
                return len(arguments[0]) if arguments and name == "write" else 0

        return call


def writable(path, keep=False):
    """A file that is written bit by bit, open for writing and reading.

    Args:
        path: the file. What else has that name is removed, and not written to.
        keep: whether to go on with the file that is there.

    Raises:
        OSError: with the path.
        ValueError: to go on with a link, and with a file that has other names.
    """
    path = pathlib.Path(path)
    with naming(path):
        if not keep:
            path.unlink(missing_ok=True)
            return os.fdopen(os.open(path, _NEW | _NO_FOLLOW, 0o666), "w+b")
        about = path.stat(follow_symlinks=False)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            raise ValueError(f"{path} is a link, or a file with other names")
        return path.open("r+b")


@contextlib.contextmanager
def deferring(file):
    """A file for HDF5 that raises errors of the disk after HDF5 has finished.

    During its work they would end in its own tracebacks, or in a crash.

    Args:
        file: open for writing.
    """
    held = _Deferring(file)
    try:
        yield held
    finally:
        if held.error is not None:
            raise held.error


def write_atomically(path, content, root=None):
    """Writes a file so that readers see the old content or the new, never half.

    Args:
        path, root: as in `replacing`.
        content: bytes, or a text, written as UTF-8.
    """
    with replacing(path, root) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def make_folder(path, root):
    """Makes a folder below another one, and those between; no link is followed."""
    names = _names_below(path, root)
    for count in range(1, len(names) + 1):
        place = pathlib.Path(root, *names[:count])
        with naming(place), _parent(place, root) as (name, at):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, **at)
            mode = os.stat(name, **at, follow_symlinks=False).st_mode
            if not stat.S_ISDIR(mode):
                raise _refusal(place, root)


def remove_folder(path, root):
    """Removes a folder below another one, with all that it holds; no link is followed.

    Raises:
        ValueError: for a link.
    """
    with naming(path), _parent(path, root) as (name, place):
        if stat.S_ISLNK(os.stat(name, **place, follow_symlinks=False).st_mode):
            raise _refusal(path, root)
        shutil.rmtree(name, **place)  # pyright: ignore


def to_json(content):
    """JSON text with sorted keys; numpy values become plain, NaN becomes null."""
    return json.dumps(plain(content), indent=2, sort_keys=True, allow_nan=False) + "\n"


def plain(value):
    """A value as JSON can hold it: see `to_json`."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path, what="JSON file", root=None):
    """The JSON object in an untrusted file.

    Args:
        path, what, root: as in `opened`.

    Raises:
        ValueError: in one line, with the path, for a file that holds none.
        OSError: when it is missing or may not be read.
    """
    with opened(path, what, MAX_BYTES, root) as file:
        content = json.loads(file.read().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it must hold a JSON object")
        return content


def csv_rows(content, delimiter=","):
    """Yields `(line number, cells)` of an untrusted table.

    Args:
        content: its bytes, in UTF-8 with or without a byte order mark.
        delimiter: between two cells.

    Raises:
        ValueError: for what is no such table.
    """
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(
            io.StringIO(text, newline=""), strict=True, delimiter=delimiter
        )
        for cells in reader:
            yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"it is not a CSV file in UTF-8: {error}") from None


def csv_line(cells):
    """A line of a CSV file. Numbers stay numbers; texts that a spreadsheet would take
    for a formula are quoted, see `quoted`."""
    line = io.StringIO()
    # With this end a cell with either of its letters is set in quotation marks.
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow([quoted(each) if isinstance(each, str) else each for each in cells])
    return line.getvalue().removesuffix("\r\n") + "\n"


def quoted(text):
    """A cell as spreadsheets show it: with a ' before = + - @, but before a number."""
    if not re.match(r"'*[=+\-@\t\r]", text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def unquoted(cell):
    """The text that `quoted` was given."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


# Control characters; what has no width, but for joiners, which some languages need;
# marks that turn the direction of writing; halves of letters.
_HIDDEN = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\U000e0000-\\U000e007f"
)
_IN_A_LINE = re.compile(f"[{_HIDDEN}]")
_IN_LINES = re.compile(f"(?![\\n\\r\\t])[{_HIDDEN}]")


def printable(text):
    """Any text as one line for a terminal.

    Control characters, and marks that turn the direction of writing, are spelled out.
    """
    return _IN_A_LINE.sub(_spelled, " ".join(str(text).split()))


def printable_lines(text):
    """As `printable`, but ends of lines and spaces stay."""
    return _IN_LINES.sub(_spelled, str(text))


def _spelled(match):
    return ascii(match.group())[1:-1]


def one_line(error):
    """What an exception says, on one line of printable characters."""
    shown = printable(error)
    if isinstance(error, EOFError):
        return shown or "it is truncated"
    return shown or type(error).__name__
