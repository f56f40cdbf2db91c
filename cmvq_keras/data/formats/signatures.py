"""What a file is by its first bytes, whatever its name says."""

# Where a mark is, the mark, and what it is the mark of.
_MARKS = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "an HEIC picture"),
    (4, b"ftypmif1", "an HEIC picture"),
    (8, b"WAVE", "a WAV file"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"OggS", "an OGG file"),
    (0, b"ID3", "an MP3 file"),
    (0, b"FORM", "an AIFF file"),
    (0, b"FLV", "an FLV clip"),
    (8, b"AVI ", "an AVI clip"),
    (4, b"ftyp", "an MP4 file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM clip"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"MATLAB 7.3", "a MATLAB 7.3 file"),
    (0, b"MATLAB 5.0", "a MATLAB 5 file"),
    (0, b"\x93NUMPY", "a .npy file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF file"),
    (0, b"\x00\x05\x16\x07", "the AppleDouble companion of another file"),
)


def describe(head):
    """A file's kind in words.

    Args:
        head: the first 64 bytes or more; fewer of a shorter file.

    Returns:
        E.g. "a GIF picture", "text", or "content of an unknown kind".
    """
    for start, mark, name in _MARKS:
        if head[start : start + len(mark)] == mark:
            return name
    if not any(head):
        return "zeros"
    text = head.lstrip()[:20].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "a web page or other text"
    printable = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "text" if printable else "content of an unknown kind"
