"""Each sentence of a report stands at one side of its border and not at the other."""

import dataclasses

import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.metrics import complementarity
from cmvq_keras.recipe import Modality, Recipe, Target
from cmvq_keras.reporting import cautions, summary

pytestmark = pytest.mark.once
PLANTED = recipes.get("planted")


def _counts(**counts):
    return complementarity(
        {name: np.arange(64) < count for name, count in counts.items()}
    )


def _channels(**counts):
    return " ".join(summary.channels(_counts(**counts)))


def test_channels_are_counted_and_not_judged():
    text = _channels(image=28, audio=25)
    assert text == (
        "The task sees 53 of 128 channels: image 28, audio 25. Zeta is 0.89: the "
        "smaller count divided by the larger."
    )
    assert "sees nothing" in _channels(image=0, audio=0)
    assert "sees nothing" not in _channels(image=1, audio=0)
    assert "one modality, so zeta is 0" in _channels(image=3)
    three = _channels(image=5, audio=4, text=3)
    assert "image 0.71, audio 0.50, text 0.33" in three
    assert "0.50 is an equal share" in three


def test_without_a_mask_nothing_is_counted():
    found = list(summary.channels(_counts(image=32, audio=32), "none"))
    assert found == ["The model has no mask: the task sees all channels."]


def _drop(value, low, high):
    return {"drop": value, "drop_interval": [low, high]}


def _missing(**drops):
    return " ".join(
        summary.missing({name: _drop(*found) for name, found in drops.items()})
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.04, "falls by 2.0 points (95 %: 0.1 to 4.0)"),
        (0.0, 0.04, "loses nothing measurable (95 %: 0.0 to 4.0)"),
        (-0.04, 0.0, "loses nothing measurable (95 %: -4.0 to 0.0)"),
    ],
)
def test_a_loss_is_stated_where_its_interval_lies_above_zero(low, high, expected):
    assert expected in _missing(image=(0.02, low, high))


def test_a_gain_without_a_modality_is_stated():
    text = _missing(image=(-0.02, -0.04, -0.001))
    assert "Without image the accuracy rises by 2.0 points (95 %: 0.1 to 4.0)." in text


def test_the_modality_that_matters_more_has_the_higher_interval():
    text = _missing(image=(0.6, 0.55, 0.65), audio=(0.02, 0.01, 0.03))
    assert "image matters more to the task than audio." in text
    apart = _missing(image=(0.1, 0.051, 0.15), audio=(0.03, 0.01, 0.05))
    assert "image matters more" in apart
    touching = _missing(image=(0.1, 0.05, 0.15), audio=(0.03, 0.01, 0.05))
    assert "image matters more" not in touching
    assert "do not show which of image and audio matters more" in touching
    nothing = _missing(image=(0.0, -0.01, 0.01), audio=(0.0, -0.02, 0.02))
    assert "matters" not in nothing
    three = _missing(image=(0.6, 0.5, 0.7), audio=(0, 0, 0), text=(0.1, 0.0, 0.2))
    assert "image matters most to the task." in three
    assert "matters" not in _missing(image=(0.6, 0.5, 0.7))
    assert list(summary.missing(None)) == []


def test_r2_is_lost_in_its_own_units():
    lost = {"image": _drop(0.02, 0.001, 0.04), "audio": _drop(-0.02, -0.04, -0.001)}
    falls, rises, leads = summary.missing(lost, "R2")
    assert falls == "Without image R2 falls by 0.020 (95 %: 0.001 to 0.040)."
    assert rises == "Without audio R2 rises by 0.020 (95 %: 0.001 to 0.040)."
    assert leads == "Modality image matters more to the task than audio."


def _information(zeta=0.5, **bits):
    return {
        "bits": {name: found[0] for name, found in bits.items()},
        "interval": {name: list(found[1:]) for name, found in bits.items()},
        "zeta": zeta,
    }


def test_bits_are_stated_where_their_interval_lies_above_zero():
    measured = _information(image=(1.5, 1.4, 1.6), audio=(0.25, 0.0, 0.5))
    text = " ".join(summary.information(measured))
    assert "image adds 1.50 bits of the label (95 %: 1.40 to 1.60)." in text
    assert "audio adds no measurable bits of the label (95 %: 0.00 to 0.50)." in text
    assert "image adds more than audio." in text
    assert "Zeta of these bits is 0.50." in text
    measured = _information(None, image=(0.2, 0.01, 0.4), audio=(0.1, 0.0, 0.2))
    text = " ".join(summary.information(measured))
    assert "do not show which of image and audio adds more." in text
    assert "too few for a zeta" in text
    three = _information({"image": 1.0}, image=(0.2, 0.01, 0.4), audio=(0.1, 0.0, 0.2))
    assert not any("zeta" in each.lower() for each in summary.information(three))
    assert list(summary.information(None)) == []


def test_counts_that_contradict_the_measured_worth_are_named():
    counts = _counts(image=28, audio=25)
    image = {"image": _drop(0.3, 0.2, 0.4), "audio": _drop(0.1, 0.0, 0.2)}
    assert not list(summary.disagreement(counts, {"without": image}))
    audio = {"image": _drop(0.1, 0.0, 0.2), "audio": _drop(0.3, 0.201, 0.4)}
    (text,) = summary.disagreement(counts, {"without": audio})
    assert text.startswith(
        "Modality image has the most channels but does not matter most."
    )
    tied = _counts(image=25, audio=25)
    assert not list(summary.disagreement(tied, {"without": audio}))
    unclear = {"image": _drop(0.1, 0.0, 0.2), "audio": _drop(0.3, 0.2, 0.4)}
    assert not list(summary.disagreement(counts, {"without": unclear}))
    bits = _information(image=(0.1, 0.0, 0.2), audio=(1, 0.9, 1.1))
    assert list(summary.disagreement(counts, {"information": bits}))
    assert not list(summary.disagreement(counts, {}))


def _probes(accuracy, samples=300, permuted=0.2, frequent=0.1):
    probe = {
        "accuracy": accuracy,
        "n_test": samples,
        "permuted_interval": [0.0, permuted],
        "most_frequent": frequent,
    }
    return {"image": {"complementary": probe, "contradictory": probe}}


def _hidden(probes, accuracy=0.54, n=1000):
    return " ".join(cautions.hidden(probes, {"accuracy": accuracy, "n": n}))


def test_contradictory_features_that_hold_the_label_are_named():
    text = _hidden(_probes(0.84))
    assert "contradictory features of image at 84 % (chance: at most 20 %)" in text
    assert "more than the run's 54 %" in text
    # Exact intervals by R: 0.84 of 300 from 79.4, 540 of 1000 to 57.1 %.
    assert "more than the run's" in _hidden(_probes(0.84), 0.76)
    assert "more than the run's" not in _hidden(_probes(0.84), 0.78)
    assert _hidden(_probes(0.84, permuted=0.80)) == ""
    assert _hidden(_probes(0.84, permuted=0.79)) != ""
    assert _hidden(_probes(0.84, frequent=0.80)) == ""


def _cautions(recipe=PLANTED, counts=(4, 1), **metrics):
    image, audio = counts
    measured = _counts(image=image, audio=audio)
    return " ".join(cautions.cautions(recipe, measured, metrics))


def test_cautions_name_what_is_wrong():
    codes = {"image": 64, "audio": 3, "text": 4}
    half = dataclasses.replace(PLANTED.model, num_embeddings=60)
    recipe = dataclasses.replace(PLANTED, model=half)
    text = _cautions(recipe, (4, 0), n=100, accuracy=0.5, codes_used=codes)
    assert "audio has no complementary channel" in text
    assert "image has" not in text
    assert "codebook of audio has collapsed: 3 of 60" in text
    assert "codebook of text" not in text
    assert "has not been measured" in _cautions()


def test_one_code_in_use_is_a_collapse_however_few_there_are():
    few = dataclasses.replace(PLANTED.model, num_embeddings=8)
    recipe = dataclasses.replace(PLANTED, model=few)
    text = _cautions(recipe, codes_used={"image": 1, "audio": 2})
    assert "codebook of image has collapsed: 1 of 8" in text
    assert "codebook of audio" not in text


def test_zeta_gets_a_caution_where_a_mask_weighs_modalities():
    said = "Zeta counts channels of one trained mask"
    assert said in _cautions()
    open_mask = dataclasses.replace(PLANTED.model, mask_mode="none")
    assert said not in _cautions(dataclasses.replace(PLANTED, model=open_mask))
    alone = cautions.cautions(PLANTED, _counts(image=4), {})
    assert said not in " ".join(alone)


def test_bits_get_a_caution_where_they_were_measured():
    said = "The intervals of the bits cover the drawn samples, not the training"
    assert said in _cautions(information=_information(image=(1, 0.9, 1.1)))
    assert said not in _cautions()


def test_hidden_features_are_named_for_the_label_under_a_mask_alone():
    probes, counts = _probes(0.84), _counts(image=4, audio=1)

    def said(recipe, attribute="label"):
        metrics = {"accuracy": 0.54, "n": 1000}
        found = cautions.cautions(recipe, counts, metrics, probes, attribute)
        return "contradictory features of image" in " ".join(found)

    open_mask = dataclasses.replace(PLANTED.model, mask_mode="none")
    assert said(PLANTED)
    assert not said(PLANTED, "sex")
    assert not said(dataclasses.replace(PLANTED, model=open_mask))


def test_r2_has_its_samples_and_its_bits_their_assumption():
    ages = Recipe(
        "ages",
        "own",
        {"image": Modality((32, 32, 1))},
        training=dataclasses.replace(PLANTED.training, select_by="r2"),
        task="regression",
        targets={"age": Target()},
    )

    def said(**metrics):
        return " ".join(cautions.cautions(ages, _counts(image=4), metrics))

    assert "The samples are few. R2 is 0.250 on n = 199 samples" in said(r2=0.25, n=199)
    assert "The samples are few." not in said(r2=0.25, n=200)
    gaussian = "The bits count errors as Gaussian"
    bits = _information(image=(1, 0.9, 1.1))
    assert gaussian in said(r2=0.25, n=200, information=bits)
    assert gaussian not in said(r2=0.25, n=200)
    assert "has not been measured" in said(n=200)


def test_accuracy_of_several_labels_points_to_f1():
    (text,) = cautions.accuracy({"n": 10, "accuracy": 0.9}, one_class=False)
    assert text.startswith("The scores are of n = 10 samples. Accuracy counts each")
    assert text.endswith("a high accuracy says little: see F1.")
    (text,) = cautions.accuracy({"n": 10, "accuracy": 0.9})
    assert "F1" not in text


def test_few_samples_are_those_below_two_hundred():
    assert "The samples are few." in _cautions(n=199, accuracy=0.5)
    assert "The samples are few." not in _cautions(n=200, accuracy=0.5)
    # Brown, Cai and DasGupta (2001) give 0.4285 to 0.5715 for 100 of 200.
    assert "(exact 95 % interval: 42.9 to 57.1 %)" in _cautions(n=200, accuracy=0.5)


def test_a_run_without_modality_dropout_gets_a_caution():
    without = {"image": _drop(0.1, 0.0, 0.2)}
    assert "without modality dropout" in _cautions(without=without)
    calibrated = recipes.get("planted", "calibrated")
    assert "without modality dropout" not in _cautions(calibrated, without=without)
    assert "without modality dropout" not in _cautions()


def test_pixels_are_not_independent():
    (text,) = cautions.accuracy({"n": 10, "accuracy": 0.5}, segments=True)
    assert text == "The scores are of 10 pictures. Their pixels are not independent."
