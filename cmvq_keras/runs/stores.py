"""From raw files to a prepared store: decoded once, trained from many times."""

import hashlib
import json
import os
import pathlib
import shutil

from cmvq_keras import cache_dir, recipe_file, recipes
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.store import builder, manifest, reader
from cmvq_keras.data.store.store import Store


def prepare(
    recipe, data_dir=None, out="store", force=False, on_progress=None, workers=None
):
    """Writes a recipe's three splits into a store.

    A model that is fed from the store sees exactly the values that it would see
    from the raw files: they are stored before normalization, pictures as uint8.

    Args:
        recipe: a `Recipe`, or a recipe's name. Its `data` settings, modalities and
            `training.limit` decide what is stored; nothing else does.
        data_dir: as in `cmvq_keras.train`.
        out: the root; the store is `<out>/<recipe's name>`.
        force: whether a store that is there is replaced.
        on_progress: function `(split, samples done, samples in all)`.
        workers: processes that decode; None for one a core, 12 at most. The bytes of
            the store do not depend on it.

    Returns:
        The `cmvq_keras.data.Store`.

    Raises:
        FileExistsError: when a store is there already; told before anything is read.
        FileNotFoundError: when raw data is missing; it says how to get it.
        ValueError: for settings and data that do not fit.
    """
    recipe = recipes.resolve(recipe)
    builder.check_place(pathlib.Path(out) / recipe.name, force)
    # All splits at once: what is missing is told before anything is decoded.
    sources_by_split = {split: _source(recipe, split, data_dir) for split in SPLITS}
    return Store.create(
        out,
        recipe,
        sources_by_split,
        force=force,
        origin=json.dumps(_origin(recipe, data_dir)),
        on_progress=on_progress,
        workers=workers,
    )


def cached(recipe, data_dir=None, on_progress=None):
    """The store of a recipe's raw files in the user's cache folder, made if needed.

    A store there that holds more (all modalities, all samples) is used as well. One
    of other settings, other versions of what decodes, or raw files that have changed
    since is not.

    Args:
        recipe: a `Recipe`; see `prepare`.
        data_dir: as in `cmvq_keras.train`.
        on_progress: as in `prepare`.

    Returns:
        The `cmvq_keras.data.Store`.

    Raises:
        FileNotFoundError, ValueError: as in `prepare`.
    """
    family = cache_dir.stores() / f"{recipe.name}-{_hash(_origin(recipe, data_dir))}"
    for path in sorted(family.glob(f"*/{recipe.name}/{manifest.FILE}")):
        store = _whole(path.parent)
        if store and reader.fits(recipe, store):
            return store
    out = family / _hash(manifest.data_settings(recipe))
    place = out / recipe.name
    if place.exists() and _whole(place) is None:
        shutil.rmtree(place)
    return prepare(recipe, data_dir, out, on_progress=on_progress)


def _whole(folder):
    """The store of a folder; None where a file is damaged or gone.

    Names, sizes, shapes and labels are looked at; `cmvq data check` reads the rest.
    """
    try:
        store = Store.open(folder)
        for split in store.manifest["splits"]:
            store.split(split)
    except (ValueError, OSError):
        return None
    return store


def find_store(recipe, data_dir=None, store=None, on_progress=None):
    """The store to read a recipe's data from.

    Args:
        recipe: a `Recipe`.
        data_dir: as in `cmvq_keras.train`.
        store: a `Store` or its folder, where one is named; else `cached` gives it.
        on_progress: as in `prepare`.

    Returns:
        A `Store`; None for a recipe that makes its data up, or that is not ours: its
        module loads each split itself.
    """
    if store is not None:
        return store if isinstance(store, Store) else Store.open(store, recipe.name)
    if recipe.name not in recipes.names() or recipes.is_made_up(recipe.name):
        return None
    return cached(recipe, data_dir, on_progress)


def describe(store, data_dir):
    """What a run notes of its store, a dict for JSON; `store_of_run` reads it."""
    about = {"folder": str(store.folder.resolve()), "manifest": store.checksum}
    if store.folder.is_relative_to(cache_dir.stores()):
        about["data_dir"] = str(sources.data_root(data_dir).resolve())
    return about


def store_of_run(run, data_dir=None, store=None, on_progress=None):
    """The store to measure a run on: one that is named, else its own.

    Args:
        run: an open `cmvq_keras.runs.run.Run`.
        data_dir, store, on_progress: as in `find_store`.

    Returns:
        A `Store` or None, see `find_store`.

    Raises:
        FileNotFoundError: when the run's own store is gone. One in the cache is made
            again from the run's raw files.
        ValueError: when it is not the one any more that the run was trained from.
    """
    noted = run.environment.get("store")
    if store is not None or data_dir is not None or noted is None:
        return find_store(run.recipe, data_dir, store, on_progress)
    hint = "Name one with --store, or raw files with --data-dir."
    try:
        folder, expected = str(noted["folder"]), noted["manifest"]
        raw = noted.get("data_dir")
    except (TypeError, KeyError, AttributeError):
        raise ValueError(
            f"{run.directory}: environment.json names no readable store. {hint}"
        ) from None
    try:
        found = Store.open(folder, run.recipe.name)
    except FileNotFoundError:
        if raw is None:
            raise FileNotFoundError(
                f"{run.directory} was trained from the store {folder}, which is not "
                f"there. {hint}"
            ) from None
        found = cached(run.recipe, raw, on_progress)
    if found.checksum != expected:
        raise ValueError(
            f"{found.folder} is not the store any more that {run.directory} was "
            f"trained from. {hint}"
        )
    return found


def same_store(run, data_dir=None, store=None, on_progress=None):
    """As `store_of_run`; one that is named must be the run's own, too.

    Raises:
        FileNotFoundError, ValueError: as `store_of_run`.
    """
    found = store_of_run(run, data_dir, store, on_progress)
    noted = run.environment.get("store")
    expected = noted.get("manifest") if isinstance(noted, dict) else None
    if (found.checksum if found else None) != expected:
        where = found.folder if found else "What is named"
        raise ValueError(
            f"{where} is not the store that {run.directory} was trained from."
        )
    return found


def _origin(recipe, data_dir):
    """What a cached store has to be made of and with: values for JSON."""
    root = sources.data_root(data_dir).resolve()
    module = recipes.module(recipe.name)
    files = [
        root / source / name
        for source in getattr(module, "SOURCES", ())
        for name in sources.get(source).files
    ]
    return {
        "root": str(root),
        "files": [(str(path), *_extent(path)) for path in files if path.exists()],
        "versions": manifest.versions(),
        "format": manifest.FORMAT,
        **recipe_file.notes(recipe.name),
    }


def _extent(path):
    """How many files a path has, their bytes, and when the last of them changed."""
    found = [path] if path.is_file() else _files_below(path)
    stamps = [each.stat() for each in found]
    newest = max((each.st_mtime_ns for each in stamps), default=0)
    return len(stamps), sum(each.st_size for each in stamps), newest


def _files_below(folder):
    # A folder's own time tells of names that come and go, not of what is in the files.
    for parent, _, names in os.walk(folder):
        paths = (pathlib.Path(parent, name) for name in names)
        yield from (path for path in paths if path.is_file())


def _hash(content):
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source(recipe, split, data_dir):
    """Where `Store.create` gets a split from."""
    limit = recipe.training.limit
    if recipes.is_made_up(recipe.name):
        return recipes.load_split(
            _without_normalization(recipe), split, data_dir, limit
        )
    return recipes.open_split(recipe, split, data_dir, limit)


def _without_normalization(recipe):
    settings = {}
    for name in recipe.modalities:
        settings[f"modalities.{name}.offset"] = 0.0
        settings[f"modalities.{name}.scale"] = 1.0
    return recipe.with_settings(settings)
