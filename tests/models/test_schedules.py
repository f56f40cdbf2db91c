"""The one-cycle learning rate, against its definition in float64."""

import keras
import numpy as np
import pytest

from cmvq_keras.models.optimizers import epoch_after, optimizer, reach
from cmvq_keras.models.schedules import OneCycle
from cmvq_keras.recipe import TrainingSettings


def _expected(highest, steps):
    """PyTorch's OneCycleLR with its default shares, from its two half cosines."""
    first, last = highest / 25, highest / 25 / 1e4
    top, end = 0.3 * steps - 1, steps - 1
    found = []
    for step in range(steps):
        if step <= top:
            low, high, share = first, highest, step / top
        else:
            low, high, share = highest, last, (step - top) / (end - top)
        found.append(high + (low - high) / 2 * (1 + np.cos(np.pi * share)))
    return found


def test_the_rate_rises_and_falls_as_defined():
    schedule = OneCycle(5e-3, 720)
    steps = range(0, 720, 31)
    found = [float(schedule(step)) for step in steps]
    expected = np.array(_expected(5e-3, 720))[list(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
    assert float(schedule(719)) == pytest.approx(5e-3 / 25e4, rel=1e-2)
    assert float(schedule(10_000)) == pytest.approx(5e-3 / 25e4, rel=1e-2)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_few_steps_have_finite_rates(steps):
    schedule = OneCycle(1e-2, steps)
    rates = np.array([float(schedule(step)) for step in range(steps)])
    assert np.isfinite(rates).all()
    assert (rates > 0).all()


def test_a_recipe_asks_for_it_with_its_weight_decay():
    settings = TrainingSettings(
        optimizer="adamw", schedule="one-cycle", weight_decay=0.02, epochs=3
    )
    found = optimizer(settings, 10)
    assert found.weight_decay == 0.02
    assert found.get_config()["learning_rate"]["config"] == {
        "highest": settings.learning_rate,
        "steps": 30,
    }
    again = keras.optimizers.deserialize(keras.optimizers.serialize(found))
    assert float(again._learning_rate(4)) == float(found._learning_rate(4))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", 60 * 2e-3),
        ("cosine", sum(1e-3 * (1 + np.cos(np.pi * k / 60)) for k in range(60))),
        ("one-cycle", sum(_expected(2e-3, 60))),
    ],
)
def test_the_reach_is_the_sum_of_the_rates_of_all_updates(schedule, expected):
    settings = TrainingSettings(schedule=schedule, learning_rate=2e-3, epochs=6)
    assert reach(settings, 10) == pytest.approx(expected, rel=1e-5)
    halved = TrainingSettings(
        schedule=schedule, learning_rate=2e-3, epochs=6, accumulation_steps=2
    )
    assert reach(halved, 10) == pytest.approx(expected / 2, rel=1e-5)


def test_the_reach_from_an_epoch_on_is_the_sum_of_the_rest():
    settings = TrainingSettings(schedule="one-cycle", learning_rate=2e-3, epochs=6)
    rates = _expected(2e-3, 60)
    assert reach(settings, 10, 4) == pytest.approx(sum(rates[40:]), rel=1e-5)


def test_a_rest_of_less_than_an_update_still_has_one():
    settings = TrainingSettings(learning_rate=0.01, epochs=10, accumulation_steps=15)
    assert reach(settings, 3, 9) == pytest.approx(0.01, rel=1e-5)


@pytest.mark.parametrize(
    ("share", "schedule", "epochs", "expected"),
    [
        (0.9, "constant", 10, 9),
        (0.91, "constant", 10, None),
        (0.3, "constant", 10, 3),
        (0.9, "constant", 1, None),
        # A share x of the epochs has x + sin(pi x) / pi of the sum: 0.903.
        (0.89, "cosine", 10, 6),
    ],
)
def test_the_epoch_after_a_share_of_the_rates(share, schedule, epochs, expected):
    for steps, rate in ((20, 1e-3), (43, 5e-3), (7, 0.3), (64, 1e-4)):
        settings = TrainingSettings(
            schedule=schedule, epochs=epochs, learning_rate=rate
        )
        assert epoch_after(share, settings, steps) == expected
