"""Files of clips before they are decoded: what they are, and whether they are whole."""

from cmvq_keras import fileio
from cmvq_keras.data.formats import signatures

# Where a format's mark is, the mark, and FFmpeg's name of the format.
_FORMATS = (
    (0, b"FLV", "flv"),
    (8, b"AVI ", "avi"),
    (4, b"ftyp", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
)
_HAS_SOUND = 4  # a bit of an FLV file's fifth byte


def read_head(path):
    """The first bytes of a clip or a WAV file, to see what it is.

    Args:
        path: of the file.

    Raises:
        ValueError: in one line, with the path: not a file, empty, a git-lfs pointer.
        OSError: if it is not there, or may not be read.
    """
    with fileio.opened(path, "clip") as file:
        return file.read(64)


def states_no_sound(head):
    """Whether the first bytes of an FLV file say that it has no sound."""
    return len(head) > 4 and head.startswith(b"FLV") and not head[4] & _HAS_SOUND


def container(content):
    """FFmpeg's name of a clip's format, from its first bytes.

    Args:
        content: the bytes of the file.

    Raises:
        ValueError: for an unknown one, and for an AVI file that is cut.
    """
    found = [
        name
        for start, mark, name in _FORMATS
        if content[start : start + len(mark)] == mark
    ]
    if not found:
        raise ValueError(
            "it must be an FLV, AVI, MP4 or Matroska clip. Received: "
            f"{signatures.describe(content[:64])}"
        )
    # FFmpeg takes what is left of a cut AVI file for the whole.
    stated = int.from_bytes(content[4:8], "little") if found[0] == "avi" else 0
    if len(content) < stated < 2**32 - 1:
        raise ValueError(
            f"it is truncated: it has {len(content):,} of {stated + 8:,} bytes"
        )
    return found[0]
