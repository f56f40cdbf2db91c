"""Files in a data set's folder that its reader does not take: always reported."""

import collections

from cmvq_keras.data.listing import SkippedSample

_LISTED = 50  # files of one reason that are named one by one
# What file managers leave everywhere.
_CLUTTER = ("thumbs.db", "desktop.ini")


def unused(folder, taken, reason, root=None):
    """What lies in a folder and is not taken.

    Args:
        folder: `pathlib.Path`.
        taken: names of the entries that are.
        reason: why another entry is not, a few words.
        root: the data set's folder, from which entries are named; None for `folder`'s
            parent.

    Returns:
        Tuple of `SkippedSample`, all expected: they do not count as damaged. Many of
        the same reason are one of them, with their number.
    """
    taken, root = set(taken), root or folder.parent
    reasons = collections.defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.name not in taken:
            name = path.relative_to(root).as_posix()
            reasons[clutter(path) or reason].append(printable_name(name))
    return tuple(
        SkippedSample(name, why, expected=True)
        for why, names in reasons.items()
        for name in _named(names)
    )


def clutter(path):
    """Why a file is certainly none of a data set's; None where it may be one."""
    if path.name.startswith("._"):
        return "it is the AppleDouble companion of another file"
    if path.name.startswith("."):
        return "it is a hidden file"
    if path.name.lower() in _CLUTTER:
        return "a file manager left it"
    return None


def _named(names):
    if len(names) <= _LISTED:
        return names
    return [f"{names[0]} to {names[-1]} ({len(names):,} files)"]


def printable_name(text):
    """A file's name with "?" for each letter that cannot be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
