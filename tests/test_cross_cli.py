"""A run of one backend, used on the others."""

import csv
import io

import numpy as np
import pytest
from command_line import shell

from cmvq_keras.backend import BACKENDS, installed_backends

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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_predicts_the_same_on_every_backend(probabilities, backend):
    first = probabilities[BACKENDS[0]]
    assert first.shape == (64, 8)
    # The CSV has six digits.
    np.testing.assert_allclose(probabilities[backend], first, rtol=0, atol=1e-5)


def test_evaluate_agrees_on_another_backend(trained, tmp_path):
    outputs = []
    for backend in ("jax", "torch"):
        done = shell("evaluate", trained[0], "--backend", backend, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        outputs.append([line for line in lines if line.startswith("Accuracy ")])
    assert outputs[0] == outputs[1] != []
