"""Networks of one's own as encoders; their features are rebuilt, not their inputs."""

import keras
import numpy as np
import pytest
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras.networks.backbone import FeatureGrid

RNG = np.random.default_rng(0)
X = {
    "image": RNG.normal(size=(16, 8, 8, 3)).astype("float32"),
    "sensor": RNG.normal(size=(16, 5)).astype("float32"),
}
Y = np.arange(16) % 2


def network(frozen=False):
    found = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
        ]
    )
    found.trainable = not frozen
    return found


def model(frozen=False):
    keras.utils.set_random_seed(0)
    sensor = keras.Sequential([keras.layers.Dense(16), keras.layers.Reshape((2, 2, 4))])
    back = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
    made = cmvq.CMVQVAE(
        {
            "image": cmvq.BackboneEncoder(network(frozen), (2, 2), 4),
            "sensor": sensor,
        },
        {"sensor": back},
        keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)]),
        quantizers={name: cmvq.VectorQuantizer(4, seed=1) for name in X},
    )
    made.compile(keras.optimizers.Adam(0.01))
    return made


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4, 6, 3), lambda x: x.reshape(2, 2, 2, 2, 3, 3).mean(axis=(2, 4))),
        ((1, 1, 3), lambda x: np.tile(x, (1, 2, 2, 1))),
        ((3,), lambda x: np.tile(x[:, None, None], (1, 2, 2, 1))),
        ((4, 3), lambda x: x.reshape(2, 2, 2, 3)),
        ((5, 3), lambda x: np.tile(x.mean(axis=1)[:, None, None], (1, 2, 2, 1))),
    ],
)
def test_features_of_any_rank_are_laid_out_on_the_grid(shape, expected):
    x = RNG.normal(size=(2, *shape)).astype("float32")
    found = ops.convert_to_numpy(FeatureGrid((2, 2))(x))
    np.testing.assert_allclose(found, expected(x), rtol=1e-5, atol=1e-6)


def test_features_of_odd_sides_are_resized():
    assert FeatureGrid((2, 2))(np.ones((1, 3, 5, 4), "float32")).shape == (1, 2, 2, 4)


def test_features_are_rebuilt_and_a_frozen_network_stays(tmp_path):
    made = model(frozen=True)
    made.build({name: (None, *values.shape[1:]) for name, values in X.items()})
    before = [ops.convert_to_numpy(w) for w in made.encoders["image"].backbone.weights]
    history = made.fit(X, Y, epochs=2, batch_size=8, verbose=0).history
    after = [ops.convert_to_numpy(w) for w in made.encoders["image"].backbone.weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.isfinite(history["image_reconstruction_loss"]).all()
    outputs = made(X)
    features = made.encoders["image"].backbone(X["image"])
    pooled = ops.convert_to_numpy(features).astype(float).mean(axis=(1, 2))
    pooled -= pooled.mean(axis=1, keepdims=True)
    pooled /= np.sqrt(np.square(pooled).mean(axis=1, keepdims=True) + 1e-6)
    target = ops.convert_to_numpy(outputs["features"]["image"])
    np.testing.assert_allclose(target, pooled, rtol=1e-3, atol=1e-4)
    assert made.rebuilt_features == ("image",)
    assert made.reconstruct(X)["image"].shape == (16, 6)
    loss = made.evaluate(X, Y, verbose=0, return_dict=True)["image_reconstruction_loss"]
    rebuilt = ops.convert_to_numpy(outputs["reconstruction"]["image"])
    expected = np.square(rebuilt - target).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    made.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert not again.encoders["image"].backbone.trainable
    np.testing.assert_allclose(
        ops.convert_to_numpy(again(X)["task"]),
        ops.convert_to_numpy(outputs["task"]),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.once
def test_a_network_that_is_not_frozen_learns():
    made = model()
    made.build({name: (None, *values.shape[1:]) for name, values in X.items()})
    before = ops.convert_to_numpy(made.encoders["image"].backbone.weights[0])
    made.fit(X, Y, batch_size=8, verbose=0)
    after = ops.convert_to_numpy(made.encoders["image"].backbone.weights[0])
    assert np.abs(after - before).max() > 0


@pytest.mark.once
def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="must be a keras layer or model"):
        cmvq.BackboneEncoder("resnet")
    made = cmvq.BackboneEncoder(keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(ValueError, match="must be built before its features"):
        made.feature_decoder()
    nested = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Reshape((8, 4, 2, 3))]
    )
    with pytest.raises(ValueError, match="must give one tensor of features"):
        cmvq.BackboneEncoder(nested).build((None, 8, 8, 3))


@pytest.mark.once
@pytest.mark.parametrize("with_weights", [False, True])
def test_a_network_of_keras_applications_is_an_encoder(with_weights, tmp_path):
    path, weights = tmp_path / "net.weights.h5", None
    if with_weights:
        keras.applications.MobileNetV2(
            (32, 32, 3), alpha=0.35, include_top=False, weights=None
        ).save_weights(path)
        weights = str(path)
    found = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=weights
    )
    encoder = cmvq.BackboneEncoder(found, (4, 4), 8)
    assert encoder(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 4, 4, 8)
    assert encoder.feature_decoder().features == found.output_shape[-1]
