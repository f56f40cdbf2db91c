"""MATLAB 5 files: what is read equals what scipy wrote; the rest is refused."""

import struct

import numpy as np
import pytest
import scipy.io

from cmvq_keras.data.formats import mat5

pytestmark = pytest.mark.once

KINDS = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def _save(tmp_path, content, **options):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, content, **options)
    return path


def _read(path, *names, max_bytes=100_000):
    return mat5.read(path, names, max_bytes)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_type_come_back(tmp_path, kind, compressed):
    cube = (np.arange(2 * 3 * 4).reshape(2, 3, 4) * 5).astype(kind)
    content = {"cube": cube, "one": cube[:1, 0, 1], "none": cube[:0, :, 0]}
    found = _read(_save(tmp_path, content, do_compression=compressed), *content)
    assert np.array_equal(found["cube"], cube)
    assert found["cube"].dtype == cube.dtype
    assert np.array_equal(found["one"], [[5]])
    assert found["none"].shape == (0, 3)


def test_texts_truth_values_and_only_what_was_asked_for(tmp_path):
    content = {
        "text": "Grüße",
        "true": np.array([[True, False]]),
        "cell": np.array([{"a": 1}, "b"], object),
    }
    found = _read(_save(tmp_path, content), "text", "true")
    assert found["text"] == "Grüße"
    assert found["true"].tolist() == [[1, 0]]
    assert set(found) == {"text", "true"}


@pytest.mark.parametrize("compressed", [True, False])
def test_cells_of_texts_are_read_in_matlabs_order(tmp_path, compressed):
    names = np.array([["wall", "floor mat"], ["Gr\u00fc\u00dfe", "bed"]], object)
    path = _save(tmp_path, {"a": names}, do_compression=compressed)
    assert _read(path, "a")["a"] == ("wall", "Gr\u00fc\u00dfe", "floor mat", "bed")


def test_a_cell_array_that_lacks_a_cell_is_refused(tmp_path):
    path = _save(tmp_path, {"a": np.array([["b", "c", "d"]], object)})
    sizes = struct.pack("<ii", 1, 3)
    content = path.read_bytes().replace(sizes, struct.pack("<ii", 1, 4), 1)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="a has 3 cells, not 4"):
        _read(path, "a")


def test_the_other_byte_order_is_read(tmp_path):
    values = np.array([[1.5, -2.0]], ">f8")
    parts = [
        struct.pack(">IIII", 6, 8, 6, 0),
        struct.pack(">IIii", 5, 8, 1, 2),
        struct.pack(">HH4s", 1, 1, b"a"),
        struct.pack(">II", 9, 16) + values.tobytes(),
    ]
    body = b"".join(parts)
    head = mat5.MAGIC.ljust(124) + b"\x01\x00MI"
    path = tmp_path / "a.mat"
    path.write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    assert np.array_equal(_read(path, "a")["a"], values)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([[1j]]), "a must be an array of real numbers, a text or a cell"),
        ({"b": 1.0}, "a must be an array of real numbers, a text or a cell"),
        (np.array([["b", 1.0]], object), "a must hold only texts"),
        (np.array([[{}]], object), "a must hold only texts"),
        ("two\nlines", "a is not readable text"),
        (np.zeros(200_000, np.uint8), "unpacks to more than 100,000 bytes"),
    ],
)
def test_other_variables_are_refused(tmp_path, value, message):
    path = _save(tmp_path, {"a": value}, do_compression=True)
    with pytest.raises(ValueError, match=message):
        _read(path, "a")


def test_variables_that_are_absent_or_come_twice_are_refused(tmp_path):
    path = _save(tmp_path, {"a": np.ones((2, 2))})
    with pytest.raises(ValueError, match="it lacks b, c"):
        _read(path, "a", "b", "c")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[128:])
    with pytest.raises(ValueError, match="'a' is there twice"):
        _read(path, "a")
    path.write_bytes(whole + b"1234")
    with pytest.raises(ValueError, match="it is truncated"):
        _read(path, "a")


@pytest.mark.parametrize("rows", [-2, 3, 2**31 - 1])
def test_a_stated_size_takes_no_memory(tmp_path, rows):
    path = _save(tmp_path, {"a": np.ones((2, 2))})
    whole = path.read_bytes()
    sizes = struct.pack("<ii", 2, 2)
    assert whole.count(sizes) == 1
    path.write_bytes(whole.replace(sizes, struct.pack("<ii", rows, 2)))
    with pytest.raises(ValueError, match=r"impossible size|bytes for .* values"):
        _read(path, "a")
