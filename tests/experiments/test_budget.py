"""How epochs follow from minutes."""

import types

import pytest

from cmvq_keras import recipes
from cmvq_keras.experiments import budget
from cmvq_keras.experiments.budget import Cost, epochs_for

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [
        # 5 trainings, 3 seeds; a training of e epochs takes 10 + 2 e seconds.
        (15 * (10 + 2 * 40), 40),  # all of them fit
        (15 * (10 + 2 * 40) - 1, 39),
        (15 * (10 + 2 * 11), 11),
        (15 * (10 + 2 * 9), 10),  # a quarter, and fewer seeds
        (5 * (10 + 2 * 10), 10),
        (5 * (10 + 2 * 10) - 1, 9),  # a quarter does not fit once
        (5 * (10 + 2 * 2), 3),
        (1, 3),
    ],
)
def test_epochs_fit_all_seeds_or_a_quarter_or_one_seed(seconds, epochs):
    cost = Cost(fixed=10.0, epoch=2.0)
    found = epochs_for(40, cost, trainings=5, seeds=3, seconds=seconds)
    assert found == epochs


def test_no_more_epochs_than_were_asked_for():
    cost = Cost(fixed=0.0, epoch=0.0)
    assert epochs_for(2, cost, trainings=1, seeds=1, seconds=1e9) == 2
    slow = Cost(fixed=1e9, epoch=1.0)
    assert epochs_for(1, slow, trainings=1, seeds=1, seconds=1) == 1
    assert budget.LEAST == 3


@pytest.mark.parametrize(
    ("every", "ends", "expected"),
    [
        # The first epoch compiles, 5 seconds; the rest of the training takes 7.
        (1, (10, 13), Cost(fixed=14.0, epoch=3.0)),
        # 2 seconds without a validation, 5 with one.
        (5, (10, 12, 17), Cost(fixed=12.0, epoch=2.6)),
        (1, (10,), Cost(fixed=0.0, epoch=17.0)),
    ],
)
def test_an_epochs_time_has_its_share_of_a_validation(
    monkeypatch, every, ends, expected
):
    now = [0.0]

    def train(recipe, callbacks, **options):
        for epoch, end in enumerate(ends[: recipe.training.epochs]):
            now[0] = end
            callbacks[0].on_epoch_end(epoch)
        now[0] = ends[-1] + 7

    clock = types.SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(budget.api, "train", train)
    recipe = recipes.get("digits").with_settings({"training.validation_every": every})
    source = types.SimpleNamespace(
        for_recipe=lambda recipe: None, data_dir=None, store=None
    )
    assert budget.measure(recipe, source) == expected
