"""Which modalities a run can be measured without."""

import dataclasses

import pytest

from cmvq_keras import recipes
from cmvq_keras.evaluation import missing_modality

PLANTED = recipes.get("planted")


def test_each_modality_that_the_task_sees_can_be_left_out():
    missing_modality.check(PLANTED, ("image", "audio"))
    missing_modality.check(PLANTED, ())


def test_the_only_modality_cannot_be_left_out():
    alone = PLANTED.with_modality("image")
    with pytest.raises(ValueError, match="must see another modality besides image"):
        missing_modality.check(alone, ("image",))


def test_what_the_task_does_not_see_cannot_be_missing():
    blind = dataclasses.replace(PLANTED, task_modalities=("image",))
    with pytest.raises(ValueError, match="Unknown modality to leave out audio"):
        missing_modality.check(blind, ("audio",))
