"""What a store of arrays trains with, by its shapes and its size."""

import numpy as np
import pytest

from cmvq_keras.data import Store, automatic, kinds
from cmvq_keras.recipe import Modality, Recipe

pytestmark = pytest.mark.once

PAIR = {"image": Modality((32, 32, 1)), "audio": Modality((64, 64, 1), "audio")}


def fitted(count, modalities=PAIR):
    return automatic.choose_settings(
        Recipe("own", "own", modalities, ("a", "b")), count
    )


@pytest.mark.parametrize(
    ("count", "batch", "epochs"),
    [
        (0, 32, 80),
        (400, 32, 80),
        (2_000, 32, 80),
        (2_001, 128, 80),
        (16_000, 128, 10),
        (1_000_000, 128, 5),
    ],
)
def test_batch_and_epochs_follow_the_number_of_samples(count, batch, epochs):
    training = fitted(count).training
    assert (training.batch_size, training.epochs) == (batch, epochs)


def test_the_network_fits_the_shapes():
    assert fitted(400).model.backbone == "conv"
    assert fitted(400).model.quantizer == "fsq"
    # A pose has a network of its own, whatever the backbone is.
    pose = {"pose": Modality((32, 26, 3), "pose"), **PAIR}
    assert fitted(400, pose).model.backbone == "conv"
    odd = {"image": Modality((11, 11, 1))}
    assert fitted(400, odd).model.backbone == "vqvae"


def test_what_has_no_augmentation_trains_without(monkeypatch):
    more = {
        "depth": Modality((32, 32, 1), "depth"),
        "clip": Modality((4, 32, 32, 3), "video"),
        **PAIR,
    }
    assert fitted(400, more).training.augmentation
    monkeypatch.setattr(kinds.get("depth"), "augment", None)
    assert fitted(400).training.augmentation
    assert not fitted(400, more).training.augmentation


def test_a_store_of_arrays_keeps_them(tmp_path):
    rng = np.random.default_rng(0)
    splits = {
        name: ({"image": rng.normal(size=(n, 8, 8, 1)).astype("f4")}, np.arange(n) % 2)
        for name, n in (("train", 6), ("validation", 4))
    }
    shapes = {"image": (8, 8, 1)}
    store = Store.create(tmp_path, (shapes, ("a", "b")), splits)
    expected = automatic.choose_settings(store.recipe, 6)
    assert store.recipe == expected
    assert store.recipe.training.select_by == "last"
    # A recipe of one's own stays as it is.
    own = Recipe("mine", "mine", {"image": Modality((8, 8, 1))}, ("a", "b"))
    assert Store.create(tmp_path, own, splits).recipe == own
