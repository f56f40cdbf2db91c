"""Where a recipe's or a run's data comes from, as one value."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from cmvq_keras import cache_dir, recipe_file, recipes
from cmvq_keras.data import kinds
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.store.store import Store
from cmvq_keras.data.transforms import standardization
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.runs import stores

_ROWS = 256  # of a modality in memory at a time
_HINT = "Name one with --store, or raw files with --data-dir."


@dataclasses.dataclass(frozen=True)
class DataSource:
    """Raw files or a prepared store, as a caller names them.

    Args:
        data_dir: root folder of the raw data; None for CMVQ_DATA_DIR, else the user's
            data folder.
        store: a prepared store to read from instead: its folder, or an open
            `cmvq_keras.data.Store`.
        on_progress: function `(split, samples done, samples in all)` of a preparation;
            None for none.
    """

    data_dir: str | os.PathLike | None = None
    store: Any = None
    on_progress: Callable[[str, int, int], None] | None = None

    def for_recipe(self, recipe):
        """This source with the store that a recipe's data is read from, open.

        Args:
            recipe: a `ResolvedRecipe`.

        Returns:
            A `DataSource`. Its store is the named one, else that of the user's cache
            folder, which is made if needed. It is None for a recipe that makes its
            data up, or that is not ours: its module loads each split itself.

        Raises:
            FileNotFoundError, ValueError: as `cmvq_keras.prepare`.
        """
        if isinstance(self.store, Store):
            return self
        if self.store is not None:
            return self._with_store(Store.open(self.store, recipe.name))
        if recipe.name not in recipes.names() or recipes.is_made_up(recipe.name):
            return self
        return self._with_store(stores.cached(recipe, self))

    def for_run(self, run):
        """This source with the store to measure a run on: the named one, else its own.

        Args:
            run: an open `cmvq_keras.runs.run.Run`.

        Returns:
            A `DataSource`, as `for_recipe`.

        Raises:
            FileNotFoundError: when the run's own store is gone. One in the cache is
                made again from the run's raw files.
            ValueError: when it is not the one any more that the run was trained from,
                or the run's recipe file is needed and not there.
        """
        noted = run.environment.get("store")
        is_named = self.store is not None or self.data_dir is not None
        found = (
            self.for_recipe(run.recipe)
            if is_named or noted is None
            else self._with_store(self._own_store(run, noted))
        )
        if found.store is None:
            recipe_file.check_run(run)
        return found

    def same_as(self, run):
        """As `for_run`; what is named must be the run's own, too.

        Raises:
            FileNotFoundError, ValueError: as `for_run`, and for other data.
        """
        asked = self
        if self.data_dir is None and self.store is None:
            noted_dir = run.environment.get("data_dir")
            asked = dataclasses.replace(self, data_dir=noted_dir)
        found = asked.for_run(run)
        noted = run.environment.get("store")
        expected = noted.get("manifest") if isinstance(noted, dict) else None
        if (found.store.checksum if found.store else None) != expected:
            where = found.store.folder if found.store else "What is named"
            raise ValueError(
                f"{where} is not the store that {run.directory} was trained from."
            )
        return found

    def split(self, recipe, name):
        """One split's arrays, as many samples as the recipe's limit says.

        Args:
            recipe: a `ResolvedRecipe`.
            name: "train", "validation" or "test".

        Returns:
            `cmvq_keras.data.split.Split`.
        """
        limit = recipe.training.limit
        return recipes.load_split(recipe, name, self.data_dir, limit, self.store)

    def measured(self, recipe):
        """The recipe with offsets and scales that are "auto" measured on its training
        data, resolved.

        Args:
            recipe: the `ResolvedRecipe` that this source is for.
        """
        raw = {
            f"modalities.{name}.{key}": unit
            for name, modality in recipe.modalities.items()
            if AUTO in (modality.offset, modality.scale)
            for key, unit in (("offset", 0.0), ("scale", 1.0))
        }
        if standardization.are_measured(recipe):
            return recipe
        unit = recipes.resolve(recipe.with_settings(raw))
        split = self.split(unit, "train")
        return recipes.resolve(
            standardization.measured(
                recipe.asked,
                lambda name: _blocks(split.x[name]),
                lambda: split.y,
                kinds.masked(recipe),
            )
        )

    def describe(self, recipe):
        """What a run notes of its data, a dict for JSON; `for_run` reads it.

        Args:
            recipe: the `ResolvedRecipe` that this source is for.
        """
        if self.store is None:
            made_up = recipes.is_made_up(recipe.name)
            return {} if made_up else {"data_dir": self._noted_root()}
        about = {
            "folder": str(self.store.folder.resolve()),
            "manifest": self.store.checksum,
        }
        is_cached = self.store.folder.is_relative_to(cache_dir.stores())
        if is_cached and recipes.is_known(recipe.name):
            about["data_dir"] = self._noted_root()
        return {"store": about}

    def omitted_samples(self, split):
        """{"left_out": how many samples of a split are damaged}, or an empty dict."""
        count = len(self.store.skipped(split)) if self.store else 0
        return {"left_out": count} if count else {}

    def _with_store(self, store):
        return dataclasses.replace(self, store=store)

    def _noted_root(self):
        return str(sources.data_root(self.data_dir).resolve())

    def _own_store(self, run, noted):
        try:
            folder, expected = str(noted["folder"]), noted["manifest"]
            raw = noted.get("data_dir")
        except (TypeError, KeyError, AttributeError):
            raise ValueError(
                f"{run.directory}: environment.json names no readable store. {_HINT}"
            ) from None
        try:
            found = Store.open(folder, run.recipe.name)
        except FileNotFoundError:
            if raw is None:
                raise FileNotFoundError(
                    f"{run.directory} was trained from the store {folder}, which "
                    f"does not exist. {_HINT}"
                ) from None
            found = stores.cached(run.recipe, dataclasses.replace(self, data_dir=raw))
        if found.checksum != expected:
            raise ValueError(
                f"{found.folder} has changed since {run.directory} was trained from "
                f"it. {_HINT}"
            )
        return found


def _blocks(values):
    for start in range(0, len(values), _ROWS):
        yield np.asarray(values[start : start + _ROWS])
