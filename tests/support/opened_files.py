"""Which files are opened below a folder, and what hostile ones look like."""

import contextlib
import os
import shutil
import sys

import h5py
import pytest


class Opened:
    """What Python opens below a folder, while `watching`.

    Args:
        root: the folder.

    Attributes:
        names: of the files, as paths below the root.
        followed: those of which a link would have been followed.
    """

    def __init__(self, root):
        self.root = str(root.resolve())
        self.names, self.followed = set(), set()
        self._open = os.open
        self._is_on = False
        sys.addaudithook(self._heard)

    def _heard(self, event, arguments):
        # `os.open` gives no mode; it is noted with its folder below.
        if not self._is_on or event != "open" or arguments[1] is None:
            return
        path = arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)):
            self._note(os.fsdecode(path), 0)

    def _note(self, path, flags):
        place = os.path.join(os.path.realpath(os.path.dirname(path)), "")
        place += os.path.basename(path)
        # Folders are opened to look below them; `shutil` compares them after that.
        if place.startswith(self.root + os.sep) and not os.path.isdir(place):
            name = os.path.relpath(place, self.root)
            self.names.add(name)
            if not flags & os.O_NOFOLLOW:
                self.followed.add(name)

    def _os_open(self, path, flags, *arguments, dir_fd=None, **options):
        above = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        handle = self._open(path, flags, *arguments, dir_fd=dir_fd, **options)
        self._note(os.path.join(above or os.getcwd(), os.fspath(path)), flags)
        return handle

    @contextlib.contextmanager
    def watching(self):
        """Notes what is opened in the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", self._os_open)
            supported = {*os.supports_dir_fd, self._os_open}
            patch.setattr(os, "supports_dir_fd", supported)
            # HDF5 opens what it is given the name of, unheard.
            patch.setattr(h5py.File, "__init__", _no_names(h5py.File.__init__))
            self._is_on = True
            yield
            self._is_on = False


def _no_names(init):
    def checked(self, name, *arguments, **options):
        assert not isinstance(name, (str, bytes, os.PathLike)), name
        return init(self, name, *arguments, **options)

    return checked


def planted(path, victim, kind):
    """Puts a link, a hard link or a pipe to a path, in the place of what is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(os.path.relpath(victim, path.parent))
    elif kind == "hard link":
        os.link(victim, path)
    else:
        os.mkfifo(path)
