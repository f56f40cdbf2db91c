"""The benchmark of a run of many small samples."""

import keras
import numpy as np
import pytest


@pytest.mark.once
@pytest.mark.slow(reason="one training, and a report's probes")
def test_a_run_of_many_samples_is_timed(benchmark, tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    many_samples = benchmark("many_samples")
    monkeypatch.setattr(many_samples, "MEASURED", 48)
    monkeypatch.setattr(many_samples, "STEPS", 2)
    found = many_samples.measured(tmp_path, 96)
    assert set(found) == {"run", "steps", "report"}
    assert min(found.values()) > 0
    seconds = {"run": 3.0, "steps": 2.5, "report": 1.0}
    monkeypatch.setattr(many_samples, "measured", lambda folder, count: seconds)
    many_samples.main([keras.backend.backend()])
    assert capsys.readouterr().out.split("\n")[-2] == "| 3.0 s | 2.5 s | 1.20 | 1.0 s |"


@pytest.mark.once
def test_its_pictures_tell_their_class(benchmark):
    x, labels = benchmark("many_samples").drawn(64, 0)
    for values in x.values():
        lines = values.reshape(64, 4, 2, 8).mean(axis=(2, 3))
        np.testing.assert_array_equal(lines.argmax(axis=1), labels)
