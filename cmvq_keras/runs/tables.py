"""From a table of files to a prepared store."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

from cmvq_keras import cache_dir, recipes
from cmvq_keras.data.store import builder, manifest
from cmvq_keras.data.store.fingerprint import fingerprint
from cmvq_keras.data.store.store import Store
from cmvq_keras.data.tables import Table, open_table
from cmvq_keras.runs.stores import once


def opened(
    path: str | os.PathLike,
    kinds: Mapping[str, str] | None = None,
    shapes: Mapping[str, tuple] | None = None,
    seed: int = 0,
    *,
    task: str | None = None,
    label_columns: Sequence[str] = (),
    centered: Sequence[str] = (),
) -> Table:
    """`cmvq_keras.data.tables.open_table`, under a name that no built-in recipe has."""
    table = open_table(
        path,
        kinds,
        shapes,
        seed,
        task=task,
        label_columns=label_columns,
        centered=centered,
    )
    if table.recipe.name not in recipes.names():
        return table
    recipe = dataclasses.replace(table.recipe, name=f"{table.recipe.name}-table")
    return dataclasses.replace(table, recipe=recipe)


def prepare(
    table: str | os.PathLike | Table,
    out: str | os.PathLike | None = None,
    *,
    kinds: Mapping[str, str] | None = None,
    shapes: Mapping[str, tuple] | None = None,
    seed: int = 0,
    centered: Sequence[str] = (),
    force: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
    workers: int | None = None,
) -> Store:
    """Writes a table of files into a store, once.

    Args:
        table: a CSV file, see `cmvq_keras.data.tables.open_table`, or a `Table`. The
            rows of a file that are skipped are logged; a `Table` has its notes.
        out: root of the store; None for the user's cache folder, where one of the same
            rows and files is taken as it is.
        kinds: the modalities' kinds, where they are not to be guessed.
        shapes: their shapes, likewise.
        seed: of the split.
        centered: names of sequences that are read less their mean over time.
        force, on_progress, workers: as in `cmvq_keras.prepare`.

    Returns:
        The `cmvq_keras.data.Store`.

    Raises:
        ValueError: in one line, for a table that cannot be trained from.
        OSError: as in `cmvq_keras.prepare`.
    """
    if not isinstance(table, Table):
        found = opened(table, kinds, shapes, seed, centered=centered)
        store = prepare(
            found, out, force=force, on_progress=on_progress, workers=workers
        )
        for split in store.manifest["splits"]:
            builder.report_skipped(split, store.skipped(split))
        return store
    recipe = recipes.resolve(table.recipe)

    def create(root):
        return Store.create(
            root,
            recipe.asked,
            table.listings,
            force=force,
            on_progress=on_progress,
            workers=workers,
        )

    if out is None:
        place = cache_dir.stores() / f"table-{_hash(table)}"
        return once(place, recipe.name, lambda: create(place))
    builder.check_place(pathlib.Path(out) / recipe.name, force)
    return create(out)


def _hash(table):
    listings = {name: fingerprint(each) for name, each in table.listings.items()}
    content = {
        "settings": manifest.data_settings(table.recipe),
        "classes": table.recipe.outputs,
        "task": table.recipe.task,
        "listings": listings,
        "versions": manifest.versions(),
        "format": manifest.FORMAT,
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
