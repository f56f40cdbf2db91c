"""Sequences of different lengths: what is behind an end counts for nothing."""

import numpy as np
import pytest
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.data import kinds
from cmvq_keras.data.kinds.padded import pad
from cmvq_keras.data.store import reader
from cmvq_keras.data.transforms.augmentation import Draws
from cmvq_keras.networks import PaddedDecoder, PaddedEncoder

LENGTHS = (5, 12, 16, 9)


def sequences(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(3, 2, (LENGTHS[row % 4], 2)) for row in range(count)]


def batch(count=4, seed=0):
    return np.stack([pad(each, 16) for each in sequences(count, seed)])


def test_values_behind_the_end_change_nothing():
    encoder = PaddedEncoder(8, (2, 2), 4)
    x = batch()
    grid = ops.convert_to_numpy(encoder(x))
    assert grid.shape == (4, 2, 2, 4)
    # Five of sixteen steps: the last two places have none.
    assert np.abs(grid[0].reshape(4, 4)[2:]).max() == 0
    assert np.abs(grid[0].reshape(4, 4)[:2]).max() > 0
    noisy = x.copy()
    noisy[..., :-1] += 100 * (1 - x[..., -1:])
    np.testing.assert_array_equal(ops.convert_to_numpy(encoder(noisy)), grid)


def test_the_loss_counts_the_steps_that_are_there():
    decoder, x = PaddedDecoder(16, 3, 8), batch()
    outputs = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    there = x[..., -1] > 0.5
    error = np.square(outputs.astype(float) - x)
    expected = error[there][:, :2].mean() + error[..., 2].mean()
    found = decoder.reconstruction_loss(x, outputs)
    np.testing.assert_allclose(float(found), expected, rtol=1e-5)
    tensor = ops.convert_to_tensor(outputs)
    values = ops.convert_to_numpy(decoder.to_values(tensor))
    assert set(np.unique(values[..., 2])) == {0.0, 1.0}
    assert np.abs(values[values[..., 2] == 0]).max() == 0


@pytest.mark.once
def test_sequences_get_zeros_or_lose_their_end():
    found = pad([[1, 2], [3, 4]], 3)
    assert found.tolist() == [[1, 2, 1], [3, 4, 1], [0, 0, 0]]
    assert pad([[1, 2], [3, 4]], 1).tolist() == [[1, 2, 1]]
    with pytest.raises(ValueError, match="one step at least"):
        pad(np.zeros((0, 2)), 3)


@pytest.mark.once
def test_files_are_padded_to_the_longest(tmp_path):
    paths = []
    for row, values in enumerate(sequences()):
        paths.append(tmp_path / f"{row}.csv")
        np.savetxt(paths[-1], values, delimiter=",")
    about = kinds.get("padded")
    shape, options = about.measure(paths)
    assert (shape, options) == ((16, 3), {})
    read = about.readers(options)[".csv"](paths[0], shape)
    np.testing.assert_allclose(read, batch()[0], rtol=1e-6)
    assert len(about.pictures(batch(), 32)) == 4


@pytest.mark.once
def test_augmentation_leaves_the_mask():
    x = batch(8)
    changed = kinds.get("padded").augment(
        x, Draws(np.random.default_rng(0), 8, slice(8))
    )
    np.testing.assert_array_equal(changed[..., -1], x[..., -1])
    assert np.abs(changed[..., :-1] - x[..., :-1]).max() > 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("padded")
    shapes = {"motion": cmvq.Modality((16, 3), "padded", "auto", "auto"), "size": (2,)}
    splits = {}
    for seed, (split, count) in enumerate(
        {"train": 32, "validation": 8, "test": 8}.items()
    ):
        x = {"motion": batch(count, seed), "size": batch(count, seed)[:, 0, :2]}
        splits[split] = (x, np.arange(count) % 2)
    store = cmvq.data.Store.create(root / "store", (shapes, ("short", "long")), splits)
    recipe = store.recipe.with_settings(
        {
            "model.hidden_channels": 8,
            "model.embedding_dim": 4,
            "model.num_embeddings": 8,
            "model.head": "pooled",
            "training.epochs": 2,
            "training.batch_size": 16,
            "training.augmentation": True,
        }
    )
    return cmvq.train(recipe, store=store, out=root / "run", verbose=False)


@pytest.mark.once
def test_a_run_standardizes_what_is_there(run, tmp_path):
    about = run.recipe.modalities["motion"]
    x = batch(32)
    there = x[x[..., -1] > 0.5][:, :2].astype(float)
    np.testing.assert_allclose(about.offset, [*there.mean(axis=0), 0], rtol=1e-4)
    np.testing.assert_allclose(about.scale, [*there.std(axis=0), 1], rtol=1e-4)
    assert cmvq.evaluate(run)["loss"] == run.metrics["test"]["loss"]
    assert cmvq.export(run, tmp_path / "small.keras").difference < 1e-4
    path = tmp_path / "one.csv"
    np.savetxt(path, sequences(1, 2)[0], delimiter=",")
    read = recipes.read_sample(run.recipe, "motion", path)
    store = run.environment["store"]["folder"]
    stored = reader.load(run.recipe, "test", store).x["motion"][:1][0]
    np.testing.assert_allclose(read, stored, atol=1e-5)
    rebuilt = cmvq.load_model(run).reconstruct({"motion": x[:2], "size": x[:2, 0, :2]})
    assert set(np.unique(rebuilt["motion"][..., 2])) <= {0.0, 1.0}
