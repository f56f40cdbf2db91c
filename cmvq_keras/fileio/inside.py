"""Paths that stay inside a folder which somebody else may have made."""

import contextlib
import errno
import os
import pathlib
import shutil
import stat

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
# Elsewhere a name is looked at before it is opened, which leaves a moment between.
_WALKS = bool(NO_FOLLOW) and {os.open, os.mkdir, os.unlink} <= os.supports_dir_fd


@contextlib.contextmanager
def naming(path):
    """Gives an OSError, e.g. of a full disk, the name of the file it is about."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise  # it says what it has to say
        raise OSError(error.errno, error.strerror, str(path)) from None


def refusal(path, root):
    """The error for a path that leads out of a folder."""
    return ValueError(f"{path} is a link, or leads out of {root}. Remove it.")


@contextlib.contextmanager
def parent(path, root):
    """`(name, {"dir_fd": ...})` of a path: what `os` functions take to stay inside."""
    if root is None:
        yield path, {}
        return
    names = names_below(path, root)
    if not _WALKS:
        for count in range(1, len(names) + 1):
            place = pathlib.Path(root, *names[:count])
            if place.is_symlink() or (count < len(names) and place.is_file()):
                raise refusal(place, root)
        yield path, {}
        return
    flags = os.O_RDONLY | os.O_DIRECTORY
    folder = os.open(root, flags)
    try:
        for count, name in enumerate(names[:-1], 1):
            try:
                below = os.open(name, flags | NO_FOLLOW, dir_fd=folder)
            except OSError as error:
                if error.errno in LINK_ERRORS:
                    place = pathlib.Path(root, *names[:count])
                    raise refusal(place, root) from None
                raise
            os.close(folder)
            folder = below
        yield names[-1], {"dir_fd": folder}
    finally:
        os.close(folder)


def names_below(path, root):
    """The names from a folder down to a path in it."""
    path, root = pathlib.Path(path), pathlib.Path(root)
    names = path.relative_to(root).parts if path.is_relative_to(root) else ()
    # A folder that is named from above, ../runs, is as good as any.
    if not names or ".." in names:
        raise ValueError(f"{path} does not lie in {root}.")
    return names


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


def make_folder(path, root):
    """Makes a folder below another one, and those between; no link is followed."""
    names = names_below(path, root)
    for count in range(1, len(names) + 1):
        place = pathlib.Path(root, *names[:count])
        with naming(place), parent(place, root) as (name, at):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, **at)
            mode = os.stat(name, **at, follow_symlinks=False).st_mode
            if not stat.S_ISDIR(mode):
                raise refusal(place, root)


def remove_folder(path, root):
    """Removes a folder below another one, with all that it holds; no link is followed.

    Raises:
        ValueError: for a link.
    """
    with naming(path), parent(path, root) as (name, place):
        if stat.S_ISLNK(os.stat(name, **place, follow_symlinks=False).st_mode):
            raise refusal(path, root)
        shutil.rmtree(name, **place)  # pyright: ignore
