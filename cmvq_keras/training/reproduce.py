"""A run once more: does the same come out?"""

import os
from collections.abc import Callable

import h5py
import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.store.store import Store
from cmvq_keras.old_names import keyword_only, renamed_argument
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.run import Run, as_run
from cmvq_keras.runs.warm_start import WarmStart
from cmvq_keras.training import api

#: Entries of metrics.json that are no result.
NO_RESULT = ("training_seconds", "checksums")
MAX_VALUES = 2**31  # of one array of weights


@renamed_argument("told", "on_progress")
@keyword_only
def reproduce(
    run: str | os.PathLike | Run,
    out: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    verbose: bool = True,
) -> Run:
    """Trains again what a run was trained on, with its settings.

    Args:
        run: a finished run's folder, or an open `Run`.
        out: the folder of the new run.
        data_dir, store: where the data is now, if it was moved.
        on_progress, verbose: as in `cmvq_keras.train`.

    Returns:
        The new `Run`; see `differences`.

    Raises:
        ValueError: when the run is not finished, was trained on another backend, or
            its data is not what it was.
        FileNotFoundError, FileExistsError: as in `cmvq_keras.train`.
    """
    run = as_run(run)
    if not run.is_finished:
        raise ValueError(
            f"{run.directory} is not finished: there is nothing to compare with."
        )
    api.check_backend(run)
    warm_start = WarmStart.of_run(run)
    source = DataSource(data_dir, store, on_progress).same_as(run)
    return api.train(
        # Its record, where it has one, is of the first training.
        run.recipe.with_settings({"training.log": None}),
        data_dir=source.data_dir,
        out=out,
        verbose=verbose,
        store=source.store,
        init_from=warm_start.run if warm_start else None,
        keep_solver=bool(warm_start and warm_start.keep_solver),
        keep_mask=bool(warm_start and warm_start.keep_mask),
        on_progress=on_progress,
    )


def differences(run, again):
    """What differs between two runs, to the last digit.

    What only one of the runs was asked to measure is left out.

    Args:
        run, again: open `Run`s.

    Returns:
        Triples (what, value in `run`, value in `again`), and how many numbers and
        arrays were compared.
    """
    numbers = [_numbers(each) for each in (run, again)]
    weights = [_weights(each) for each in (run, again)]
    found, count = [], 0
    for one, two in (numbers, weights):
        both = one.keys() & two.keys()
        count += len(both)
        found += [
            (name, _shown(one[name]), _shown(two[name]))
            for name in one
            if name in both and not _same(one[name], two[name])
        ]
    lengths = [len(each.history) for each in (run, again)]
    if lengths[0] != lengths[1]:
        found.insert(0, ("epochs", *lengths))
    missing = weights[0].keys() ^ weights[1].keys()
    found += [(f"weights {name}", "-", "-") for name in sorted(missing)]
    return found, count


def _numbers(run):
    metrics = {
        name: value for name, value in run.metrics.items() if name not in NO_RESULT
    }
    found = dict(fileio.leaves(metrics))
    for row in run.history:
        epoch = int(row["epoch"])
        found.update({f"epoch {epoch}: {name}": value for name, value in row.items()})
    return found


def _weights(run):
    path = run.weights_path
    with fileio.opened(path, "weights file", root=run.directory) as file:
        found = {}
        with h5py.File(file, "r") as content:
            _collect(content, "", found)
        return found


def _collect(group, prefix, found):
    for name in group:
        if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
            raise ValueError(f"{name} is missing from the file")
        item, place = group[name], f"{prefix}{name}"
        if isinstance(item, h5py.Group):
            _collect(item, f"{place}/", found)
        elif item.external or item.is_virtual or item.size > MAX_VALUES:
            raise ValueError(f"{name} is missing from the file")
        else:
            found[f"weights {place}"] = item[()]


def _same(one, two):
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=True)
    return one == two


def _shown(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}, sum {value.sum(dtype='float64'):.9g}"
    return "another table" if isinstance(value, list) else repr(value)
