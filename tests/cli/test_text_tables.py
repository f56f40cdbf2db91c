"""Tables and bars as a terminal and a pipe get them."""

import sys

import pytest
from command_line import python

from cmvq_keras.cli import progress, text_tables

pytestmark = pytest.mark.once

HEADER = ("method", "accuracy (%)", "difference to the one that is named ours")
ROWS = [
    ("image alone", "56.00 ± 4.24", "-21.00 (-36.00 to +4.00) on all of the samples")
]


def test_a_table_with_a_header_is_folded_at_80_columns_in_a_pipe():
    lines = text_tables.table(ROWS, HEADER).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("image alone  56.00 ± 4.24  -21.00 (-36.00 to")
    assert set(lines[1]) == {"-"}
    text = " ".join(" ".join(lines).split())
    assert "on all of the samples" in text


def test_names_and_values_stay_on_one_line():
    path = "/a" * 100
    text = text_tables.table([("Recipe", "planted"), ("Run folder", path)])
    assert text == f"Recipe      planted\nRun folder  {path}"


def test_cells_are_text_and_no_markup():
    assert "[bold]x[/bold] :smile:" in text_tables.table(
        [("[red]a", "[bold]x[/bold] :smile:")]
    )


def test_numbers_are_not_folded_and_what_cannot_fit_does_not():
    header = ("Class", "Recall", *(f"as {name}" for name in "abcdefgh"))
    rows = [("a", "50.00 %", *range(8))]
    assert text_tables.fits(rows, header)
    assert "50.00 %" in text_tables.table(rows, header)
    wide = ("Class", *("as neutralization" for _ in range(8)))
    assert not text_tables.fits([("a", *range(8))], wide)
    # "Class" and a gap are 7 wide, eight digits with their gaps 24.
    for width, expected in ((49, True), (50, False)):
        row = ("x", *range(8), "x" * width)
        assert text_tables.fits([row], ("Class", *"bcdefghi", "j")) == expected


def test_columns_that_do_not_fit_follow_below_beside_the_first():
    header = ("method", *(f"incompressible{number}" for number in range(7)))
    rows = [(name, *(f"{name}{number}" for number in range(7))) for name in "ab"]
    lines = text_tables.table(rows, header).splitlines()
    # 6 and gap, four of 15 and gap: 74 of 80 columns.
    assert lines[0].split() == list(header[:5])
    assert lines[2].split() == ["a", "a0", "a1", "a2", "a3"]
    assert lines[4] == ""
    assert lines[5].split() == ["method", *header[5:]]
    assert lines[8].split() == ["b", "b4", "b5", "b6"]
    assert len(lines) == 9


def test_a_table_without_rows_is_its_header():
    assert text_tables.table([], ("a", "b")).splitlines()[0].split() == ["a", "b"]


def test_a_bar_in_a_pipe_is_its_title_alone(capsys):
    with progress.Bar("Preparing train", 3) as bar:
        for done in (1, 2, 3):
            bar.update(done)
    assert capsys.readouterr().err == "Preparing train\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
def test_a_bar_on_a_terminal_counts(tmp_path):
    code = """
import os, pty, sys
from cmvq_keras.cli.progress import Progress

leader, follower = pty.openpty()
os.dup2(follower, 2)
with Progress() as bar:
    for done in range(1, 4):
        bar.update("train", done, 3)
os.close(follower)
os.close(2)
text = b""
try:
    while part := os.read(leader, 4096):
        text += part
except OSError:
    pass
sys.stdout.write(text.decode())
"""
    done = python(code, folder=tmp_path, TERM="xterm", COLUMNS="80")
    assert done.returncode == 0
    assert "Preparing train" in done.stdout
    assert "3/3" in done.stdout


def test_rich_is_not_imported_for_help(tmp_path):
    code = """
import sys
from cmvq_keras.cli import main
try:
    main(["train", "--help"])
except SystemExit:
    pass
assert "rich" not in sys.modules
"""
    done = python(code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
