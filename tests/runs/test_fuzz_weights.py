"""Weights that nobody trained: HDF5 files of a run, and the author's state dicts."""

import pathlib

import numpy as np
import pytest
from damage import EXAMPLES, try_inputs, try_mutations
from hypothesis import strategies as st

import cmvq_keras as cmvq
from cmvq_keras.interop import convert
from cmvq_keras.models import saved_weights
from cmvq_keras.runs import checkpoint, weights
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"


@pytest.fixture(scope="module")
def model():
    made = cmvq.build_model(Run(FIXTURE).recipe.with_modality("image"))
    made.compile("sgd")
    made.optimizer.build(made.trainable_variables)
    return made


@EXAMPLES
def test_a_mutated_weights_file(examples, model, tmp_path, monkeypatch):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(weights.to_bytes(model))
    own = saved_weights.saved(model).getvalue()  # the same each time
    monkeypatch.setattr(saved_weights, "saved", lambda _: saved_weights.InMemory(own))
    refusals = try_mutations(
        lambda path: weights.load(model, path), path.read_bytes(), path, examples
    )
    print(f"model.weights.h5: {refusals} of {examples} refused")


@EXAMPLES
def test_a_mutated_checkpoint(examples, model, tmp_path):
    generators = [np.arange(3)]
    position = checkpoint.Position(1, 0, False, 2.5)
    checkpoint.write(tmp_path, model, position, {"kept": [1.5]}, generators)
    path = checkpoint.path(tmp_path)

    def read(_):
        checkpoint.restore(tmp_path, model)
        return checkpoint.read(tmp_path), checkpoint.read_generators(
            tmp_path, generators
        )

    def is_state(value):
        ((found, states), (values,)) = value
        assert isinstance(found.epoch, int)
        assert isinstance(states, dict)
        assert values.shape == (3,)

    refusals = try_mutations(read, path.read_bytes(), path, examples, is_state)
    print(f"state.h5: {refusals} of {examples} refused")


def _arrays(array):
    """Other arrays, or something else, in the place of one."""
    dtypes = st.sampled_from(["f2", "f8", "c8", "i8", "?", "U3", "S2", "O", "M8[s]"])
    shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)
    return st.one_of(
        st.builds(np.zeros, shapes, dtypes),
        dtypes.map(lambda dtype: np.zeros(array.shape, dtype)),
        st.sampled_from([np.inf, np.nan, 1e300]).map(
            lambda value: np.full(array.shape, value)
        ),
        st.sampled_from([None, "a", [], [[1], [2, 3]], {}, 10**400]),
    )


def _states(state):
    names = sorted(state)
    change = st.sampled_from(names).flatmap(
        lambda name: st.one_of(
            st.just({name: None}),
            _arrays(state[name]).map(lambda array: {name: [array]}),
            st.text(max_size=9).map(lambda more: {name[:-3] + more: [state[name]]}),
        )
    )

    def changed(changes):
        made = dict(state)
        for name, value in (pair for change in changes for pair in change.items()):
            if value is None:
                made.pop(name, None)
            else:
                made[name] = value[0]
        return made

    return st.lists(change, min_size=1, max_size=3).map(changed)


@EXAMPLES
def test_a_state_dict_of_another_shape(examples, model):
    state = convert.reference_state(model)
    refusals = try_inputs(
        _states(state), lambda made: convert.load_reference_state(model, made), examples
    )
    print(f"state dict: {refusals} of {examples} refused")
    assert refusals > 0.5 * examples
    convert.load_reference_state(model, state)


@EXAMPLES
def test_a_mutated_file_of_pytorch(examples, tmp_path):
    torch = pytest.importorskip("torch", reason="reading a .pt file needs PyTorch")
    path = tmp_path / "model.pt"
    torch.save({"a.weight": torch.arange(6.0), "a.count": torch.tensor(3)}, path)

    def is_state(state):
        assert all(isinstance(array, np.ndarray) for array in state.values())

    content = path.read_bytes()
    refusals = try_mutations(
        convert.read_reference_file, content, path, examples, is_state
    )
    print(f"model.pt: {refusals} of {examples} refused")
