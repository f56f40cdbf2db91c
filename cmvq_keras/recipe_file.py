"""Recipe files: recipes outside the package, one Python file each.

A recipe file holds `RECIPE` and `open_split(recipe, split, data_dir)`, or `load_split`,
as the modules of `cmvq_keras.recipes` do. It may hold `build_encoder(modality,
settings)`, which gives a modality's network. Reading one runs its code. It is read only
when a caller names it: a run notes its file's path and checksum but does not load it.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import sys
import traceback
import types
from collections.abc import Callable

from cmvq_keras import fileio
from cmvq_keras.errors import RecipeFileError
from cmvq_keras.recipe import Recipe

SUFFIX = ".py"
ENCODER = "build_encoder"
NOTE = "recipe_file"  # the entry of a run's environment.json

_FUNCTIONS = ("open_split", "load_split", "resolved", "optimum", "truth", "files")
_OR_STORE = ", or name a prepared store with --store"
_loaded = {}  # `RecipeFile` by its recipe's name


@dataclasses.dataclass(frozen=True)
class RecipeFile:
    """A recipe file whose code was run.

    Args:
        path: where it lies, absolute.
        sha256: of its text.
        module: its names; faults in its readers are reported with their line.
    """

    path: pathlib.Path
    sha256: str
    module: types.ModuleType

    def note(self):
        """What a run's environment.json says about it, as a dict."""
        about = {"path": str(self.path), "sha256": self.sha256}
        return about | ({"encoders": True} if hasattr(self.module, ENCODER) else {})


def is_path(name):
    """Whether a recipe is named by its file."""
    return str(name).endswith(SUFFIX)


def load(path, taken=()):
    """Runs a recipe file; from now on its recipe's name stands for it.

    Args:
        path: of the file; its name ends in `.py`.
        taken: recipe names that it must not have.

    Returns:
        The `RecipeFile`; the one of before while the file's text is the same.

    Raises:
        FileNotFoundError: when it is not there.
        RecipeFileError: for faults in it, with the line.
    """
    path = pathlib.Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe file {path}")
    text = path.read_bytes()
    checksum = hashlib.sha256(text).hexdigest()
    for known in _loaded.values():
        if (known.path, known.sha256) == (path, checksum):
            return known
    module = _run(path, text)
    recipe = _checked(path, module, taken)
    made = RecipeFile(path, checksum, _wrap_readers(path, module))
    _loaded[recipe.name] = made
    return made


def loaded(name):
    """The `RecipeFile` whose recipe has that name, if it was loaded; else None."""
    return _loaded.get(name)


def notes(name):
    """The entry of environment.json for a run of that recipe; empty without a file."""
    found = loaded(name)
    return {NOTE: found.note()} if found else {}


def encoder(recipe, modality):
    """The network that a recipe's file gives for a modality; None for the usual one.

    Args:
        recipe: a `ResolvedRecipe`; its file was loaded, if it has one.
        modality: the name.
    """
    found = loaded(recipe.name)
    make = getattr(found.module, ENCODER, None) if found else None
    return None if make is None else make(modality, recipe.model)


def check_encoders(run):
    """Raises ValueError when the file that a run's networks come from must be named.

    Args:
        run: an open `cmvq_keras.runs.run.Run` whose model is to be built.
    """
    noted = run.environment.get(NOTE)
    if isinstance(noted, dict) and noted.get("encoders"):
        check_run(run, is_data=False)


def check_run(run, is_data=True):
    """Raises ValueError when a run's recipe file has to be named first.

    Args:
        run: an open `cmvq_keras.runs.run.Run`.
        is_data: whether it is its raw files that are to be read; else its networks.

    Returns:
        A sentence for the user if the file has changed since the run was trained with
        it; else None.
    """
    noted = run.environment.get(NOTE)
    if not isinstance(noted, dict):
        return None
    found = loaded(run.recipe.name)
    if found is None:
        raise ValueError(
            f"{run.directory} was trained with the recipe file {noted.get('path')}, "
            "whose code runs only when you name it: add --recipe with its path (in "
            f"Python: recipes.get(path) first){_OR_STORE if is_data else ''}."
        )
    if found.sha256 != noted.get("sha256"):
        return (
            f"{found.path} was changed since {run.directory} was trained: the numbers "
            "may differ."
        )
    return None


def _run(path, text):
    """The module that the file's text makes."""
    # A name of its own, so that two files of one name do not meet.
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    module = types.ModuleType(f"cmvq_recipe_file_{digest}")
    module.__file__ = str(path)
    # Dataclasses look their module up while the file runs. Later it has to be unknown:
    # worker processes cannot import it, so they get its functions themselves.
    sys.modules[module.__name__] = module
    try:
        with _faults_reported(path):
            exec(compile(text, str(path), "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def _checked(path, module, taken):
    from cmvq_keras.data.store import manifest

    recipe = getattr(module, "RECIPE", None)
    readers = [getattr(module, name, None) for name in ("open_split", "load_split")]
    if not isinstance(recipe, Recipe) or not any(map(callable, readers)):
        raise RecipeFileError(
            f"{path} must hold RECIPE, a cmvq_keras.Recipe, and a function "
            "open_split(recipe, split, data_dir) or load_split(recipe, split, "
            "data_dir, limit)"
        )
    try:
        manifest.check_names(recipe)
    except ValueError as error:
        raise RecipeFileError(f"{path}: {error}") from None
    if recipe.name in taken:
        raise RecipeFileError(
            f"{path}: its RECIPE needs a name of its own. Received: {recipe.name}, "
            "which comes with cmvq-keras"
        )
    return recipe


def _wrap_readers(path, module):
    """The module's names, its functions wrapped so that their faults are reported."""
    names = dict(vars(module))
    for name in (*_FUNCTIONS, ENCODER):
        if callable(names.get(name)):
            names[name] = _Reporting(names[name], path)
    if "open_split" in names:
        names["open_split"] = _Opener(names["open_split"], path)
    text = types.ModuleType(module.__name__)
    text.__dict__.update(names)
    return text


@dataclasses.dataclass(frozen=True)
class _Reporting:
    """A function of the file."""

    function: Callable
    path: pathlib.Path

    def __call__(self, *arguments):
        with _faults_reported(self.path):
            return self.function(*arguments)


@dataclasses.dataclass(frozen=True)
class _Reader:
    """A `Group.read` of the file: some of its errors are a damaged sample's."""

    function: Callable
    path: pathlib.Path

    def __call__(self, item):
        with _faults_reported(self.path, but=fileio.UNREADABLE):
            return self.function(item)


@dataclasses.dataclass(frozen=True)
class _Opener:
    """The file's `open_split`, whose listing's readers report their faults too."""

    function: Callable
    path: pathlib.Path

    def __call__(self, *arguments):
        from cmvq_keras.data.listing import Listing

        listing = self.function(*arguments)
        if not isinstance(listing, Listing):
            raise RecipeFileError(
                f"{self.path}: open_split must return a cmvq_keras.data.listing."
                f"Listing. Received: {type(listing).__name__}"
            )
        groups = tuple(
            dataclasses.replace(group, read=_Reader(group.read, self.path))
            for group in listing.groups
        )
        return dataclasses.replace(listing, groups=groups)


@contextlib.contextmanager
def _faults_reported(path, but=()):
    """Turns an exception of the file's code into a `RecipeFileError`."""
    try:
        yield
    except (RecipeFileError, *but):
        raise
    except Exception as error:
        raise RecipeFileError(_in_one_line(error, path)) from error


def _in_one_line(error, path):
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line, text = error.lineno, f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [each.lineno for each in frames if each.filename == str(path)]
        line = lines[-1] if lines else None
        text = "; ".join(str(error).splitlines())
        if not isinstance(error, (ValueError, OSError)):
            text = f"{type(error).__name__}: {text}"
    return f"{path}{f', line {line}' if line else ''}: {text}"
