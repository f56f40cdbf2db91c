"""TCMax against its loss written out over all pairs, in float64."""

import keras
import numpy as np
import pytest
import reference_methods
from keras import layers, ops

from cmvq_keras.methods.tcmax import TotalCorrelationFusion, total_correlation_loss
from cmvq_keras.networks import FusionSolver, PooledEncoder

CLASSES, COUNT = 3, 5
SHAPES = {"image": (8, 8, 3), "audio": (8, 8, 1)}


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_loss_is_the_one_over_all_pairs(modalities):
    rng = np.random.default_rng(modalities)
    logits = [2 * rng.normal(size=(COUNT, CLASSES)) for _ in range(modalities)]
    y = rng.integers(0, CLASSES, COUNT)
    tensors = [ops.convert_to_tensor(each, dtype="float32") for each in logits]
    found = total_correlation_loss(tensors, ops.convert_to_tensor(y))
    expected = reference_methods.total_correlation_loss(logits, y)
    assert float(ops.convert_to_numpy(found)) == pytest.approx(expected, rel=1e-4)


def test_a_network_that_knows_nothing_has_a_loss_of_0():
    logits = [ops.ones((COUNT, CLASSES)), 2 * ops.ones((COUNT, CLASSES))]
    found = total_correlation_loss(logits, ops.zeros((COUNT,), dtype="int32"))
    assert float(ops.convert_to_numpy(found)) == pytest.approx(0, abs=1e-5)


def test_the_model_learns_from_that_loss_and_predicts_the_sum():
    keras.utils.set_random_seed(0)
    model = TotalCorrelationFusion(
        {name: PooledEncoder(layers.Conv2D(8, 3)) for name in SHAPES},
        FusionSolver(CLASSES, units=None),
    )
    model.build({name: (None, *shape) for name, shape in SHAPES.items()})
    rng = np.random.default_rng(0)
    model.solver.part("logits").bias.assign(rng.normal(size=CLASSES))
    x = {
        name: rng.normal(size=(COUNT, *shape)).astype("float32")
        for name, shape in SHAPES.items()
    }
    y = rng.integers(0, CLASSES, COUNT).astype("int32")
    model.compile("sgd")
    logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)
    parts = model.modality_logits(
        {
            name: ops.convert_to_tensor(each)
            for name, each in outputs["features"].items()
        }
    )
    parts = [ops.convert_to_numpy(each) for each in parts.values()]
    np.testing.assert_allclose(sum(parts), outputs["task"], rtol=1e-4, atol=1e-5)
    expected = reference_methods.total_correlation_loss(parts, y)
    assert logs["total_correlation_loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["task_loss"] != pytest.approx(expected, rel=0.01)
