"""The peer and the floor that speeds are compared with, counted by PyTorch itself."""

import argparse
import collections
import math
import os

import keras
import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.models.build import build_model

BATCH = 4

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="counts on PyTorch"
)


@pytest.fixture
def speed(benchmark):
    """Imports a module of benchmarks/speed by its name."""
    return lambda name: benchmark(f"speed.{name}")


@pytest.mark.parametrize("name", ["planted", "digits", "crema-d"])
def test_the_peer_has_the_weights_of_ours(speed, name):
    recipe = speed("network").recipe_of(name)
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


def test_the_floor_of_memory_is_what_the_peer_s_layers_read(speed):
    import torch

    recipe = recipes.get("planted")
    peer, ours = speed("published").Published(recipe), build_model(recipe)
    read = collections.Counter()
    kinds = torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear
    networks = {"solver": peer.solver}
    for name in recipe.modalities:
        networks |= {f"in {name}": peer.encoders[name]}
        networks |= {f"out {name}": peer.decoders[name]}
    for name, network in networks.items():
        for layer in [each for each in network.modules() if isinstance(each, kinds)]:
            layer.register_forward_hook(
                lambda _, inputs, __, name=name: read.update({name: inputs[0].nbytes})
            )
    peer(
        {
            name: torch.zeros(BATCH, each.shape[2], *each.shape[:2])
            for name, each in recipe.modalities.items()
        }
    )
    gradients = sum(each.nbytes for each in peer.parameters())
    assert len(read) == 5
    assert speed("floor").memory(ours, BATCH) == gradients + sum(read.values())


def case(part, who, seconds, growth=5e6, error=None):
    rounds = [
        {"seconds": each, "processor": 2 * each, "growth": growth, "floor": 0.5}
        for each in seconds
    ]
    case = part, "planted", who, "float32"
    return {"case": case, "rounds": rounds, "error": error}


def test_ratios_are_taken_within_a_round(speed):
    peer, own = [3.0, 8.0, 2.0], [1.0, 2.0, 4.0]
    _, row = speed("table").rows(
        [case("step", "published", peer, 10e6), case("step", "torch", own)]
    )
    assert row["median"] == "2.00 s"
    assert float(row["peer / it"]) == np.median(np.divide(peer, own))
    assert float(row["it / floor"]) == 4.0
    assert row["memory"] == "5 MB"
    assert float(row["memory / peer"]) == 0.5


def test_a_quantizer_is_compared_with_two(speed):
    names = "torch", "one-hot-torch", "vector-quantize-pytorch", "jax"
    seconds = [1.0], [6.0], [9.0], [2.0]
    cases = [case("quantizer", *each) for each in zip(names, seconds, strict=True)]
    found = speed("table").rows(cases)
    told = [(row.get("peer / it"), row.get("other / it")) for row in found]
    assert told == [("6.00", "9.00"), (None, None), (None, None), (None, None)]


def test_whoever_stops_keeps_the_rounds_that_it_had(speed):
    ended = case("step", "torch", [2.0], error="its process ended (-9)")
    never = case("step", "jax", [], error="no GPU that jax can use")
    peer = case("step", "published", [3.0, 4.0])
    _, one, other = speed("table").rows([peer, ended, never])
    assert one["median"] == "2.00 s its process ended (-9)"
    assert one["peer / it"] == "1.50"
    assert other["median"] == "no GPU that jax can use"


def test_a_worker_that_was_killed_is_an_answer(benchmark):
    entry = benchmark("__main__")
    options = argparse.Namespace(device="cpu", batch=None, batches=None)
    worker = entry._worker(("step", "planted", "published", "float32"), options)
    with worker as process:
        process.kill()
        assert entry._ask(process) == {"error": "its process ended (-9)"}


def test_a_profile_counts_operators(speed):
    import torch

    found = speed("profile")._of_torch(
        lambda: torch.ones(3, 3) @ torch.ones(3, 3), "cpu"
    )
    seconds, calls = found["aten::mm"]
    assert calls == 1
    assert seconds > 0


def test_a_gpu_that_is_not_there_is_an_error(speed, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no GPU that torch can use"):
        speed("devices").check("torch", "gpu")


@pytest.mark.parametrize(
    ("precision", "width"), [("float32", 4), ("mixed_bfloat16", 2)]
)
def test_a_product_and_a_copy_are_counted(speed, monkeypatch, precision, width):
    machine = speed("machine")
    monkeypatch.setattr(machine, "_seconds", lambda work: (work(), 2.0)[1])
    operations, moved = machine.limits(precision, "cpu")()
    # A side multiplies and adds for each value; a copy reads and writes.
    assert operations == 2 * machine.SIDE**3 / 2.0
    assert moved == 2 * machine.COPIED * width / 2.0


def test_a_cpu_is_all_that_is_seen_where_one_is_asked_for(speed, monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, "before")
    # What a GPU's contestants get is taken back after the test, too.
    for name in ("XLA_PYTHON_CLIENT_PREALLOCATE", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.setenv(name, "before")
    speed("devices").choose("gpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == os.environ["JAX_PLATFORMS"] == "before"
    speed("devices").choose("cpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["JAX_PLATFORMS"] == "cpu"
