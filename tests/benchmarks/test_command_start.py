"""The benchmark of a command's start."""

import keras
import pytest


@pytest.mark.once
def test_what_import_takes_is_taken_off(benchmark, monkeypatch, capsys):
    command_start = benchmark("command_start")
    times = iter([(9.0, 9.0), (2.0, 1.0), (5.0, 4.5), (2.2, 1.2), (5.4, 4.7)])
    monkeypatch.setattr(command_start, "seconds_of", lambda *arguments: next(times))
    command_start.main(["torch", "--rounds", "2"])
    assert capsys.readouterr().out.split("\n")[2:4] == [
        "| wall | 2.10 | 5.20 | 3.10 |",
        "| processor | 1.10 | 4.60 | 3.50 |",
    ]


@pytest.mark.once
@pytest.mark.slow(reason="a command starts in a process of its own")
def test_a_command_is_followed_to_its_first_step(benchmark):
    found = benchmark("command_start").seconds_of("first-step", keras.backend.backend())
    assert min(found) > 0
