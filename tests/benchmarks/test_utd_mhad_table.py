"""The table of utd-mhad's files."""

import csv

import pytest

pytestmark = pytest.mark.once


def test_a_recording_is_a_row_with_the_split_of_its_subject(
    benchmark, tmp_path, monkeypatch
):
    made = benchmark("utd_mhad_table")
    folder = tmp_path / "utd_mhad" / "Skeleton"
    folder.mkdir(parents=True)
    for name in ("a2_s7_t1", "a27_s1_t4", "a3_s8_t2"):
        (folder / f"{name}_skeleton.mat").touch()
    output = tmp_path / "utd.csv"
    command = ["utd_mhad_table", "--data-dir", str(tmp_path), "-o", str(output)]
    monkeypatch.setattr("sys.argv", command)
    made.main()
    header, *rows = csv.reader(output.open(newline=""))
    assert header == ["skeleton", "inertial", "label", "split"]
    assert [row[2:] for row in rows] == [
        ["action 27", "train"],
        ["action 2", "validation"],
        ["action 3", "test"],
    ]
    assert rows[0][0] == str(folder / "a27_s1_t4_skeleton.mat")
    inertial = tmp_path / "utd_mhad" / "Inertial" / "a27_s1_t4_inertial.mat"
    assert rows[0][1] == str(inertial)
