"""Files in folders that somebody else made: nothing leads out of them, or hangs."""

import errno
import io
import os
import zipfile
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest

from cmvq_keras import fileio
from cmvq_keras.fileio import inside

pytestmark = pytest.mark.once

WAYS = {
    "read": lambda path, root: _read(path, root),
    "write": lambda path, root: fileio.write_atomically(path, "new", root),
    "make": lambda path, root: fileio.make_folder(path, root),
    "remove": lambda path, root: fileio.remove_folder(path, root),
}


def _read(path, root):
    with fileio.opened(path, "note", root=root) as file:
        return file.read()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "victim").write_text("precious")
    yield tmp_path / "root"
    assert os.listdir(tmp_path / "away") == ["victim"]
    assert (tmp_path / "away" / "victim").read_text() == "precious"


@pytest.fixture(params=["by descriptors", "by names"])
def walk(request, monkeypatch):
    """Both ways of looking at the folders above a file."""
    monkeypatch.setattr(inside, "_WALKS", request.param == "by descriptors")


@pytest.mark.usefixtures("walk")
@pytest.mark.parametrize("way", WAYS)
def test_no_folder_above_is_a_link(way, root):
    (root / "below").symlink_to("../away")
    with pytest.raises(ValueError, match=r"below is a link, or leads out of .*root"):
        WAYS[way](root / "below" / "victim", root)


@pytest.mark.usefixtures("walk")
@pytest.mark.parametrize("way", ["read", "make", "remove"])
def test_no_link_is_followed(way, root):
    (root / "name").symlink_to("../away" if way != "read" else "../away/victim")
    with pytest.raises(ValueError, match=r"name is a link, or leads out of .*root"):
        WAYS[way](root / "name", root)


@pytest.mark.usefixtures("walk")
@pytest.mark.parametrize("way", WAYS)
def test_nothing_leads_up(way, root):
    with pytest.raises(ValueError, match="does not lie in"):
        WAYS[way](root / ".." / "away" / "victim", root)
    with pytest.raises(ValueError, match="does not lie in"):
        WAYS[way](root, root)


@pytest.mark.usefixtures("walk")
def test_a_folder_may_be_named_from_above(root, monkeypatch):
    monkeypatch.chdir(root.parent / "away")
    above = root.parent.name
    for folder in (Path("../root"), Path(f"../../{above}/root")):
        fileio.write_atomically(folder / "name", "new", folder)
        assert _read(folder / "name", folder) == b"new"
        with pytest.raises(ValueError, match="does not lie in"):
            fileio.make_folder(folder / ".." / "away" / "below", folder)


@pytest.mark.usefixtures("walk")
@pytest.mark.parametrize("plant", ["link", "hard link", "pipe", "file"])
def test_what_is_replaced_keeps_its_other_names(plant, root):
    path = root / "name"
    planted(path, root.parent / "away" / "victim", plant)
    fileio.write_atomically(path, "new", root)
    assert path.read_text() == "new"
    assert not path.is_symlink()
    fileio.write_atomically(path, b"newer", root)
    assert _read(path, root) == b"newer"
    assert os.listdir(root) == ["name"]


def planted(path, victim, kind):
    """Puts something else than a plain file to a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("old")


@pytest.mark.parametrize("root_of", [lambda path: path.parent, lambda path: None])
def test_a_pipe_is_not_waited_for(root_of, root):
    os.mkfifo(root / "name")
    with pytest.raises(ValueError, match="is not a readable note: it is not a file"):
        _read(root / "name", root_of(root / "name"))
    with pytest.raises(ValueError, match="name is not a file: "):
        fileio.check_no_links(root)


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_a_file_that_grows_is_of_one_name(kind, root):
    path = root / "name"
    planted(path, root.parent / "away" / "victim", kind)
    with pytest.raises(ValueError, match="a file with other names"):
        fileio.writable(path, keep=True)
    with fileio.writable(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_folders_are_made_and_removed(root):
    fileio.make_folder(root / "a" / "b", root)
    fileio.make_folder(root / "a" / "b", root)
    (root / "a" / "b" / "out").symlink_to("../../../away")
    fileio.remove_folder(root / "a", root)
    assert not os.listdir(root)


@pytest.mark.parametrize(
    ("packing", "told"),
    [(zipfile.ZIP_STORED, None), (zipfile.ZIP_DEFLATED, "not a readable .*is packed")],
)
def test_a_packed_archive_is_refused(packing, told, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("model.weights.h5", bytes(10**6))
    refusal = pytest.raises(ValueError, match=told) if told else nullcontext()
    with refusal, fileio.opened(path, ".keras file") as file:
        fileio.check_stored(file)
        assert file.tell() == 0


def test_members_that_share_bytes_are_refused(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", bytes(10**5))
        archive.filelist += [archive.filelist[0]] * 50
    with (
        pytest.raises(ValueError, match="it states more bytes than it has"),
        fileio.opened(path, ".keras file") as file,
    ):
        fileio.check_stored(file)


class FullDisk(io.BytesIO):
    """A file that has no room after so many bytes."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 100, 3000, 9000])
def test_hdf5_never_meets_a_full_disk(room, capfd):
    with pytest.raises(OSError, match="No space left"):
        _write_hdf5(FullDisk(room))
    assert capfd.readouterr() == ("", "")


def _write_hdf5(disk):
    with fileio.deferring(disk) as file, h5py.File(file, "w") as content:
        for name in "abc":
            content[name] = np.zeros(1000)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;title\x07b", r"a\x1b]0;title\x07b"),
        ("one\n two\t\r\x0b three", "one two three"),
        ("abc\u202edcb\u2066", r"abc\u202edcb\u2066"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("name\udcff.wav", r"name\udcff.wav"),
        ("Größe 数 ±", "Größe 数 ±"),
    ],
)
def test_any_text_is_one_printable_line(text, shown):
    assert fileio.printable(text) == shown
    assert fileio.printable(text).isprintable()
    assert fileio.one_line(ValueError(text)) == shown


def test_lines_stay_lines():
    assert fileio.printable_lines("a  b\n\x1b[2J\n") == "a  b\n\\x1b[2J\n"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+x", "-x", "@a", "\tx", "\r=x", "'=x", "''-x", "'", "''", "-", "plain"],
)
def test_a_cell_is_no_formula_and_comes_back(text):
    line = fileio.csv_line(["name", text])
    ((_, (_, cell)),) = fileio.csv_rows(line.encode())
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert fileio.unquoted(cell) == text


@pytest.mark.parametrize(
    ("cell", "line"), [(-1.5, "-1.5"), ("-1.5", "-1.5"), ("+3", "+3"), (None, '""')]
)
def test_numbers_stay_numbers(cell, line):
    assert fileio.csv_line([cell]) == f"{line}\n"


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", " a ", "é"])
def test_what_is_written_is_read(text):
    content = "".join(map(fileio.csv_line, [["name", text], ["other", "z"]]))
    rows = [cells for _, cells in fileio.csv_rows(content.encode())]
    assert rows == [["name", text], ["other", "z"]]


def test_a_failed_write_by_path_leaves_what_was_there(tmp_path):
    old = tmp_path / "model"
    old.mkdir()
    (old / "saved_model.pb").write_text("old")

    def write(text, fails=False):
        with fileio.replacing_path(old) as temporary:
            temporary.mkdir()
            (temporary / "saved_model.pb").write_text(text)
            if fails:
                raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write("new", fails=True)
    assert (old / "saved_model.pb").read_text() == "old"
    (tmp_path / ".model.old").mkdir()  # left by a process that was killed
    write("new")
    assert (old / "saved_model.pb").read_text() == "new"
    assert list(tmp_path.iterdir()) == [old]


def test_a_folder_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path):
    new, link, elsewhere = (tmp_path / name for name in ("new", "link", "elsewhere"))
    new.mkdir()
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    link.symlink_to(elsewhere)
    fileio.take_place(new, link)
    assert (link.is_symlink(), list(link.iterdir())) == (False, [])
    assert (elsewhere / "kept").exists()
