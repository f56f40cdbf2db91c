"""WAV files whose stated sizes are wrong, put right for libsndfile.

A program that writes to a pipe cannot go back to its header: FFmpeg leaves sizes of
0xFFFFFFFF there, others 0. Editors of tags leave a stale size of the whole. libsndfile
takes a size of 0 for no samples, without a word.
"""

_STREAMED = 0x7FFF0000  # bytes: no file here is as large, so nobody counted them


def repaired(content):
    """A WAV file with its format and its samples alone, and right sizes.

    Args:
        content: bytes of the file, "RIFF" first.

    Raises:
        ValueError: for a file without a format or without samples, and for one that
            ends before the end that its samples state.
    """
    form, place = None, 12
    while place + 8 <= len(content):
        name = content[place : place + 4]
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        start = place + 8
        if name == b"data":
            if form is None:
                raise ValueError("it has no fmt chunk before its samples")
            return _file(form, _samples(content, start, size))
        if name == b"fmt ":
            form = content[start : start + size]
        place = start + size + size % 2
    raise ValueError("it has no samples: its data chunk is missing")


def _samples(content, start, size):
    left = len(content) - start
    if size >= _STREAMED or (size == 0 and not _are_chunks(content, start)):
        size = left
    if size > left:
        raise ValueError(
            f"it is truncated: it has {left:,} of {size:,} bytes of samples"
        )
    return content[start : start + size]


def _are_chunks(content, place):
    """Whether nothing but whole chunks follows."""
    while place < len(content):
        name = content[place : place + 4]
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
        if not (name.isascii() and name.decode().isprintable()) or len(name) < 4:
            return False
    return place <= len(content) + 1


def _file(form, samples):
    chunks = b"".join(
        name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
        for name, body in ((b"fmt ", form), (b"data", samples))
    )
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WAVE" + chunks
