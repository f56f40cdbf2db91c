"""No layer keeps its random weights when a file is loaded."""

import keras
import numpy as np
import pytest
from tiny_model import MODALITIES, SHAPE, tiny_data, tiny_model

import cmvq_keras as cmvq
from cmvq_keras.runs import weights

FILES = ("model.keras", "model.weights.h5", "model.weights.json")


@keras.saving.register_keras_serializable("test_saved_weights")
class WithoutBuild(keras.layers.Layer):
    """What many users write: Keras marks it as built, the layer inside is not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(4)

    def call(self, inputs):
        return self.inner(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 4)


@keras.saving.register_keras_serializable("test_saved_weights")
class WithBuild(WithoutBuild):
    def build(self, input_shape):
        self.inner.build(input_shape)


def two_dense():
    return keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(4)])


def one_dense():
    return keras.Sequential([keras.layers.Dense(4)])


def save(model, folder):
    """The paths of a file of each kind that Keras writes."""
    model.save(folder / FILES[0])
    model.save_weights(folder / FILES[1])
    model.save_weights(folder / FILES[2], max_shard_size=1.5e-6)
    assert len(list(folder.glob("model_*.weights.h5"))) > 1
    return [folder / name for name in FILES]


@pytest.mark.parametrize("load", [cmvq.load_model, keras.saving.load_model])
def test_a_layer_that_is_not_built_is_named(tmp_path, load):
    model = tiny_model(WithoutBuild)
    model.predict(tiny_data()[0], verbose=0)
    model.save(tmp_path / "model.keras")
    with pytest.raises(
        ValueError, match=r"none for encoders/without_build/inner, .*\."
    ):
        load(tmp_path / "model.keras")


def test_a_layer_that_builds_what_it_holds_predicts_the_same(tmp_path):
    model, (x, _) = tiny_model(WithBuild), tiny_data()
    found = model.predict(x, verbose=0)["task"]
    model.save(tmp_path / "model.keras")
    loaded = cmvq.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0)["task"], found)


def test_weights_of_every_kind_of_file_come_back(tmp_path):
    model, (x, y) = tiny_model(two_dense), tiny_data()
    model.compile("adam")
    model.fit(x, y, verbose=0)
    expected = model.predict(x, verbose=0)["task"]
    for path in save(model, tmp_path):
        other = tiny_model(two_dense)
        other.compile("sgd")
        other.load_weights(path)
        np.testing.assert_array_equal(other.predict(x, verbose=0)["task"], expected)


@pytest.mark.parametrize(
    ("written", "read", "message"),
    [
        (two_dense, one_dense, r"It has none for encoders/sequential/layers/dense_1"),
        (one_dense, two_dense, r"It lacks encoders/sequential/layers/dense_1"),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path, written, read, message):
    for path in save(tiny_model(written), tmp_path):
        with pytest.raises(ValueError, match=message):
            tiny_model(read).load_weights(path)


def test_skip_mismatch_loads_the_rest(tmp_path):
    model = tiny_model(two_dense)
    model.mask.channel_weights.assign(np.full(len(MODALITIES) * 4, 7.0))
    model.save_weights(tmp_path / FILES[1])
    other = tiny_model(one_dense)
    with pytest.warns(UserWarning, match="It has none for"):
        other.load_weights(tmp_path / FILES[1], skip_mismatch=True)
    assert float(other.mask.channel_weights[0]) == 7.0


def test_a_model_inside_another_model_loads(tmp_path):
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(1)
            self.model = tiny_model()

        def build(self, input_shape):
            self.first.build((None, *SHAPE))

        def call(self, inputs):
            first = {name: self.first(inputs[name]) for name in MODALITIES}
            return self.model(first)["task"]

    x = tiny_data()[0]
    outer, other = Outer(), Outer()
    expected = outer.predict(x, verbose=0)
    outer.save_weights(tmp_path / FILES[1])
    other.build(dict.fromkeys(MODALITIES, (None, *SHAPE)))
    other.load_weights(tmp_path / FILES[1])
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_no_layer_is_made_to_write_or_to_read_weights(tmp_path, monkeypatch):
    model = tiny_model()
    path = tmp_path / "model.weights.h5"
    path.write_bytes(weights.to_bytes(model))
    made, make = [], keras.layers.Layer.__init__

    def count(layer, *args, **kwargs):
        made.append(layer)
        make(layer, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "__init__", count)
    weights.load(model, path)
    assert made == []
