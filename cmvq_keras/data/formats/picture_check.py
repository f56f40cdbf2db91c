"""Whether a picture file is whole, by FFmpeg's strict decoders.

Pillow passes over much damage: libjpeg only warns, and what follows a changed byte is
another picture. Only what makes the pixels is checked: damaged notes of a camera do not
change them.
"""

import re

from cmvq_keras.data.formats import strict

_CODECS = {"JPEG": "mjpeg", "MPO": "mjpeg", "PNG": "png", "WEBP": "webp"}
_SEVERAL = "it has several pictures: save one of them"
_PNG_HEAD = 8  # bytes
_PNG_PARTS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_WEBP_PARTS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L")
# Markers of JPEG: scan, end, notes, and the one note that says what the colors are.
_SCAN, _END, _COMMENT, _ADOBE = 0xDA, 0xD9, 0xFE, 0xEE
_NOTES = (*range(0xE0, 0xF0), _COMMENT)
_ALONE = (0x01, *range(0xD0, 0xD9))  # without a content
# Arithmetic and hierarchical coding, which FFmpeg does not know.
_OTHER_CODING = (*range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MARKER = re.compile(rb"\xff[^\x00\xff]")


def check_picture(content, kind):
    """Refuses a picture that is damaged.

    Args:
        content: bytes of the file.
        kind: Pillow's name of its format.

    Raises:
        ValueError: for one that is truncated, and for one that FFmpeg refuses. Damage
            that gives another picture that could be is not seen: JPEG and WebP hold no
            checksums.
    """
    parts = {"PNG": _png_pixels, "WEBP": _webp_pixels}.get(kind, _jpeg_pixels)
    pixels = parts(content)
    if pixels is not None:
        _decode(pixels, _CODECS[kind])


def _decode(pixels, codec):
    import av

    context = av.CodecContext.create(codec, "r")
    strict.make_strict(context)
    try:
        frames = list(strict.decoded(context, [av.Packet(pixels)], "it"))
    except NotImplementedError:
        return  # FFmpeg does not know the feature, so it cannot judge
    if not frames or any(frame.is_corrupt for frame in frames):
        raise ValueError("it is damaged")


def _jpeg_pixels(content):
    """A JPEG file without its notes; None for a coding that FFmpeg does not know.

    Raises:
        ValueError: for one without its end: a tail of zeros decodes as gray.
    """
    kept, place = [content[:2]], 2
    while found := _MARKER.search(content, place):
        start, marker = found.start(), content[found.start() + 1]
        if marker == _END:
            return b"".join([*kept, content[start : start + 2]])
        if marker in _OTHER_CODING:
            return None
        place = start + 2
        if marker in _ALONE:
            continue
        place += int.from_bytes(content[place : place + 2], "big")
        if marker == _SCAN:
            behind = _AFTER_SCAN.search(content, place)
            place = behind.start() if behind else len(content)
        if marker == _ADOBE or marker not in _NOTES:
            kept.append(content[start:place])
    raise ValueError("it is truncated: its end is missing")


def _png_pixels(content):
    kept, place = [content[:_PNG_HEAD]], _PNG_HEAD
    while place < len(content):
        size, name = _head(content, place, "big", size_first=True)
        end = place + 12 + size
        if name == b"acTL" and content[place + 8 : place + 12] > b"\0\0\0\1":
            raise ValueError(_SEVERAL)
        if name in _PNG_PARTS:
            kept.append(content[place:end])
        if name == b"IEND":
            return b"".join(kept)
        place = end
    raise ValueError("it is truncated: its end is missing")


def _webp_pixels(content):
    size = int.from_bytes(content[4:8], "little")
    if size + 8 > len(content):
        raise ValueError(
            f"it is truncated: it has {len(content):,} of {size + 8:,} bytes"
        )
    kept, place = [], 12
    while place + 8 <= size + 8:
        length, name = _head(content, place, "little", size_first=False)
        end = place + 8 + length + length % 2
        if name in (b"ANIM", b"ANMF"):
            raise ValueError(_SEVERAL)
        if name in _WEBP_PARTS:
            kept.append(content[place:end])
        place = end
    pixels = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(pixels).to_bytes(4, "little") + pixels


def _head(content, place, order, size_first):
    """Size and name of a part."""
    first, second = content[place : place + 4], content[place + 4 : place + 8]
    size, name = (first, second) if size_first else (second, first)
    return int.from_bytes(size, order), name
