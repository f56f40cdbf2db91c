"""The benchmark of a comparison times each part of each trial."""

import pytest


@pytest.mark.once
def test_each_phase_of_each_trial_has_its_time(benchmark, tmp_path, capsys):
    pytest.importorskip("torch")
    arguments = "torch --recipe planted --limit 16 --epochs 1 --seeds 1 --methods"
    methods = ["all-features,no-mask", "--out", str(tmp_path / "out")]
    benchmark("comparison").main([*arguments.split(), *methods])
    told = capsys.readouterr().out.splitlines()
    start = told.index("| trial | training | losses | answers | rest |")
    rows = [line.strip("| ").split(" | ") for line in told[start + 2 : start + 4]]
    assert [row[0] for row in rows] == ["all-features, seed 0", "no-mask, seed 0"]
    assert all(float(each) > 0 for row in rows for each in row[1:])
    assert told[-1].startswith("Outside of the trials ")


def test_the_table_takes_the_phases_from_the_whole(benchmark):
    clock = benchmark("comparison").Clock()
    times = {"training": 4.0, "losses": 1.0, "answers": 0.5, "whole": 7.0}
    clock.trials["ours", 3].update(times)
    lines = clock.table(whole=10.0).splitlines()
    assert lines[2] == "| ours, seed 3 | 4.00 | 1.00 | 0.50 | 1.50 |"
    assert lines[-1] == (
        "Outside of the trials 3.0 s, all 10.0 s, 2.50 times the training."
    )


def test_a_comparison_that_trains_nothing_has_no_table(benchmark):
    told = benchmark("comparison").Clock().table(whole=3.0)
    assert told == "All trials were finished before: nothing was trained."
