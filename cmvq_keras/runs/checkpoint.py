"""The state of a training that is not finished: one HDF5 file in the run folder.

    backup/state.h5   model/0, 1, ...      weights, statistics, random number states
                      optimizer/0, 1, ...  its slots and step
                      metrics/0, 1, ...    running means, within an epoch only
                      generators/0, ...    random number states of the process
                      about                JSON: a `Position`, what callbacks keep

The file is replaced as a whole: whenever a process dies, one that is complete is
there. It fits its own backend and settings only; weights for others are those of
model.weights.h5.
"""

import contextlib
import dataclasses
import json
import math
import os

import h5py
import numpy as np
from keras import ops

from cmvq_keras import fileio
from cmvq_keras.data.formats import hdf5
from cmvq_keras.errors import DivergedError
from cmvq_keras.recipe import Recipe

FOLDER = "backup"
FILE = "state.h5"
FORMAT = 1
MAX_BYTES = 64_000_000  # of the JSON


@dataclasses.dataclass(frozen=True)
class Position:
    """How far a training is.

    Args:
        epoch: finished epochs.
        step: finished steps of the next one.
        stopped: whether it ended before its last epoch (early stopping).
        seconds: of work so far, all tries together.
    """

    epoch: int = 0
    step: int = 0
    stopped: bool = False
    seconds: float = 0.0

    def __str__(self):
        if self.step:
            return f"after step {self.step} of epoch {self.epoch + 1}"
        return f"after epoch {self.epoch}" if self.epoch else "before the first epoch"


def path(directory):
    """Where a run folder's checkpoint lies."""
    return directory / FOLDER / FILE


@contextlib.contextmanager
def _opened(directory):
    with (
        fileio.opened(path(directory), "checkpoint", root=directory) as file,
        h5py.File(file, "r") as content,
    ):
        yield content


def write(
    directory, model, position, callbacks, generators=(), recipe=None, history=None
):
    """Replaces a run's checkpoint; the old one stays when anything goes wrong.

    Args:
        directory: the run folder.
        model: compiled, its optimizer built.
        position: a `Position`; within an epoch the metrics are written, too.
        callbacks: what callbacks keep, a dict for JSON.
        generators: as `cmvq_keras.backend.runtime.generators` gives them; of several
            processes in their order.
        recipe: the `Recipe` that is trained.
        history: what `Run.history_checksums` gives.

    Raises:
        DivergedError: when a weight is not finite.
        OSError: when the disk is full or fails.
    """
    place = path(directory)
    fileio.make_folder(place.parent, directory)
    about = {
        "format": FORMAT,
        "position": dataclasses.asdict(position),
        "callbacks": callbacks,
        "recipe": recipe and recipe.to_json(),
        "history": history,
    }
    with (
        fileio.replacing(place, directory) as file,
        fileio.deferring(file) as held,
        h5py.File(held, "w") as content,
    ):
        for name, variables in _parts(model, position).items():
            _write(content.create_group(name), name, variables)
        group = content.create_group("generators")
        for index, values in enumerate(generators):
            group[str(index)] = values
        text = json.dumps(about).encode()
        content["about"] = np.frombuffer(text, "uint8")


def _parts(model, position):
    # Unlike `weights`, `variables` holds the states of the random numbers.
    parts = {"model": model.variables, "optimizer": model.optimizer.variables}
    if position.step:
        parts["metrics"] = model.metrics_variables
    return parts


def _write(group, part, variables):
    for index, variable in enumerate(variables):
        values = ops.convert_to_numpy(variable)
        finite = values.dtype.kind != "f" or np.isfinite(values).all()
        if part == "model" and not finite:
            raise DivergedError(f"{variable.path} is not finite")
        group[str(index)] = values


def read(directory):
    """The `Position` of a run's checkpoint and what callbacks keep; None without one.

    Raises:
        ValueError: when the file is damaged or of a later version.
    """
    about = _about(directory)
    return about and (about["position"], about["callbacks"])


def read_recipe(directory):
    """The `Recipe` that a run's checkpoint was trained by; None where none is noted.

    Raises:
        ValueError: as `read`.
    """
    text = (_about(directory) or {}).get("recipe")
    return None if text is None else Recipe.from_json(text)


def read_history(directory):
    """The checksums of history.csv that `write` was given; [] where none are noted.

    Raises:
        ValueError: as `read`.
    """
    return (_about(directory) or {}).get("history") or []


def _about(directory):
    place = path(directory)
    if not os.path.lexists(place):
        return None
    with _opened(directory) as content:
        text = hdf5.whole_dataset(content, "about")
        if text.dtype != np.uint8 or text.ndim != 1 or text.size > MAX_BYTES:
            raise ValueError("its description is not text")
        about = json.loads(text[()].tobytes())
        if about["format"] != FORMAT:
            raise ValueError(
                f"it has the format {about['format']!r}, this version reads {FORMAT}"
            )
        position = Position(**about["position"])
        if not 0 <= position.epoch < 2**31 or not 0 <= position.step < 2**31:
            raise ValueError(f"it is {position}")
        if (
            not math.isfinite(position.seconds)
            or not isinstance(about["callbacks"], dict)
            or not isinstance(about.get("history"), list | None)
        ):
            raise ValueError("its description is damaged")
        return {**about, "position": position}


def restore(directory, model, metrics=False):
    """Gives a model the values of its run's checkpoint, bit for bit.

    Args:
        directory: the run folder.
        model: compiled, its optimizer built.
        metrics: whether to give the metrics theirs instead, within an epoch.

    Raises:
        ValueError: when the file is damaged, holds weights that are not finite, or is
            of another model or backend. Nothing of the model has changed then.
    """
    parts = _parts(model, Position(step=1))
    names = ["metrics"] if metrics else ["model", "optimizer"]
    with _opened(directory) as content:
        # All of them first: a file that does not fit changes nothing.
        places = _places_without_mask(content, model)
        found = [
            pair
            for name in names
            for pair in _matched(content, name, parts[name], places.get(name))
        ]
    for variable, values in found:
        variable.assign(values)


def read_generators(directory, like, process=0):
    """What `write` was given of one process's generators; [] where there was none.

    Args:
        directory: the run folder.
        like: what `cmvq_keras.backend.runtime.generators` gives here.
        process: the process's number; the states lie in their order.

    Raises:
        ValueError: as `restore`; with another kind of device it is another machine.
    """
    own = range(process * len(like), (process + 1) * len(like))
    with _opened(directory) as content:
        group = _group(content, "generators")
        if len(group) % len(like) if like else len(group):
            raise ValueError(f"it holds the states of {len(group)} generators")
        if own.stop > len(group):
            return []
        found = [hdf5.whole_dataset(group, str(index)) for index in own]
        if any(
            (each.shape, each.dtype) != (values.shape, values.dtype)
            for each, values in zip(found, like, strict=True)
        ):
            raise ValueError("its generators are of another version")
        return [each[()] for each in found]


def _group(content, name, count=None):
    if content.get(name, getclass=True, getlink=True) is not h5py.HardLink:
        raise ValueError(f"it holds no {name}")
    group = content[name]
    if not isinstance(group, h5py.Group) or count not in (None, len(group)):
        raise ValueError(f"it does not hold the {name} that belong here")
    return group


def _places_without_mask(content, model):
    """By part the entries of a model's variables, where the file holds two more.

    In version 0.1.0 every model had a mask before its solver (weights and random number
    state), and the mean of the mask's penalty behind that of the task's loss (sum and
    count). A model without a mask has no place for them.
    """
    variables = model.variables
    if hasattr(model, "mask") or len(_group(content, "model")) != len(variables) + 2:
        return {}
    solver, measured = model.solver.variables[0].path, model.metrics_variables
    firsts = {
        "model": [each.path for each in variables].index(solver),
        "metrics": [each.path for each in measured].index("task_loss/count") + 1,
    }
    counts = {"model": len(variables) + 2, "metrics": len(measured) + 2}
    return {
        name: [*range(first), *range(first + 2, counts[name])]
        for name, first in firsts.items()
    }


def _matched(content, name, variables, places=None):
    """Each variable with the file's values, those of `places` or all."""
    more = 2 if places else 0
    group = _group(content, name, len(variables) + more)
    for index, variable in zip(places or range(len(variables)), variables, strict=True):
        dataset = hdf5.whole_dataset(group, str(index))
        wanted = tuple(variable.shape), np.dtype(variable.dtype)
        if (dataset.shape, dataset.dtype) != wanted:
            raise ValueError(
                f"{variable.path} is {dataset.dtype} {dataset.shape}, the recipe's "
                f"{wanted[1]} {wanted[0]}"
            )
        # Only weights: an optimizer's slot may overflow while they stay finite.
        if name == "model":
            yield variable, hdf5.finite_values(dataset, variable.path)
        else:
            yield variable, dataset[()]
