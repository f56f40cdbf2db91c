"""Names of what is measured, and callbacks that watch it."""

import keras
import numpy as np
import pytest
from tiny_model import tiny_data, tiny_model

from cmvq_keras.metrics import IntersectionOverUnion


class WithPenalty(keras.layers.Dense):
    """A layer with a regularizer: its loss is logged, too."""

    def __init__(self, **kwargs):
        super().__init__(4, kernel_regularizer="l2", **kwargs)


@pytest.mark.parametrize("encoder", [None, WithPenalty])
@pytest.mark.parametrize(
    "metrics",
    [None, [IntersectionOverUnion(("cat", "dog", "owl"))], ["accuracy"]],
)
def test_metrics_names_are_those_of_the_list_that_evaluate_gives(encoder, metrics):
    x, y = tiny_data()
    model = tiny_model(encoder)
    model.compile("sgd", metrics=metrics)
    before = model.metrics_names
    values = model.evaluate(x, y, verbose=0)
    assert before == model.metrics_names
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    assert len(model.metrics_names) == len(values) == len(named)
    found = dict(zip(model.metrics_names, values, strict=True))
    np.testing.assert_equal(found, {name: named[name] for name in found})


def test_early_stopping_knows_that_a_loss_shall_fall():
    x, y = tiny_data()
    model = tiny_model()
    model.compile(keras.optimizers.SGD(0.0))
    stops = keras.callbacks.EarlyStopping("val_task_loss", min_delta=1e3)
    best = keras.callbacks.EarlyStopping("val_image_reconstruction_loss", mode="max")
    history = model.fit(
        x, y, validation_data=(x, y), epochs=3, verbose=0, callbacks=[stops, best]
    )
    # The codebooks move, but no loss falls by so much.
    assert len(history.epoch) == 2
    assert (stops.mode, best.mode) == ("min", "max")
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        model.fit(
            x,
            y,
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping("image_perplexity")],
        )


@pytest.mark.skipif(keras.config.backend() == "torch", reason="PyTorch traces nothing")
@pytest.mark.parametrize("way", ["fit", "train_on_batch"])
def test_a_training_step_is_traced_once(way, monkeypatch):
    x, y = tiny_data()
    model = tiny_model()
    model.compile("adam")
    traced, step = [], type(model).train_step

    def counted(self, *args, **kwargs):
        traced.append(self)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "train_step", counted)
    for _ in range(2):
        if way == "fit":
            model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        else:
            model.train_on_batch(x, y)
    assert len(traced) == 1
