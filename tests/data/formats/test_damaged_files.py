"""Every parser of single files: a damaged file is refused in one line or read well."""

import io
import struct
import wave
import zipfile
import zlib

import numpy as np
import pytest
import scipy.io
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations
from PIL import Image

from cmvq_keras.data.datasets.penn_action.labels import read_sequence
from cmvq_keras.data.formats import audio, images, mat5, npy, npz

pytestmark = pytest.mark.once

PICTURE = np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3)
ROWS = np.arange(5 * 4 * 3 * 1, dtype=np.float32).reshape(5, 4, 3, 1)


def _npy(values):
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def _npz(packed):
    content = io.BytesIO()
    save = np.savez_compressed if packed else np.savez
    save(content, x=PICTURE, y=np.arange(24))
    return content.getvalue()


def _npz_around(member):
    """An archive with right checksums around a damaged member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x.npy", member)
        archive.writestr("y.npy", _npy(np.arange(24)))
    return content.getvalue()


def _picture(kind):
    content = io.BytesIO()
    Image.fromarray(PICTURE).save(content, kind)
    return content.getvalue()


def _png_with_checksums(content):
    """The same chunks, each with the checksum of its damaged content."""
    start, done = 8, content[:8]
    while start + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, start)
        body = content[start + 4 : start + 8 + size]
        done += content[start : start + 4] + body + struct.pack(">I", zlib.crc32(body))
        start += size + 12
    return done


def _mat(content, packed):
    file = io.BytesIO()
    scipy.io.savemat(file, content, do_compression=packed)
    return file.getvalue()


def _mat_around(matrix):
    """A file that packs a damaged variable with a right checksum."""
    packed = zlib.compress(matrix)
    return LABELS_UNPACKED[:128] + struct.pack("<II", 15, len(packed)) + packed


def _sequence_fields():
    track = np.arange(7 * 13, dtype=np.uint16).reshape(7, 13)
    return {
        "action": "bowl",
        "x": track,
        "y": track[:, ::-1].astype(float),
        "visibility": np.ones((7, 13), np.uint8),
        "train": 1,
        "nframes": 7,
    }


def _wav():
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((2, 2, 11025, 0, "NONE", None))
        file.writeframes((np.sin(np.arange(400)) * 9000).astype("<i2").tobytes())
    return content.getvalue()


def _read_sound(path):
    return audio.read_sound(path, 8000)


LABELS = _mat(_sequence_fields(), packed=True)
LABELS_UNPACKED = _mat(_sequence_fields(), packed=False)
CROPS = {"X": np.resize(PICTURE, (32, 32, 3, 2)), "y": np.array([[1], [10]], "u1")}


def _read_mat(path):
    return mat5.read(path, ("X", "y"), 10_000)


def _read_variable(path):
    return mat5.read(path, ("X",), 10_000)


def _read_labels(path):
    return read_sequence(path, ("bowl", "squat"))


def _read_npz(path):
    return npz.read_npz(path, ("x", "y"), 10_000)


def _read_npy(path):
    return npz.read_npy(path, (4, 3, 1))


def _open_rows(path):
    size = len(_npy(ROWS))
    return np.array(npy.open_rows(path, "float32", ROWS.shape, size))


def _read_gray(path):
    return images.read_image(path, (8, 8, 1))


def _read_colour(path):
    return images.read_image(path, (8, 8, 3))


def _is_rows(values):
    assert (values.shape, values.dtype) == (ROWS.shape, np.float32)


def _is_own(values):
    assert values.shape == (4, 3, 1)
    assert values.dtype.kind in "buif"


def _is_gray(values):
    assert (values.shape, values.dtype) == ((8, 8, 1), np.uint8)


def _is_colour(values):
    assert (values.shape, values.dtype) == ((8, 8, 3), np.uint8)


def _is_signal(signal):
    assert signal.ndim == 1
    assert signal.size > 0
    assert signal.dtype == np.float32
    assert np.isfinite(signal).all()
    # A resampled signal may swing a little beyond.
    assert np.abs(signal).max() < 2


def _are_numbers(found):
    for values in found.values():
        assert isinstance(values, str) or values.dtype.kind in "buif"
        assert isinstance(values, str) or values.nbytes <= 80_000


def _is_sequence(sequence):
    assert sequence.action in ("bowl", "squat")
    assert sequence.track.shape[1:] == (13, 3)
    assert np.isfinite(sequence.track).all()
    assert np.isin(sequence.track[..., 2], (0, 1)).all()


# By name: a good file's ending and content, its reader, what has to hold for what is
# read, and how damaged bytes get into a file that is whole around them.
FORMATS = {
    "npy": (".npy", _npy(ROWS[0]), _read_npy, _is_own, None),
    "rows of a store": (".npy", _npy(ROWS), _open_rows, _is_rows, None),
    "npz": (".npz", _npz(packed=False), _read_npz, _are_numbers, None),
    "packed npz": (".npz", _npz(packed=True), _read_npz, _are_numbers, None),
    "npz member": (".npz", _npy(PICTURE), _read_npz, _are_numbers, _npz_around),
    "mat": (".mat", _mat(CROPS, packed=False), _read_mat, _are_numbers, None),
    "packed mat": (".mat", _mat(CROPS, packed=True), _read_mat, _are_numbers, None),
    "mat variable": (
        ".mat",
        _mat({"X": CROPS["X"]}, packed=False)[128:],
        _read_variable,
        _are_numbers,
        _mat_around,
    ),
    "penn action": (".mat", LABELS_UNPACKED, _read_labels, _is_sequence, None),
    "packed penn action": (".mat", LABELS, _read_labels, _is_sequence, None),
    "wav": (".wav", _wav(), _read_sound, _is_signal, None),
    "png": (".png", _picture("PNG"), _read_colour, _is_colour, None),
    "png with checksums": (
        ".png",
        _picture("PNG"),
        _read_gray,
        _is_gray,
        _png_with_checksums,
    ),
    "jpeg": (".jpg", _picture("JPEG"), _read_colour, _is_colour, None),
}


@EXAMPLES
@pytest.mark.parametrize("name", FORMATS)
def test_a_mutated_file_is_refused_or_read_well(name, examples, tmp_path):
    ending, content, read, check, wrap = FORMATS[name]
    path = tmp_path / f"file{ending}"
    refusals = try_mutations(read, content, path, examples, check, wrap)
    print(f"{name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize(
    "name",
    ["npy", "rows of a store", "npz", "mat", "penn action", "wav", "png", "jpeg"],
)
def test_a_damaged_file_is_refused_with_its_name(name, damage, tmp_path):
    ending, content, read, *_ = FORMATS[name]
    refused(read, damaged(tmp_path / f"file{ending}", content, damage))
