"""Unpacks an untrusted, downloaded archive."""

# pyright: reportCallIssue=false, reportArgumentType=false

import gzip
import os
import pathlib
import re
import shutil
import tarfile

from cmvq_keras import fileio

MAX_MEMBER = 5_000_000  # bytes; the longest FSDD recording has 40,000
MAX_FILES = 100_000


def unpack(archive, folder, pattern):
    """Writes the files whose last name matches into `folder`, flat.

    No path of the archive is used: only a member's last name, and only where it
    matches. Links, devices and everything else are never written.

    Args:
        archive: path of a `.tar.gz` file, or the file, open at its beginning.
        folder: an empty folder.
        pattern: regular expression of whole file names, without a separator.

    Raises:
        ValueError: for a file that is no tar file or is cut, and for members that
            match but are no plain file, are too large, or come twice.
    """
    wanted = re.compile(pattern)
    try:
        with (
            gzip.open(archive) as file,
            tarfile.open(fileobj=_Careful(file), mode="r:") as content,
        ):
            for number, member in enumerate(content):
                if number >= MAX_FILES:
                    raise ValueError(f"it has more than {MAX_FILES} files")
                name = member.name.rpartition("/")[2]
                if wanted.fullmatch(name):
                    _write(content, member, os.path.join(folder, name))
    except Exception as error:
        # Ours are in words already, and the disk's keep their number.
        if type(error) is ValueError or getattr(error, "errno", None):
            raise
        # tarfile raises many unrelated types on a damaged file.
        text = fileio.one_line(error)
        raise ValueError(f"it is not a readable tar file ({text})") from None


class _Careful:
    """A file that reads no more at once than a member may have: tarfile would take
    the memory that a header states."""

    def __init__(self, file):
        self._file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size):
        if size > MAX_MEMBER:
            raise ValueError("a header in it states an impossible size")
        return self._file.read(size)


def _write(content, member, path):
    if not member.isreg():
        raise ValueError(f"{member.name} in it is not a plain file")
    if member.size > MAX_MEMBER:
        raise ValueError(f"{member.name} in it is too large")
    if os.path.lexists(path):
        raise ValueError(f"{member.name} in it is there twice")
    with open(path, "xb") as target, content.extractfile(member) as source:
        shutil.copyfileobj(source, target)


def count_members(folder, pattern):
    """How many names in a folder match `pattern`."""
    wanted = re.compile(pattern)
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return 0
    return sum(bool(wanted.fullmatch(path.name)) for path in folder.iterdir())
