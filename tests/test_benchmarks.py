"""The peer and the floor that speeds are compared with, counted by PyTorch itself."""

import importlib
import math
import pathlib
import sys

import keras
import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.building import build_model

ROOT = pathlib.Path(__file__).parents[1]
BATCH = 4

pytestmark = [
    pytest.mark.skipif(keras.config.backend() != "torch", reason="counts on PyTorch"),
    pytest.mark.skipif(
        not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is not there"
    ),
]


@pytest.fixture
def speed(monkeypatch):
    """Imports a module of benchmarks/speed by its name."""
    monkeypatch.syspath_prepend(str(ROOT))
    yield lambda name: importlib.import_module(f"benchmarks.speed.{name}")
    for name in [each for each in sys.modules if each.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["planted", "digits", "crema-d"])
def test_the_peer_has_the_weights_of_ours(speed, name):
    recipe = recipes.get(name)
    peer = speed("published").Published(recipe)
    ours = build_model(recipe).trainable_variables
    shapes = sorted(tuple(sorted(each.shape)) for each in peer.parameters())
    assert shapes == sorted(tuple(sorted(each.shape)) for each in ours)


def test_the_floor_counts_what_the_peer_multiplies(speed):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    recipe = recipes.get("planted")
    peer, ours = speed("published").Published(recipe), build_model(recipe)
    inputs = {
        name: torch.zeros(BATCH, each.shape[2], *each.shape[:2])
        for name, each in recipe.modalities.items()
    }
    with FlopCounterMode(display=False) as forward:
        outputs = peer(inputs)
    with FlopCounterMode(display=False) as backward:
        peer.loss(inputs, torch.zeros(BATCH, dtype=torch.long), outputs).backward()
    counted = forward.get_total_flops(), backward.get_total_flops()
    # Two products by one-hot vectors a modality, which nobody needs.
    name = next(iter(inputs))
    shape = (BATCH, *recipe.modalities[name].shape)
    grid = ours.encoders[name].compute_output_shape(shape)
    spared = 4 * 2 * math.prod(grid) * recipe.model.num_embeddings
    floor = speed("floor")
    assert floor.of_model(ours, BATCH, False)[0] == counted[0] - spared
    assert floor.of_model(ours, BATCH, True)[0] == sum(counted) - spared


def test_ratios_are_taken_within_a_round(speed):
    def case(who, seconds):
        rounds = [
            {"seconds": each, "processor": 2 * each, "growth": 5e6, "floor": 0.5}
            for each in seconds
        ]
        return {"case": ("step", "planted", who, "float32"), "rounds": rounds}

    peer, own = [3.0, 8.0, 2.0], [1.0, 2.0, 4.0]
    _, row = speed("table").rows([case("published", peer), case("torch", own)])
    assert row["median"] == "2.00 s"
    assert float(row["peer / it"]) == np.median(np.divide(peer, own))
    assert float(row["it / floor"]) == 4.0
    assert row["memory"] == "5 MB"
