"""A run of one backend, used on the others."""

import csv
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import reference
import scipy.special
from command_line import shell
from keras import ops

from cmvq_keras import recipes
from cmvq_keras.backend.selection import BACKENDS, installed_backends
from cmvq_keras.runs.run import Run

pytestmark = [
    pytest.mark.slow(reason="each backend runs in a process of its own"),
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


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A Keras file that PyTorch wrote."""
    path = tmp_path_factory.mktemp("exported") / "model.keras"
    arguments = (trained[0], "--format", "keras", "-o", path, "--backend", "torch")
    done = shell("export", *arguments, folder=path.parent)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exported_keras_file_predicts_on_every_backend(
    exported, trained, probabilities, settled, backend
):
    recipe = Run.open(trained[0]).recipe
    x = recipes.load_split(recipe, "test", limit=64).x  # offset 0, scale 1: raw values
    np.savez(exported.parent / "x.npz", **x)
    code = (
        "import keras, cmvq_keras, numpy, sys\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "logits = model.predict(dict(numpy.load('x.npz')), verbose=0)['logits']\n"
        "numpy.save('logits.npy', logits)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, exported],
        cwd=exported.parent,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = scipy.special.softmax(np.load(exported.parent / "logits.npy"), axis=1)
    expected = probabilities["torch"]
    np.testing.assert_allclose(found[settled], expected[settled], rtol=0, atol=1e-5)


def test_a_saved_model_is_written_through_tensorflow_whatever_trained(
    trained, tmp_path
):
    arguments = (trained[0], "--format", "saved-model", "-o", "model")
    done = shell("export", *arguments, folder=tmp_path, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    assert "saved-model, written with tensorflow" in done.stdout
    assert (tmp_path / "model" / "saved_model.pb").is_file()
    arguments = (*arguments, "--force", "--backend", "jax")
    done = shell("export", *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert "is written with tensorflow" in done.stderr
