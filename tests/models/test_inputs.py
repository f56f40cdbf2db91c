"""Inputs are checked on every way in, on every backend."""

import keras
import numpy as np
import pytest
from data_sources import SOURCES
from tiny_model import tiny_data, tiny_model

import cmvq_keras as cmvq
from cmvq_keras.errors import InputError

EXPECTED = r"^image must be of shape \(batch, 4, 4, 1\)\. Received: shape "
WRONG = {
    "size": (
        lambda x: np.zeros((16, 3, 3, 1)),
        r"\(.*3, 3, 1\), dtype .*\. Change the",
    ),
    "no channels": (lambda x: x[..., 0], r".*x\[\.\.\., None\]$"),
    "channels first": (
        lambda x: np.moveaxis(x, -1, 1),
        r".*numpy.moveaxis\(x, 1, -1\)$",
    ),
    "rank": (lambda x: x[:, None], r"\(.*1, 4, 4, 1\), .*build a model for their"),
}


@pytest.fixture(scope="module")
def model():
    made = tiny_model()
    made.compile(keras.optimizers.SGD(0.0))
    made.fit(*tiny_data(8), verbose=0)
    return made


def wrong_data(kind):
    x, y = tiny_data()
    change, message = WRONG[kind]
    return {**x, "image": change(x["image"]).astype("float32")}, y, EXPECTED + message


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_shapes_are_one_line_with_the_modality_and_a_remedy(model, kind):
    x, y, message = wrong_data(kind)
    right = tiny_data()
    for act in (
        lambda: model(x),
        lambda: model({m: keras.ops.convert_to_tensor(x[m]) for m in x}),
        lambda: model({m: keras.Input(x[m].shape[1:]) for m in x}),
        lambda: model.fit(x, y, verbose=0),
        lambda: model.fit(*right, validation_data=(x, y), verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model.test_on_batch(x, y),
        lambda: model.predict_on_batch(x),
        lambda: model.reconstruct(x),
        lambda: model.mix(x),
    ):
        with pytest.raises(InputError, match=message) as raised:
            act()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["size", "rank"])
def test_batches_of_a_wrong_shape_are_refused(model, source, kind):
    x, y, message = wrong_data(kind)
    for act in (model.fit, model.evaluate, model.predict):
        with pytest.raises(InputError, match=message.lstrip("^")):
            act(source(x, y), verbose=0)
    assert np.isfinite(model.predict(tiny_data()[0], verbose=0)["task"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: x[0],
            r"batch, 4, 4, 1\)\. Received: .*\. Add the axis of the batch",
        ),
        (lambda x: x[:5], r"the same number of samples\. Received: image 5, audio 16"),
        (lambda x: x.tolist(), r"image must be an array\. Received: list"),
        (lambda x: x.astype(str), r"image must hold numbers .*, dtype str"),
        (lambda x: x.astype(object), r"image must hold numbers .*, dtype object"),
        (lambda x: x.astype("complex64"), r"image must hold numbers .*, dtype complex"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(model, change, message):
    x, y = tiny_data()
    wrong = {**x, "image": change(x["image"])}
    for act in (
        lambda: model(wrong),
        lambda: model.fit(wrong, y, verbose=0),
        lambda: model.predict(wrong, verbose=0),
        lambda: model.train_on_batch(wrong, y),
    ):
        with pytest.raises(InputError, match=message):
            act()


def pictures(dtype):
    x, y = tiny_data()
    return {m: (np.abs(x[m]) * 100 % 2).astype(dtype) for m in x}, y


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "int64", "float64"])
@pytest.mark.parametrize("built", [True, False])
def test_other_types_give_the_numbers_of_float32(dtype, built):
    x, y = pictures(dtype)
    floats = {name: values.astype("float32") for name, values in x.items()}
    made = tiny_model(built=built)
    made.compile(keras.optimizers.SGD(0.0))
    found = made.fit(x, y, verbose=0, batch_size=16).history
    assert np.isfinite(found["loss"]).all()
    expected = made.predict(floats, verbose=0)["task"]
    np.testing.assert_array_equal(made.predict(x, verbose=0)["task"], expected)
    assert made.evaluate(x, y, verbose=0) == made.evaluate(floats, y, verbose=0)


@pytest.mark.parametrize("source", SOURCES)
def test_batches_of_uint8_train(model, source):
    x, y = pictures("uint8")
    floats = {name: values.astype("float32") for name, values in x.items()}
    found = model.evaluate(source(x, y), verbose=0)
    expected = model.evaluate(source(floats, y), verbose=0)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow(reason="compiles a recipe's own network")
def test_built_in_networks_take_uint8_and_refuse_another_size():
    made = cmvq.build_model("planted")
    made.compile("sgd")
    x = {name: np.ones((4, 32, 32, 1), "uint8") for name in made.modalities}
    made.fit(x, np.arange(4) % 2, verbose=0)
    small = {name: values[:, :28, :28] for name, values in x.items()}
    first = made.modalities[0]
    expected = (
        rf"^{first} must be of shape \(batch, 32, 32, 1\)\. .*28, 28, 1\), dtype uint8"
    )
    with pytest.raises(InputError, match=expected):
        made.fit(small, np.arange(4) % 2, verbose=0)


def test_axes_of_any_size_stay_open():
    model = tiny_model(built=False, per_pixel=True)
    model.build({"image": (None, None, None, 1), "audio": (None, None, None, 1)})
    x = {name: np.zeros((2, 6, 5, 1), "float32") for name in model.modalities}
    assert model.predict(x, verbose=0)["task"].shape == (2, 6, 5, 3)


def test_masked_arrays_and_no_samples_are_refused(model):
    x, y = tiny_data()
    masked = {**x, "image": np.ma.masked_greater(x["image"], 0)}
    nothing = {name: values[:0] for name, values in x.items()}
    for inputs, labels, said in (
        (masked, y, r"^image must have no masked entries\. Received: \d+ of them\. "),
        (nothing, y[:0], "^All modalities must have one sample at least"),
        (x, np.ma.masked_equal(y, 1), r"^Labels must have no masked entries\. "),
    ):
        for act in (
            lambda x=inputs, y=labels: model.fit(x, y, verbose=0),
            lambda x=inputs, y=labels: model.evaluate(x, y, verbose=0),
            lambda x=inputs, y=labels: model.train_on_batch(x, y),
        ):
            with pytest.raises(InputError, match=said):
                act()
    with pytest.raises(InputError, match="one sample at least"):
        model.predict(nothing, verbose=0)
    # Without a masked entry it is an array like another.
    whole = {name: np.ma.masked_array(values) for name, values in x.items()}
    np.testing.assert_array_equal(
        model.predict(whole, verbose=0)["task"], model.predict(x, verbose=0)["task"]
    )
