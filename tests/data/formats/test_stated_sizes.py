"""Sizes that a header states are checked before memory is taken for them."""

import io
import re
import struct
import sys
import zipfile
import zlib

import numpy as np
import pytest
from damage import refused
from PIL import Image

from cmvq_keras.data.formats import audio, images, mat5, npy, npz

pytestmark = pytest.mark.once

ROWS = 10**12


def _npy(shape, values=b"\0" * 64):
    content = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + values


@pytest.mark.parametrize(
    "shape", [(ROWS, 4, 4, 1), (2**62, 2**62), (-1, 64), (0, 2**63)]
)
def test_an_npy_header_takes_no_memory(shape, tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(_npy(shape))
    told = refused(lambda path: npz.read_npy(path, (4, 4, 1)), path)
    assert f"shape {shape} of uint8 takes" in told
    size = path.stat().st_size
    refused(lambda path: npy.open_rows(path, "uint8", shape, size), path)


def _read_npz(path):
    return npz.read_npz(path, ("x",), max_bytes=10**9)


def test_a_member_of_an_archive_takes_no_memory(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", _npy((900_000_000,)))
    assert "takes 900,000,000 bytes. Received: 64" in refused(_read_npz, path)


def test_an_archives_table_of_contents_takes_no_memory(tmp_path):
    path = tmp_path / "a.npz"
    member = _npy((900_000_000,))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", member)
    stated = struct.pack("<I", len(member))
    whole = path.read_bytes()
    assert whole.count(stated) == 2
    header = len(member) - 64
    path.write_bytes(whole.replace(stated, struct.pack("<I", header + 900_000_000)))
    assert "x states an impossible size" in refused(_read_npz, path)


def test_a_packed_variable_takes_no_memory(tmp_path):
    path = tmp_path / "a.mat"
    packed = zlib.compress(struct.pack("<II", 14, 900_000_000))
    header = mat5.MAGIC.ljust(124) + b"\0\1IM"
    path.write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    assert "it is truncated" in refused(
        lambda path: mat5.read(path, ("a",), 10**9), path
    )


@pytest.mark.parametrize(
    ("channels", "rate", "bits", "size", "message"),
    [
        (1, 8000, 16, 2**30, "it is truncated"),
        (1, 2**32 - 1, 16, 2**32 - 1, "is not a readable sound file"),
        (16, 192_000, 32, 2**29, "it is truncated"),
        (2**16 - 1, 8000, 8, 2**32 - 1, "is not a readable sound file"),
        (1, 8000, 2**16 - 8, 2**32 - 1, "is not a readable sound file"),
    ],
)
def test_a_wav_header_takes_no_memory(channels, rate, bits, size, message, tmp_path):
    about = struct.pack("<HHIIHH", 1, channels, rate, 2**31, 4, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", len(about)) + about
    chunks += b"data" + struct.pack("<I", size) + bytes(64)
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 2**32 - 1) + chunks)
    assert message in refused(lambda path: audio.read_sound(path, 8000), path)


def _png(width, height):
    def chunk(kind, body):
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


def _jpeg(width, height):
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "JPEG")
    start = content.getvalue().index(b"\xff\xc0") + 5
    sizes = struct.pack(">HH", height, width)
    return content.getvalue()[:start] + sizes + content.getvalue()[start + 4 :]


@pytest.mark.parametrize(
    "content",
    [_png(60_000, 60_000), _png(2**31 - 1, 1), _png(8000, 8000), _jpeg(65_500, 65_500)],
    ids=["png", "long png", "64 million pixels", "jpeg"],
)
def test_a_picture_bomb_takes_no_memory(content, tmp_path):
    resource = pytest.importorskip("resource", reason="not on this platform")
    path = tmp_path / "a.png"
    path.write_bytes(content)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = refused(lambda path: images.read_image(path, (8, 8, 3)), path)
    assert re.search("50,000,000 pixels at most|decompression bomb", told)
    # Pillow takes its memory past Python: the process itself must not have grown.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * unit < 100_000_000
