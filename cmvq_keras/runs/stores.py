"""From raw files to a prepared store: decoded once, trained from many times."""

import hashlib
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Callable

from cmvq_keras import cache_dir, recipe_file, recipes
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.store import builder, manifest, reader
from cmvq_keras.data.store.store import Store
from cmvq_keras.old_names import keyword_only, renamed_argument
from cmvq_keras.recipe import Recipe

_LOG = logging.getLogger(__name__)
_POLL = 0.2  # seconds


@renamed_argument("told", "on_progress")
@keyword_only
def prepare(
    recipe: str | Recipe,
    data_dir: str | os.PathLike | None = None,
    *,
    out: str | os.PathLike = "store",
    force: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
    workers: int | None = None,
) -> Store:
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
        FileExistsError: when a store is there already; raised before anything is read.
        FileNotFoundError: when raw data is missing; it says how to get it.
        ValueError: for settings and data that do not fit.
    """
    recipe = recipes.resolve(recipe)
    builder.check_place(pathlib.Path(out) / recipe.name, force)
    found = _sources(recipe, data_dir)
    return _written(out, recipe, data_dir, found, on_progress, force, workers)


def _written(out, recipe, data_dir, found, on_progress=None, force=False, workers=None):
    return Store.create(
        out,
        recipe,
        found,
        force=force,
        origin=json.dumps(_origin(recipe, data_dir)),
        on_progress=on_progress,
        workers=workers,
    )


def cached(recipe, source):
    """The store of a recipe's raw files in the user's cache folder, made if needed.

    A store there that holds more (all modalities, all samples) is used as well. One
    of other settings, other versions of what decodes, or raw files that have changed
    since is not.

    Args:
        recipe: a `ResolvedRecipe`; see `prepare`.
        source: a `cmvq_keras.runs.data_source.DataSource`; its store does not count.

    Returns:
        The `cmvq_keras.data.Store`.

    Raises:
        FileNotFoundError, ValueError: as in `prepare`.
    """
    family = (
        cache_dir.stores() / f"{recipe.name}-{_hash(_origin(recipe, source.data_dir))}"
    )
    for path in sorted(family.glob(f"*/{recipe.name}/{manifest.FILE}")):
        store = whole(path.parent)
        if store and reader.fits(recipe, store):
            return store
    out = family / _hash(manifest.data_settings(recipe))
    # What is missing is reported before anything is written.
    found = _sources(recipe, source.data_dir)

    def make():
        return _written(out, recipe, source.data_dir, found, source.on_progress)

    return once(out, recipe.name, make)


def once(out: pathlib.Path, name: str, make: Callable[[], Store]) -> Store:
    """The store of a folder of the cache, made where there is none.

    While another process makes it, this one waits. Where that one ends without, this
    one goes on with what it has left.

    Args:
        out: the folder, for this store alone.
        name: of the store in it.
        make: function that writes the store.
    """
    from filelock import FileLock, Timeout

    place = out / name
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".making.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.warning("Another process is preparing this data. Waiting for it.")
        lock.acquire(poll_interval=_POLL)
    try:
        if found := whole(place):
            return found
        if place.exists():
            shutil.rmtree(place)
        return make()
    finally:
        lock.release()


def whole(folder):
    """The store of a folder; None where it is not there, or a file is damaged or gone.

    Names, sizes, shapes and labels are looked at; `cmvq data check` reads the rest.
    """
    try:
        store = Store.open(folder)
        for split in store.manifest["splits"]:
            store.split(split)
    except (ValueError, OSError):
        return None
    return store


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
    # A folder's own time changes with its names, not with the content of its files.
    for parent, _, names in os.walk(folder):
        paths = (pathlib.Path(parent, name) for name in names)
        yield from (path for path in paths if path.is_file())


def _hash(content):
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sources(recipe, data_dir):
    """All splits at once: what is missing is reported before anything is decoded."""
    return {split: _source(recipe, split, data_dir) for split in SPLITS}


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
