"""The rules of the verdict, each at its border, on numbers made by hand."""

import dataclasses
import json

import pytest

from cmvq_keras.experiments import findings, verdict, verdict_file
from cmvq_keras.experiments.evidence import Evidence
from cmvq_keras.experiments.findings import FAR, FLOOR, Finding
from cmvq_keras.experiments.paired import MARGIN, Difference, decided
from cmvq_keras.experiments.table_content import Number, Row
from cmvq_keras.experiments.verdict import Verdict

pytestmark = pytest.mark.once

TITLES = {"fusion": "all features", "ensemble": "ensemble", "ours": "ours"}


def _difference(low, high, deviation=0.02, error=0.01):
    return Difference(
        "to", (low + high) / 2, deviation, (low, high), samples_error=error
    )


def _row(title, mean, alone=None, fusion=None, **numbers):
    against = {"alone": alone, "fusion": fusion}
    against = {
        name: each if isinstance(each, Difference) else _difference(*each)
        for name, each in against.items()
        if each
    }
    score = Number(mean, 0.01, (mean - 0.02, mean + 0.02))
    return Row(title, title, {}, (0, 1, 2), 500, score, against=against, **numbers)


def _evidence(fusion=(0.02, 0.06), ours=(0.02, 0.06), gain=(-0.02, 0.02), **changes):
    """Image and audio alone have 70 and 40 %; differences are to image alone."""
    found = Evidence(
        score="accuracy",
        alone={"image": _row("image alone", 0.7), "audio": _row("audio alone", 0.4)},
        fusion=_row("all features", 0.7 + sum(fusion) / 2, fusion),
        ours=_row("ours", 0.7 + sum(ours) / 2, ours, gain),
        chance=0.125,
        epochs=20,
        n=500,
        seeds=3,
    )
    return dataclasses.replace(found, **changes)


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.001, 0.05), "better"),
        ((0.0, 0.05), "unclear"),
        ((-0.05, -0.001), "worse"),
        ((-0.05, 0.0), "unclear"),
        ((-MARGIN, MARGIN), "alike"),
        ((-MARGIN - 1e-9, MARGIN), "unclear"),
        ((0.001, MARGIN), "alike"),
        ((0.001, MARGIN + 1e-9), "better"),
    ],
)
def test_an_interval_decides_only_where_all_of_it_agrees(interval, answer):
    assert decided(interval) == answer


@pytest.mark.parametrize(
    ("interval", "answer", "words"),
    [
        ((-0.08, -0.02), "yes", "loses 5.0 points against image alone"),
        ((0.02, 0.06), "no", "gains 4.0 points over image alone"),
        ((-0.005, 0.005), "no", "within one point of image alone"),
        ((-0.08, 0.02), "unclear", "not clear whether plain fusion beats image alone"),
    ],
)
def test_fusion_overfits_where_it_loses_against_the_best_alone(interval, answer, words):
    found = findings.fusion_overfits(_evidence(fusion=interval))
    assert found.answer == answer
    assert words in found.sentence
    assert f"95 %: {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}" in (
        found.sentence
    )
    without = dataclasses.replace(_evidence(), fusion=None)
    assert findings.fusion_overfits(without) is None


@pytest.mark.parametrize(
    ("gain", "ours", "answer"),
    [
        ((0.01, 0.05), (-0.02, 0.03), "yes"),
        ((0.01, 0.05), (-0.06, -0.01), "in part"),
        ((-0.05, -0.01), (-0.06, -0.01), "no"),
        ((-0.01, 0.01), (-0.06, -0.01), "no difference"),
        ((-0.02, 0.05), (-0.06, -0.01), "unclear"),
    ],
)
def test_ours_mends_what_it_gains_over_plain_fusion(gain, ours, answer):
    found = findings.ours_mends(_evidence((-0.08, -0.02), ours, gain))
    assert found.answer == answer
    assert ("still 3.5 points below image alone" in found.sentence) == (
        answer == "in part"
    )


def test_bits_below_the_floor_are_none():
    ours = _row(
        "ours",
        0.7,
        bits={
            "image": Number(1.1, 0.1, (1.0, 1.2)),
            "audio": Number(0.01, 0.01, (0.0, FLOOR - 1e-9)),
        },
    )
    assert findings.bits_added(_evidence()) is None
    evidence = dataclasses.replace(_evidence(), ours=ours)
    found = findings.bits_added(evidence)
    assert found.answer == "image the most"
    assert "image adds 1.10 bits of the label (95 %: 1.00 to 1.20 over seeds)" in (
        found.sentence
    )
    assert "over seeds), which is nothing." in found.sentence
    assert findings.silent(evidence) == ["audio"]
    # Ours has 68 to 72 %.
    unlearnt = dataclasses.replace(evidence, chance=0.68)
    assert findings.silent(unlearnt) == []
    assert findings.bits_added(unlearnt).answer == "unknown"
    border = dataclasses.replace(ours, bits={"audio": Number(0.01, 0.0, (0.0, FLOOR))})
    assert findings.silent(dataclasses.replace(evidence, ours=border)) == []
    behind = dataclasses.replace(ours, against={"fusion": _difference(-0.06, -0.001)})
    behind = dataclasses.replace(evidence, ours=behind)
    found = findings.bits_added(behind)
    assert found.answer == "of what ours uses, image the most"
    assert "which is nothing" not in found.sentence
    assert "these are the bits of ours, not of the data" in found.sentence
    assert findings.silent(behind) == []
    not_behind = dataclasses.replace(ours, against={"fusion": _difference(-0.06, 0.0)})
    assert findings.silent(dataclasses.replace(evidence, ours=not_behind)) == ["audio"]
    one_seed = dataclasses.replace(ours, bits={"audio": Number(FLOOR - 1e-9)})
    found = findings.bits_added(dataclasses.replace(evidence, ours=one_seed))
    assert found.answer == "none"
    assert "95 %" not in found.sentence


def test_what_is_left_without_a_modality_stands_beside_the_other_one_alone():
    ours = _row("ours", 0.8, without={"image": Number(0.3), "audio": Number(0.79)})
    found = findings.missing(dataclasses.replace(_evidence(), ours=ours))
    assert found.answer == "image matters most"
    assert (
        "Without image ours has 30.0 % in place of 80.0 %; a network of audio alone "
        "has 40.0 %." in found.sentence
    )
    unlearnt = dataclasses.replace(_evidence(), ours=ours, chance=0.78)
    assert findings.missing(unlearnt).answer == "unknown"
    little = dataclasses.replace(ours, without={"image": Number(0.8 - MARGIN + 1e-9)})
    found = findings.missing(dataclasses.replace(_evidence(), ours=little))
    assert found.answer == "little is lost"


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.01, 0.05), "yes"),
        ((-0.01, 0.01), "yes"),
        ((-0.05, -0.01), "no"),
        ((-0.05, 0.02), "unclear"),
    ],
)
def test_kernel_ridge_is_held_against_the_best_network(interval, answer):
    shallow = _row("kernel ridge", 0.7, fusion=interval, alone=(-0.5, -0.4))
    shallow = dataclasses.replace(shallow, difference=Number(-0.3, 0, (-0.4, -0.2)))
    evidence = _evidence(fusion=(0.1, 0.2), shallow=shallow)
    found = findings.shallow_suffices(evidence)
    assert found.answer == answer
    assert "all features" in found.sentence
    # Where ours is the best one, it is held against ours.
    evidence = _evidence(ours=(0.1, 0.2), shallow=shallow)
    assert findings.shallow_suffices(evidence).answer == "no"
    # Where a modality alone is.
    evidence = _evidence((-0.2, -0.1), (-0.2, -0.1), shallow=shallow)
    assert "image alone" in findings.shallow_suffices(evidence).sentence


def test_a_network_has_learned_where_its_interval_is_above_chance():
    evidence = _evidence()
    assert findings.learnt(evidence).answer == "yes"
    # The lowest interval is that of audio alone, from 0.38 on.
    at_border = dataclasses.replace(evidence, chance=0.38)
    found = findings.learnt(at_border)
    assert found.answer == "not all"
    assert "Not above chance (38.0 %): audio alone." in found.sentence
    assert findings.unlearnt(dataclasses.replace(evidence, chance=0.3799)) == []
    assert findings.learnt(dataclasses.replace(evidence, chance=0.9)).answer == "no"
    unknown = dataclasses.replace(evidence, chance=None)
    assert findings.learnt(unknown).answer == "yes"
    assert findings.learnt(unknown).sentence == "No network still rose after 20 epochs."
    assert findings.learnt(evidence).sentence == (
        "All networks are above chance, and none still rose after 20 epochs."
    )


def test_a_rise_at_the_end_is_a_training_too_short():
    evidence = _evidence(rises={"ours": 2.0, "audio alone": 0.0})
    assert findings.too_short(evidence) == ["ours"]
    found = findings.learnt(evidence)
    assert found.answer == "too short"
    assert "Still rising after 20 epochs: ours." in found.sentence


def test_a_gap_of_the_best_network_is_memory():
    for gap, answer in ((FAR, "no"), (FAR + 1e-9, "yes"), (-0.01, "no")):
        fusion = _row("all features", 0.9, (0.1, 0.2), gap=Number(gap))
        found = findings.memorized(dataclasses.replace(_evidence(), fusion=fusion))
        assert found.answer == answer
        assert ("More training samples" in found.sentence) == (answer == "yes")
    assert findings.memorized(_evidence()) is None


def test_seeds_and_samples_are_said_for_what_is_unclear():
    # (1.96 + 0.8416)^2 * (0.02 / 0.01)^2 + 1.96^2 / 2 = 33.3 seeds, and
    # 500 * (2.8016 * 0.01 / 0.01)^2 = 3924.4 samples.
    evidence = _evidence((-0.04, 0.02), (0.02, 0.06), (0.01, 0.05))
    found = findings.what_would_decide(evidence)
    assert found.sentence == (
        "Plain fusion and image alone: 34 seeds in place of 3 and 3,925 test samples "
        "in place of 500 would find a difference of one point."
    )
    enough = dataclasses.replace(evidence, seeds=34, n=10**6)
    assert "3" not in findings.what_would_decide(enough).sentence.replace("34", "")
    clear = _evidence((0.02, 0.06), (0.02, 0.06), (0.01, 0.05))
    assert findings.what_would_decide(clear) is None
    one = _row("all features", 0.7, Difference("to", 0, None, (-0.1, 0.1)))
    found = findings.what_would_decide(dataclasses.replace(clear, fusion=one))
    assert "Train three or more" in found.sentence


@pytest.mark.parametrize(
    ("evidence", "recommendation", "words"),
    [
        (_evidence(), "keep", "Keep image and audio, with all features"),
        (_evidence((-0.02, 0.01)), "keep", "with ours"),
        (_evidence(rises={"all features": 1.5}), "train-longer", "40 epochs"),
        (_evidence(rises={"audio alone": 1.5}), "keep", ""),
        (_evidence(chance=0.9), "more-data", "No network is above chance"),
        (
            _evidence(chance=0.9, rises={"ours": 1.5}),
            "train-longer",
            "no network is above chance",
        ),
        (
            _evidence(shallow=_row("kernel ridge", 0.9, (0.1, 0.2), (0.001, 0.05))),
            "train-longer",
            "Kernel ridge beats every network",
        ),
        (
            _evidence(
                chance=0.9, shallow=_row("kernel ridge", 0.95, (0.2, 0.3), (0.2, 0.3))
            ),
            "train-longer",
            "Kernel ridge beats every network",
        ),
        (
            _evidence(shallow=_row("kernel ridge", 0.7, (0.1, 0.2), (0.0, 0.05))),
            "keep",
            "",
        ),
        (_evidence((-0.06, -0.01), (-0.01, 0.01)), "drop", "Drop audio: no fusion"),
        (_evidence((-0.06, 0.03), (-0.01, 0.01)), "more-data", "do not decide"),
    ],
)
def test_the_recommendation_is_the_first_that_holds(evidence, recommendation, words):
    found = verdict.of_evidence(evidence)
    assert found.recommendation == recommendation
    assert words in found.sentence


def test_a_modality_without_bits_or_above_no_chance_is_dropped():
    unclear = _evidence((-0.06, 0.03), (-0.03, 0.049))
    bits = {"image": Number(1.0), "audio": Number(0.01)}
    ours = dataclasses.replace(unclear.ours, bits=bits)
    found = verdict.of_evidence(dataclasses.replace(unclear, ours=ours))
    assert found.recommendation == "drop"
    assert "adds no bits" in found.sentence
    # Audio alone has 38 to 42 %; ours has 0.95 points more than image alone.
    chance = dataclasses.replace(unclear, chance=0.38)
    found = verdict.of_evidence(chance)
    assert found.recommendation == "drop"
    assert "Drop audio: alone it is not above chance" in found.sentence
    depth = {**chance.alone, "depth": _row("depth alone", 0.35)}
    found = verdict.of_evidence(dataclasses.replace(chance, alone=depth))
    assert "Drop audio and depth: alone they are not above" in found.sentence
    gains = _evidence((-0.06, 0.03), (-0.03, 0.051), chance=0.38)
    assert verdict.of_evidence(gains).recommendation == "more-data"


def test_a_fusion_that_has_learned_nothing_trains_longer():
    # Ours has 60 %, 58 to 62; the other networks have more.
    unclear = _evidence((-0.06, 0.03), (-0.3, 0.1))
    assert verdict.of_evidence(unclear).recommendation == "more-data"
    lost = dataclasses.replace(
        unclear, chance=0.58, alone={"image": unclear.alone["image"]}
    )
    found = verdict.of_evidence(lost)
    assert found.recommendation == "train-longer"
    assert "Train longer than 20 epochs: ours is not above chance" in found.sentence
    learnt = dataclasses.replace(lost, chance=0.5799)
    assert verdict.of_evidence(learnt).recommendation == "more-data"


def test_without_a_modality_alone_or_a_fusion_there_is_no_verdict():
    evidence = _evidence()
    assert verdict.of_evidence(dataclasses.replace(evidence, alone={})) is None
    nothing = dataclasses.replace(evidence, fusion=None, ours=None)
    assert verdict.of_evidence(nothing) is None


VERDICT = Verdict("keep", "Keep both.", [Finding("Why?", "yes", "So.")])


def test_a_verdict_is_read_as_it_was_written(tmp_path):
    verdict_file.write(tmp_path, VERDICT)
    assert verdict_file.read(tmp_path) == VERDICT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format must be 1"),
        ({"recommendation": "kep"}, "Did you mean keep?"),
        ({"sentence": 3}, "sentence must be a text"),
        ({"findings": {}}, "findings must be a list"),
        ({"findings": [{"question": "Why?"}]}, "answer must be a text"),
    ],
)
def test_a_verdict_of_another_form_is_refused(tmp_path, change, words):
    verdict_file.write(tmp_path, VERDICT)
    path = tmp_path / verdict_file.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match="is not a readable verdict") as told:
        verdict_file.read(tmp_path)
    assert words in str(told.value)
