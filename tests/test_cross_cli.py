"""A run of one backend, used on the others."""

import csv
import io

import numpy as np
import pytest
import reference
from command_line import shell
from keras import ops

from cmvq_keras.backend import BACKENDS, installed_backends
from cmvq_keras.run import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        len(installed_backends()) < len(BACKENDS), reason="needs every backend"
    ),
]


@pytest.fixture(scope="module")
def probabilities(trained):
    tables = {}
    for backend in BACKENDS:
        done = shell(
            "predict", trained[0], "--backend", backend, folder=trained[0].parent
        )
        assert done.returncode == 0, done.stderr
        rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
        tables[backend] = np.array([row[3:] for row in rows], float)
    return tables


@pytest.fixture(scope="module")
def settled(trained):
    """Samples with no position so close to two codes that rounding may choose."""
    import cmvq_keras as cmvq

    model = cmvq.load_model(trained[0])
    x = cmvq.recipes.load_split(Run.open(trained[0]).recipe, "test", limit=64).x
    sure = np.ones(64, bool)
    for name in model.modalities:
        features = ops.convert_to_numpy(model.encoders[name](x[name]))
        codes = ops.convert_to_numpy(model.quantizers[name].codebook())
        _, margin = reference.nearest(features.reshape(-1, codes.shape[1]), codes)
        # Float32 rounds the squared distances, which are about this large.
        rounding = 1e-5 * np.max(np.sum(codes**2, axis=1))
        sure &= margin.reshape(64, -1).min(axis=1) > rounding
    # How many are depends on the processor that trained: enough to compare by.
    assert sure.sum() >= 32
    return sure


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_predicts_the_same_on_every_backend(probabilities, settled, backend):
    first = probabilities[BACKENDS[0]]
    assert first.shape == (64, 8)
    # The CSV has six digits.
    found = probabilities[backend]
    np.testing.assert_allclose(found[settled], first[settled], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found, first, rtol=0, atol=1e-2)


def test_evaluate_agrees_on_another_backend(trained, tmp_path):
    outputs = []
    for backend in ("jax", "torch"):
        done = shell("evaluate", trained[0], "--backend", backend, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        outputs.append([line for line in lines if line.startswith("Accuracy ")])
    assert outputs[0] == outputs[1] != []
