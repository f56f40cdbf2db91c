"""A run, its model and a split, opened to be looked at."""

import dataclasses
from typing import Any

import numpy as np

from cmvq_keras.data.split import Split
from cmvq_keras.models import stages
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run, as_run

_ROWS = 128  # samples that are looked at together


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a report is made of; `open_run` makes it.

    Args:
        run: the `cmvq_keras.runs.run.Run`.
        model: its `CMVQVAE`, with the weights of the kept epoch.
        name: the split's name.
        split: its `Split`.
        attributes: `(n,)` words by name, from the store; none without a store.
    """

    run: Run
    model: Any
    name: str
    split: Split
    attributes: dict[str, np.ndarray]

    @property
    def recipe(self):
        """The run's `Recipe`."""
        return self.run.recipe

    def inputs(self, rows):
        """The normalized inputs of some samples, in memory.

        Args:
            rows: their numbers, a list or an array.
        """
        rows = np.asarray(rows)
        # A store's file is read in its order.
        order = np.argsort(rows, kind="stable")
        back = np.argsort(order, kind="stable")
        return {
            name: np.asarray(self.split.x[name][rows[order]])[back]
            for name in self.model.modalities
        }

    def outputs(self, rows):
        """The task's outputs for some samples, `(rows, ..., outputs)` float32.

        Args:
            rows: as in `inputs`.
        """
        encoder = stages.encoder(self.model, self.model.task_modalities)
        grids = stages.predicted(encoder, self.inputs(rows), _ROWS)
        return stages.predicted(stages.solver(self.model), grids, _ROWS)[""]


def open_run(run, split="test", source=None):
    """Opens a run folder and one of its splits.

    Args:
        run: an open `Run`, or its folder.
        split: as in `cmvq_keras.evaluate`.
        source: a `cmvq_keras.runs.data_source.DataSource`; None for the run's own.

    Returns:
        An `Opened`.

    Raises:
        FileNotFoundError, ValueError: as in `cmvq_keras.evaluate`.
    """
    run = as_run(run)
    recipe = run.recipe
    source = (source or DataSource()).for_run(run)
    data, limit = source.split(recipe, split), recipe.training.limit
    attributes = {} if source.store is None else source.store.meta(split)[1]
    attributes = {name: words[:limit] for name, words in attributes.items()}
    return Opened(run, load_model(run), split, data, attributes)
