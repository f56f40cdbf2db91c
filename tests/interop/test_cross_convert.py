"""The author's weights, converted once, give every backend the same logits."""

import itertools

import golden_numbers as golden
import numpy as np
import pytest
from command_line import python, shell

from cmvq_keras.backend.selection import BACKENDS, installed_backends

pytestmark = [
    pytest.mark.slow(reason="each backend reads the file in a process of its own"),
    pytest.mark.skipif(
        len(installed_backends()) < len(BACKENDS), reason="needs every backend"
    ),
]

SAMPLES = 2
CODE = """
import sys
import keras
import numpy as np
import cmvq_keras as cmvq
run, inputs, logits = sys.argv[1:]
with np.load(inputs, allow_pickle=False) as file:
    x = {name: file[name] for name in file.files}
found = cmvq.load_model(run)(x, training=False)["task"]
np.save(logits, keras.ops.convert_to_numpy(found))
"""


@pytest.fixture(scope="module")
def logits(tmp_path_factory):
    """By backend, of a run that `cmvq convert` made on one of them."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("converted")
    state = golden.draw_crema_d_state()
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    torch.save(tensors, folder / "model.pt")
    x, _ = golden.draw_crema_d_inputs()
    inputs = folder / "x.npz"
    np.savez(inputs, **{name: values[:SAMPLES] for name, values in x.items()})
    run = folder / "run"
    arguments = ["convert", folder / "model.pt", "--recipe", "crema-d", "--out", run]
    done = shell(*arguments, "--backend", "torch", folder=folder)
    assert done.returncode == 0, done.stderr
    found = {}
    for backend in BACKENDS:
        path = folder / f"{backend}.npy"
        done = python(CODE, run, inputs, path, folder=folder, KERAS_BACKEND=backend)
        assert done.returncode == 0, done.stderr
        found[backend] = np.load(path, allow_pickle=False)
    return found


def test_the_backends_agree_on_a_converted_model(logits):
    expected = golden.load("crema_d_model")["eval/logits"]
    for one, other in itertools.combinations(BACKENDS, 2):
        largest = np.abs(logits[one] - logits[other]).max()
        print(f"{one} and {other}: {largest:.2e}")
        assert largest < 1e-4
    for backend in BACKENDS:
        assert logits[backend].shape == (SAMPLES, 6)
        assert golden.deviation(logits[backend], expected) < 1e-4, backend
