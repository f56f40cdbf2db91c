"""What each modality of a run's model is worth."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from cmvq_keras.backend.runtime import deterministic
from cmvq_keras.data.store.store import Store
from cmvq_keras.evaluation import related_measures
from cmvq_keras.evaluation.contribution import contribution
from cmvq_keras.evaluation.contribution_result import Contribution
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.load import load_model, precision_policy
from cmvq_keras.runs.run import Run, as_run


def of_run(
    run: str | os.PathLike | Run,
    split: str = "test",
    *,
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Contribution:
    """Measures what each modality is worth to a run's kept weights on one split.

    A modality that is left out is zeros in its channels. Nothing is written.

    Args:
        run: the run folder (or an open `Run`).
        split: "train", "validation" or "test".
        data_dir, store, on_progress: as in `cmvq_keras.evaluate`.
        **options: of `cmvq_keras.contribution`.

    Raises:
        FileNotFoundError, ValueError: as in `cmvq_keras.evaluate` and
            `cmvq_keras.contribution`.
    """
    run = as_run(run)
    recipe = run.recipe
    source = DataSource(data_dir, store, on_progress).for_run(run)
    data = source.split(recipe, split)
    with deterministic(), precision_policy(recipe.training.precision):
        model = load_model(run)
        options = {"batch_size": recipe.training.batch_size, **options}
        found = contribution(model, data.x, data.y, **options)
    return dataclasses.replace(found, names=np.asarray(data.samples))


def related_of_run(
    run: str | os.PathLike | Run,
    *,
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, dict[str, float | None]]:
    """Measures a run in the measures of related work, on its training and validation
    samples. Nothing is written.

    Args:
        run, data_dir, store, on_progress: as in `of_run`.

    Returns:
        See `cmvq_keras.evaluation.related_measures.measure`.
    """
    run = as_run(run)
    recipe = run.recipe
    source = DataSource(data_dir, store, on_progress).for_run(run)
    train, validation = (source.split(recipe, part) for part in ("train", "validation"))
    with deterministic(), precision_policy(recipe.training.precision):
        size = recipe.training.batch_size
        return related_measures.measure(
            load_model(run), train, validation, batch_size=size
        )
