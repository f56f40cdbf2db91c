"""Whether a packed sound file is whole, beyond what FFmpeg's strict decoders see.

A frame of MP3 that was changed, and a page of OGG that was cut off, leave a stream that
decodes. MP3 has lengths, and where LAME or FFmpeg wrote it the number of frames and a
checksum; OGG marks its last page.
"""

_MPEG_1 = 3
# kbit/s by the header's number, Layer III.
_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44100, 48000, 32000)  # Hz; half and a quarter for MPEG 2 and 2.5
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
_OF_LAME = ((148, 4), (152, 2))  # behind "Info": place and bytes
_OGG_HEAD = 27  # bytes of a page before the lengths of its segments
_OGG_LAST = 4  # the flag of a stream's last page


def check_mp3(content):
    """Refuses an MP3 file (Layer III) with a gap, too few frames or a wrong checksum.

    Args:
        content: bytes of the file.

    Raises:
        ValueError: on what is wrong.
    """
    first = place = _first_frame(content)
    head = content[place : place + 4]
    count, length = 0, _frame_length(head)
    if not length:
        return  # other layers, and frames of any length: nothing to follow
    while place < len(content) and not content.startswith(_TAGS, place):
        length = _frame_length(content[place : place + 4])
        if not length or not _of_one_stream(head, content[place : place + 4]):
            raise ValueError(f"it is damaged: there is no frame at byte {place:,}")
        place, count = place + length, count + 1
    if place > len(content):
        raise ValueError("it is truncated: its last frame is not whole")
    _check_info(content[first:place], count - 1)


def _first_frame(content):
    """Where the first frame begins: behind tags, and what fills them up."""
    place = 0
    while content[place : place + 3] == b"ID3":
        flags, *sizes = content[place + 5 : place + 10] or b"\0"
        size = 0
        for seven_bits in sizes:
            size = size << 7 | seven_bits
        place += 10 + size + (10 if flags & 0x10 else 0)
    while place < len(content) and content[place] == 0:
        place += 1
    return place


def _frame_length(head):
    """Bytes of a frame by its four bytes of header; 0 where they do not say it."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, speed = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or speed == 3:
        return 0
    is_first = version == _MPEG_1
    bits = _BIT_RATES[is_first][rate] * 1000
    hertz = _SAMPLE_RATES[speed] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if is_first else 72) * bits // hertz + (head[2] >> 1 & 1)


def _of_one_stream(one, other):
    """Whether version, layer and rate of two headers are the same."""
    return one[1] & 0xFE == other[1] & 0xFE and (one[2] ^ other[2]) & 0x0C == 0


def _check_info(stream, count):
    """Compares the frames with what the first one may tell of them.

    Args:
        stream: the bytes of all frames.
        count: of the frames behind the first.
    """
    is_mono = stream[3] >> 6 == 3
    if stream[1] >> 3 & 3 == _MPEG_1:
        place = 4 + (17 if is_mono else 32)
    else:
        place = 4 + (9 if is_mono else 17)
    length = _frame_length(stream[:4])
    info = stream[place:length]
    if info[:4] not in (b"Xing", b"Info"):
        return
    if info[7] & 1:
        stated = int.from_bytes(info[8:12], "big")
        if stated > count:
            raise ValueError(f"it is truncated: it has {count:,} of {stated:,} frames")
    # Behind all four parts stands what LAME adds: the size and a checksum.
    size, noted = (int.from_bytes(info[at : at + n], "big") for at, n in _OF_LAME)
    has_them = info[7] & 15 == 15 and size == len(stream) and noted
    if has_them and noted != _checksum(stream[length:]):
        raise ValueError("it is damaged: its checksum is wrong")


def _checksum(content):
    """CRC-16 with the polynomial 0x8005, lowest bits first, from 0."""
    value = 0
    for byte in content:
        value = value >> 8 ^ _CHECKSUMS[(value ^ byte) & 0xFF]
    return value


def _of_byte(value):
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_CHECKSUMS = [_of_byte(byte) for byte in range(256)]


def check_ogg(content):
    """Refuses an OGG file without the last page of one of its streams.

    Args:
        content: bytes of the file.

    Raises:
        ValueError: also for a page that is not whole.
    """
    place, open_streams = 0, set()
    while place < len(content):
        head = content[place : place + _OGG_HEAD]
        if len(head) < _OGG_HEAD or head[:4] != b"OggS":
            raise ValueError(f"it is damaged: there is no page at byte {place:,}")
        sizes = content[place + _OGG_HEAD : place + _OGG_HEAD + head[26]]
        place += _OGG_HEAD + head[26] + sum(sizes)
        if head[5] & _OGG_LAST:
            open_streams.discard(head[14:18])
        else:
            open_streams.add(head[14:18])
    if open_streams or place > len(content):
        raise ValueError("it is truncated: its last page is missing")
