"""Labels are checked on every way in, on every backend."""

import keras
import numpy as np
import pytest
from data_sources import SOURCES
from tiny_model import CLASSES, tiny_data, tiny_model

from cmvq_keras.errors import InputError

WRONG = {
    "too large": (CLASSES, r"from 0 to 2\. Received: values from 0 to 3$"),
    "negative": (-1, r"from 0 to 2\. Received: values from -1 to 2$"),
    "NaN": (np.nan, r"from 0 to 2\. Received: NaN, or numbers that are not whole$"),
    "a half": (0.5, r"from 0 to 2\. Received: NaN, or numbers that are not whole$"),
}


@pytest.fixture(scope="module")
def model():
    made = tiny_model(built=False)
    made.compile(keras.optimizers.SGD(0.0))
    made.fit(*tiny_data(8), verbose=0)
    return made


def wrong_data(kind):
    """Labels of which the first of the second batch is wrong."""
    x, y = tiny_data()
    value, message = WRONG[kind]
    y = y if isinstance(value, int) else y.astype("float32")
    y[:3] = range(3)
    y[8:11] = range(3)
    y[8] = value
    return x, y, message


def as_tensors(x, y):
    tensors = {name: keras.ops.convert_to_tensor(values) for name, values in x.items()}
    return tensors, keras.ops.convert_to_tensor(y)


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("source", SOURCES)
def test_batches_with_a_wrong_label_are_refused(model, source, kind):
    x, y, message = wrong_data(kind)
    for act in (model.fit, model.evaluate):
        with pytest.raises(InputError, match=message):
            act(source(x, y), verbose=0)
    # An error costs no weights, on JAX too.
    assert np.isfinite(model.predict(x, verbose=0)["task"]).all()


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("form", [lambda x, y: (x, y), as_tensors])
def test_arrays_and_tensors_with_a_wrong_label_are_refused(model, form, kind):
    x, y, message = wrong_data(kind)
    wrong, right = form(x, y), form(*tiny_data())
    for act in (
        lambda: model.fit(*wrong, verbose=0),
        lambda: model.fit(*right, validation_data=wrong, verbose=0),
        lambda: model.evaluate(*wrong, verbose=0),
        lambda: model.train_on_batch(*wrong),
        lambda: model.test_on_batch(*wrong),
    ):
        with pytest.raises(InputError, match=message):
            act()


def test_a_model_that_is_not_built_refuses_them_too():
    x, y, message = wrong_data("too large")
    made = tiny_model(built=False)
    made.compile("sgd")
    for act in (
        lambda: made.fit(x, y, batch_size=16, verbose=0),
        lambda: made.train_on_batch(x, y),
    ):
        with pytest.raises(InputError, match=message):
            act()


@pytest.mark.parametrize("source", SOURCES)
def test_the_error_has_the_values_that_were_received(model, source):
    x, y = tiny_data()
    y = 2 + y % 2
    y[::8] = (2, CLASSES)
    y[1::8] = (CLASSES, 2)
    with pytest.raises(InputError, match=r"Received: values from 2 to 3$"):
        model.evaluate(source(x, y), verbose=0)
    ignoring = tiny_model(ignore_class=-1)
    ignoring.compile("sgd")
    y[2::8] = -1
    with pytest.raises(InputError, match=r"Received: values from 2 to 3$"):
        ignoring.evaluate(source(x, y), verbose=0)


def test_names_in_place_of_labels_are_refused(model):
    x, y = tiny_data()
    names = np.array(["cat", "dog", "owl"])[y]
    for labels in (names, list(names), names.astype(object)):
        with pytest.raises(InputError, match=r"such as '\w{3}'\. Turn names into"):
            model.fit(x, labels, verbose=0)


@pytest.mark.cross
def test_names_in_a_tensorflow_data_set_are_refused(model):
    import tensorflow as tf

    x, y = tiny_data()
    names = np.array(["cat", "dog", "owl"])[y]
    batches = tf.data.Dataset.from_tensor_slices((x, names)).batch(8)
    with pytest.raises(InputError, match=r"dtype string\. Turn names into numbers"):
        model.fit(batches, verbose=0)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
def test_whole_numbers_of_any_type_are_taken(model, dtype):
    x, y = tiny_data()
    expected = model.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y.astype(dtype), verbose=0) == expected


def test_weights_in_a_column_are_taken(model):
    x, y = tiny_data()
    weights = np.linspace(0, 1, len(y))
    expected = model.evaluate(x, y, sample_weight=weights, verbose=0)
    found = model.evaluate(x, y, sample_weight=weights[:, None], verbose=0)
    assert found == pytest.approx(expected, rel=1e-6)
    other = tiny_model()
    other.compile("sgd")
    with pytest.raises(InputError, match=r"one weight per sample.*shape \(\w+, 2\)"):
        other.evaluate(x, y, sample_weight=np.ones((16, 2)), verbose=0)


def cross_entropy(labels, logits):
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "function"])
def test_an_ignored_label_does_not_count_in_a_loss_of_ones_own(per_pixel, reduction):
    x, y = tiny_data(8, per_pixel)
    y.ravel()[::2] = -1
    loss = cross_entropy
    if reduction != "function":
        loss = keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction)
    made = tiny_model(per_pixel=per_pixel, ignore_class=-1)
    made.compile("sgd", loss=loss)
    found = made.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    logits = made.predict(x, verbose=0)["task"].reshape(-1, CLASSES)[1::2]
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    values = -logs[np.arange(len(logs)), y.ravel()[1::2]]
    expected = values.sum() if reduction == "sum" else values.mean()
    assert found["task_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_is_not_reduced_is_refused():
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction=None)
    with pytest.raises(ValueError, match=r"reduce to one number.*reduction=None"):
        tiny_model().compile("sgd", loss=loss)


def test_a_model_trains_after_its_first_fit_was_refused():
    """What the refused call made has a value again, on JAX too."""

    class Batches(keras.utils.PyDataset):
        def __init__(self, x, y):
            super().__init__()
            self.x, self.y = x, y

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return self.x, self.y

    x, y = tiny_data()
    wrong = y.copy()
    wrong[0] = CLASSES
    made = tiny_model(built=True)
    made.compile("adam")
    with pytest.raises(InputError):
        made.fit(Batches(x, wrong), verbose=0)
    history = made.fit(Batches(x, y), verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="the one with XLA")
@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_xla_of_tensorflow_trains_on_no_wrong_label(steps_per_execution):
    import tensorflow as tf

    x, y = tiny_data(20)
    model = tiny_model()
    model.compile("sgd", jit_compile=True, steps_per_execution=steps_per_execution)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    # The last batch is smaller, and alone in its call.
    history = model.fit(batches, epochs=2, verbose=0).history["loss"]
    assert len(history) == 2
    assert np.isfinite(history).all()
    y[:3] = range(3)
    before = model.get_weights()
    wrong = tf.data.Dataset.from_tensor_slices((x, np.where(y == 1, 9, y))).batch(8)
    for call in (model.fit, model.evaluate):
        with pytest.raises(InputError, match="Received: values from 0 to 9"):
            call(wrong, verbose=0)
    for left, right in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(left, right)
