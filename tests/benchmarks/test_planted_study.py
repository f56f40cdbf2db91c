"""The planted study's arithmetic; it lies beside the package, in a checkout alone."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.once

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks" / "planted_study"


def _module(name):
    """A module of the study, found by its file: the folder is not installed."""
    path = FOLDER / f"{name}.py"
    if not path.exists():
        pytest.skip("benchmarks/ is not there")
    spec = importlib.util.spec_from_file_location(f"planted_study_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _row(cell, seed, planted, measured, **values):
    columns = _module("records").COLUMNS
    numbers = dict.fromkeys(columns, 0.0)
    words = {"cell": cell, "settings": "", "backend": "torch"}
    words |= {"image_weights": "0.1", "audio_weights": "0.2"}
    found = {"seed": float(seed), "planted_zeta": planted, "zeta": measured}
    return {**numbers, **words, **found, **values}


def test_what_is_written_is_read_back(tmp_path):
    records = _module("records")
    path = tmp_path / "deep" / "raw.csv"
    rows = [
        _row("0-0", 0, None, 0.5, settings="a.b=1 c.d=2"),
        _row("2-1", 1, 0.5, 0.1235, accuracy=1.0),
    ]
    for row in rows:
        records.append(path, row)
    assert records.read(path) == rows
    assert records.read(tmp_path / "none.csv") == []
    assert records.key(rows[0]) == ("0-0", 0, "a.b=1 c.d=2")


def test_another_file_and_a_torn_line_are_told(tmp_path):
    records = _module("records")
    path = tmp_path / "raw.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns cell, seed"):
        records.read(path)
    path.unlink()
    records.append(path, _row("2-1", 1, 0.5, 0.1))
    path.write_text(path.read_text() + "2-1,2,,torch,0.9\n")
    with pytest.raises(ValueError, match="line 3: not one value a column"):
        records.read(path)


def test_ranks_are_compared_with_ties_averaged():
    """By hand: the ranks 1.5, 1.5, 3 against 1, 2, 3."""
    summary = _module("summary")
    rows = [_row("3-0", 0, 0, 0.1), _row("0-3", 0, 0, 0.2), _row("1-1", 0, 1, 0.3)]
    planted, measured = np.array([1.5, 1.5, 3]), np.array([1, 2, 3])
    expected = np.corrcoef(planted, measured)[0, 1]
    found = summary.spearman(rows, summary.MEASURES["zeta, planted zeta"])
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_interval_of_trainings_that_never_differ_is_a_point():
    summary = _module("summary")
    rows = [
        _row(cell, seed, planted, planted)
        for cell, planted in (("3-0", 0), ("2-1", 0.5), ("1-1", 1))
        for seed in range(3)
    ]
    pairs = summary.MEASURES["zeta, planted zeta"]
    assert summary.interval(rows, pairs, resamples=20) == pytest.approx((1, 1))


def test_the_interval_widens_with_noise():
    summary = _module("summary")
    generator = np.random.default_rng(3)
    pairs = summary.MEASURES["zeta, planted zeta"]
    widths = []
    for noise in (0.1, 1.0):
        rows = [
            _row(cell, seed, planted, planted + noise * generator.normal())
            for cell, planted in (("3-0", 0), ("2-1", 0.5), ("1-1", 1))
            for seed in range(5)
        ]
        low, high = summary.interval(rows, pairs, resamples=200)
        widths.append(high - low)
    assert widths[0] < widths[1]


def test_a_measure_that_never_varies_has_no_correlation():
    summary = _module("summary")
    rows = [_row("3-0", 0, 0, 1.0), _row("1-1", 0, 1, 1.0)]
    assert np.isnan(summary.spearman(rows, summary.MEASURES["zeta, planted zeta"]))


def test_what_one_modality_carries_alone_can_be_left_aside():
    summary = _module("summary")
    rows = [_row("3-0", 0, 0, 0.0), _row("2-1", 0, 0.5, 0.9), _row("1-1", 0, 1, 0.6)]
    found = [
        summary.spearman(rows, summary.MEASURES[name])
        for name in summary.MEASURES
        if "zeta" in name or "both" in name
    ]
    assert found[0] == pytest.approx(0.5)
    assert found[1] == pytest.approx(-1)


def test_weights_near_the_threshold_are_counted():
    summary = _module("summary")
    row = _row("2-1", 0, 0.5, 0.5, image_weights="0.0045 0.0044 0.02 -0.005")
    assert summary.near_threshold([{**row, "audio_weights": "0.0055"}]) == 0.4
    row = {**row, "settings": "a.b=1 model.threshold=0.02"}
    assert summary.near_threshold([{**row, "audio_weights": "0.0055"}]) == 0.2


def test_the_table_has_a_part_by_settings_and_a_line_by_cell():
    rows = [
        _row("3-0", 0, 0, 0.2, accuracy=0.9),
        _row("3-0", 1, 0, 0.4, accuracy=1.0),
        _row("0-0", 0, None, 0.9),
        _row("1-1", 0, 1, 0.7, settings="model.penalty=l1"),
    ]
    text = _module("summary").table(rows)
    assert "### Default settings" in text
    assert "### model.penalty=l1" in text
    assert "| 3-0 | 2 | 0.950, 0.900 |" in text
    assert "| 0.00 | 0.30, 0.20 to 0.40 |" in text
    assert "| - | 0.90, 0.90 to 0.90 |" in text
    assert "| zeta | 0.30, 0.40 |" not in text  # no balanced cell beside it


def test_the_goals_are_told_for_channels_and_for_bits():
    rows = [
        _row("3-0", 0, 0, 0.2, optimum=1.0, accuracy=1.0, information_zeta=0.01),
        _row("0-3", 0, 0, 0.4, optimum=1.0, accuracy=0.98, information_zeta=None),
        _row("1-1", 0, 1, 0.7, optimum=1.0, accuracy=1.0, information_zeta=0.9),
        _row("2-2", 0, 1, 0.5, optimum=1.0, accuracy=1.0, information_zeta=1.0),
    ]
    text = _module("summary").table(rows)
    assert "| zeta | 0.30, 0.40 | 0.60, 0.50 |" in text
    assert "| zeta of information | 0.01, 0.01 | 0.95, 0.90 |" in text
    assert "0.50 points on average, 2.00 at most; more than 1 point in 1 of 4" in text


def test_bits_that_were_not_measured_are_no_zeros():
    rows = [
        _row("3-0", 0, 0, 0.2, image_information=None, audio_information=None),
        _row("1-1", 0, 1, 0.7, image_information=1.0, information_zeta=1.0),
    ]
    text = _module("summary").table(rows)
    assert "| - | - |" in text
    assert "information of a modality" not in text


def test_each_bit_that_is_guessed_halves_the_accuracy():
    trial = _module("trial")
    assert trial.bits_lost(1.0, 0.25, classes=8) == 2
    assert trial.bits_lost(0.96, 0.48, classes=8) == 1
    assert trial.bits_lost(1.0, 0.05, classes=8) == 3
    assert trial.bits_lost(0.9, 0.95, classes=8) == 0


def test_planted_zeta_is_that_of_what_each_alone_carries():
    trial = _module("trial")
    assert trial.planted_zeta({"image": 3, "audio": 1}) == 1 / 3
    assert trial.planted_zeta({"image": 0, "audio": 3}) == 0
    assert trial.planted_zeta({"image": 0, "audio": 0}) is None


def test_a_training_fills_every_column_but_two():
    trial, records = _module("trial"), _module("records")
    tiny = {"training.limit": 64, "training.epochs": 1, "model.hidden_channels": 8}
    row = trial.run("2-2", 3, tiny)
    assert set(row) == set(records.COLUMNS) - {"settings", "backend"}
    assert (row["image_bits"], row["audio_bits"], row["planted_zeta"]) == (2, 2, 1)
    assert len(row["audio_weights"].split()) == 16
    assert 0 <= row["accuracy"] <= row["optimum"] == 1


def test_a_relative_penalty_knows_no_scale_and_a_normalized_mask_none_of_the_codes():
    masks = _module("masks")
    penalty = masks.RelativePenalty(weight=2.0)
    weights = np.float32([0.3, -0.4, 0.0])
    assert float(penalty(weights)) == pytest.approx(2 * 0.7 / 0.5, rel=1e-5)
    assert float(penalty(10 * weights)) == pytest.approx(2 * 0.7 / 0.5, rel=1e-5)
    mask = masks.StudyMask(True, False, threshold=0.005, start=0.01)
    codes = np.random.default_rng(0).normal(0, (0.1, 1, 10), (500, 3))
    found = mask(codes.astype("float32"), training=True)
    found = keras.ops.convert_to_numpy(found)
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=0.05)


def test_an_unknown_setting_of_the_studys_own_is_told():
    masks = _module("masks")
    masks.check({"study.normalize": "true", "study.penalty_from": "4"})
    with pytest.raises(ValueError, match=r"Received: study\.normalise=true"):
        masks.check({"study.normalise": "true"})
