"""The benchmark of large tables, on a small one."""

import sys

import pytest

pytestmark = pytest.mark.once


def test_it_reads_and_stores_its_table(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["table_speed", "--rows", "200"])
    benchmark("table_speed").main()
    *_, line = capsys.readouterr().out.splitlines()
    rows, *numbers = line.strip("| ").split(" | ")
    assert rows == "200"
    assert len(numbers) == 3
    assert int(numbers[-1]) > 0
