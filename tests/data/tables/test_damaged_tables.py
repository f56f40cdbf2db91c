"""Damaged tables, and damaged files of numbers: told in one line, or read well."""

import io
import wave

import numpy as np
import pytest
import scipy.io
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations
from PIL import Image

from cmvq_keras.data import kinds, single_file, tables
from cmvq_keras.data.formats import mat5, numbers_text
from cmvq_keras.data.split import SPLITS
from cmvq_keras.recipe import Modality

pytestmark = pytest.mark.once

TABLE = b"size_a;size_b;label;group\n" + b"".join(
    b"%d.5;%d;%s;g%d\n" % (row, 7 * row, b"ab"[row % 2 : row % 2 + 1], row)
    for row in range(12)
)


def _matrix():
    file = io.BytesIO()
    scipy.io.savemat(file, {"readings": np.arange(12.0).reshape(6, 2)})
    return file.getvalue()


def _is_table(table):
    assert len(table.recipe.classes) > 1
    for split in SPLITS:
        listing = table.listings[split]
        assert len(listing.labels) == len(listing.names)


def _are_numbers(values):
    assert values.size > 0
    assert values.dtype.kind in "uif"


def _clip():
    """A short clip, or nothing where no program writes one."""
    av = pytest.importorskip("av", reason="writes the clip")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(11):
            values = np.full((32, 32, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, "rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _picture():
    file = io.BytesIO()
    pixels = np.arange(24 * 20 * 3, dtype=np.uint8).reshape(24, 20, 3)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _sound():
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", None))
        sound.writeframes((np.sin(np.arange(400)) * 9000).astype("<i2").tobytes())
    return file.getvalue()


LINES = b"1.5,2\n-3,4e-1\n0,7\n"
#: By kind: the file's name, its content, and a shape.
SINGLE = {
    "image": ("photo.png", _picture, (12, 10, 3)),
    "audio": ("sound.wav", _sound, (16, 16, 1)),
    "depth": ("depth.npy", _npy(np.ones((4, 5, 1), np.float32)), (4, 5, 1)),
    "pose": ("pose.npy", _npy(np.ones((8, 2, 3), np.float32)), (8, 2, 3)),
    "sequence": ("motion.csv", LINES, (4, 2)),
    "padded": ("motion.csv", LINES, (4, 3)),
    "vector": ("size.csv", LINES, (6,)),
    "tokens": ("note.txt", "Grüße an alle".encode(), (16,)),
    "video": ("clip.mp4", _clip, (3, 8, 8, 1)),
}


def test_files_of_every_kind_are_mutated():
    assert set(SINGLE) == set(kinds.names())


@EXAMPLES
@pytest.mark.parametrize("kind", SINGLE)
def test_a_mutated_file_of_a_kind_is_refused_or_read_well(kind, examples, tmp_path):
    name, content, shape = SINGLE[kind]
    modality = Modality(shape, kind)

    def read(path):
        return single_file.read(path, modality, kinds.get(kind).readers({}))

    def check(values):
        assert values.shape == shape
        assert np.isfinite(values).all()
        if kind == "padded":
            assert set(np.unique(values[:, -1])) <= {0.0, 1.0}
            assert values[0, -1] == 1

    content = content() if callable(content) else content
    (tmp_path / name).write_bytes(content)
    check(read(tmp_path / name))
    refusals = try_mutations(read, content, tmp_path / name, examples, check)
    print(f"{kind}: {refusals} of {examples} refused")


READERS = {
    "table.csv": (TABLE, tables.open_table, _is_table),
    "readings.txt": (
        b"x y\n1.5 2\n3 4e-1\n",
        numbers_text.read,
        lambda values: np.isfinite(values).all() and _are_numbers(values),
    ),
    "readings.mat": (
        _matrix(),
        lambda path: mat5.read_only(path, 1_000_000),
        _are_numbers,
    ),
}


@EXAMPLES
@pytest.mark.parametrize("name", READERS)
def test_a_mutated_file_is_refused_or_read_well(name, examples, tmp_path):
    content, read, check = READERS[name]
    refusals = try_mutations(read, content, tmp_path / name, examples, check)
    print(f"{name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("name", ["table.csv", "readings.mat"])
def test_a_damaged_file_is_refused_with_its_name(name, damage, tmp_path):
    content, read, _ = READERS[name]
    refused(read, damaged(tmp_path / name, content, damage))
