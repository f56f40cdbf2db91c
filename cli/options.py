"""Options that several commands share, and what they mean."""

import os
import sys

import click
from click.shell_completion import CompletionItem

from cmvq_keras import validation
from cmvq_keras.backend.selection import (
    BACKENDS,
    import_keras,
    is_process_per_device,
    select_backend,
)
from cmvq_keras.cli import completion


class Name(click.Choice):
    """One of some names; a wrong one gets the nearest as a hint."""

    def convert(self, value, param, ctx):
        """The name itself, or a usage error."""
        if value in self.choices:
            return value
        close = validation.nearest(value, self.choices)
        hint = f" Did you mean {close}?" if close else ""
        self.fail(f"{value} is not one of {', '.join(self.choices)}.{hint}", param, ctx)


class Names(Name):
    """Several of some names with commas between them, as a tuple."""

    def convert(self, value, param, ctx):
        """The names in their order, each once, or a usage error."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        return tuple(
            dict.fromkeys(
                super(Names, self).convert(word, param, ctx) for word in words
            )
        )

    def shell_complete(self, ctx, param, incomplete):
        """Names for the last place of the list."""
        return list(map(CompletionItem, completion.listed(self.choices, incomplete)))


class Preset(Name):
    """The name of a preset. Recipes, which know them, are imported when it is asked
    for: `cmvq --help` needs none."""

    def __init__(self):
        self.case_sensitive = True

    @property
    def choices(self):
        from cmvq_keras.recipe import PRESETS

        return PRESETS


class Assignment(click.ParamType):
    """`NAME=VALUE`, as the pair (name, value).

    Args:
        form: how the help writes it, e.g. "MODALITY=PATH".
    """

    name = "assignment"

    def __init__(self, form):
        self.form = form

    def get_metavar(self, param, ctx=None):
        """How the help writes a value."""
        return self.form

    def convert(self, value, param, ctx):
        """The pair, or a usage error."""
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not (equals and name.strip() and text.strip()):
            self.fail(f"expected {self.form}. Received: {value}", param, ctx)
        return name.strip(), text.strip()


def preset(text, **more):
    """The option `--preset`.

    Args:
        text: of the help.
        **more: as `click.option` takes them.
    """
    return click.option("--preset", type=Preset(), help=text, **more)


backend = click.option(
    "--backend",
    type=Name(BACKENDS),
    help="Backend of Keras. Default: KERAS_BACKEND, keras.json, or the first found.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder of the raw data. Default: CMVQ_DATA_DIR, or the user's data folder.",
)
store = click.option(
    "--store",
    type=click.Path(file_okay=False),
    help="Prepared store to read instead of raw files. See `cmvq prepare`.",
)
recipe_file = click.option(
    "--recipe",
    "recipe_file",
    metavar="FILE.py",
    type=click.Path(),
    help="Recipe file that RUN was trained with. Its code is run.",
)
split = click.option(
    "--split",
    type=Name(("train", "validation", "test")),
    default="test",
    show_default=True,
    help="Part of the data.",
)


def settings(short, assignments):
    """Settings by dotted name.

    Args:
        short: training settings by their short name; None where not given.
        assignments: pairs of `--set`.

    Raises:
        click.UsageError: for a setting that is given twice.
    """
    found = {}
    named = [
        (f"training.{name}", value)
        for name, value in short.items()
        if value is not None
    ]
    for name, value in [*named, *assignments]:
        if name in found:
            raise click.UsageError(f"{name} is set twice.")
        found[name] = value
    return found


def check_places(data_dir, store):
    """Raises a usage error when both --data-dir and --store are given."""
    if store and data_dir:
        raise click.UsageError("Give only one of --store and --data-dir.")


def recipe_or_store(name, preset, store):
    """The recipe of that name, or without a name the store's own.

    Args:
        name, preset, store: the values of `--recipe`, `--preset` and `--store` (or an
            open store); each may be None.

    Raises:
        click.UsageError: without a recipe and a store, and for a preset of a store.
    """
    from cmvq_keras import recipes

    if name:
        report_recipe_file(name)
        return recipes.get(name, preset or "default")
    if store is None:
        raise click.UsageError("Missing option '--recipe', '--store' or '--table'.")
    if preset:
        raise click.UsageError("--preset needs --recipe: a store has its own settings.")
    from cmvq_keras.data.store.store import Store

    opened = store if isinstance(store, Store) else Store.open(store)
    return opened.recipe


def report_recipe_file(recipe):
    """Says so when a recipe is named by its file, whose code is going to be run.

    Args:
        recipe: the value of `--recipe`, or None.
    """
    from cmvq_keras import recipe_file

    if recipe and recipe_file.is_path(recipe) and os.path.isfile(recipe):
        click.echo(f"Running the code of {recipe}", err=True)


def open_run(folder):
    """The open `cmvq_keras.runs.run.Run` of a folder; a note where it may change."""
    from cmvq_keras.runs.run import Run

    run = Run.open(folder)
    if run.is_resumable:
        click.echo(
            f"Note: {run.directory} is not finished. Its weights are those of the "
            f"epoch kept so far. Finish it: cmvq train --resume {run.directory}",
            err=True,
        )
    return run


def read_recipe_file(path, run):
    """Runs the recipe file that a run was trained with, where one is named.

    Args:
        path: the value of `--recipe`, or None.
        run: an open `cmvq_keras.runs.run.Run`.

    Raises:
        click.UsageError: for another recipe than the run's.
    """
    from cmvq_keras import recipe_file, recipes

    if path is None:
        return
    if not recipe_file.is_path(path):
        raise click.UsageError(
            "--recipe takes the recipe file (.py) that RUN was trained with. "
            f"Received: {path}"
        )
    report_recipe_file(path)
    name = recipes.module(path).RECIPE.name
    if name != run.recipe.name:
        raise click.UsageError(
            f"{path} holds the recipe {name}; {run.directory} is of {run.recipe.name}."
        )
    if text := recipe_file.check_run(run):
        click.echo(text, err=True)


def start_backend(requested, devices=None):
    """Sets the backend and imports Keras without TensorFlow's start-up messages.

    Args:
        requested: the value of `--backend`, or None.
        devices: the value of `--devices`, or None. Where several are a process each,
            this process starts them for the same command, and ends with them.

    Returns:
        The backend's name.
    """
    # Imported here, as in each command: `cmvq --help` needs none of it.
    from cmvq_keras.backend import xla_flags

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    chosen = select_backend(requested)
    several = devices not in (None, "1")
    if several and is_process_per_device(chosen) and not _is_launched():
        from cmvq_keras.distribution.launch import launch

        sys.exit(launch(devices, sys.argv[1:]))
    xla_flags.enable_compilation_cache(chosen)
    xla_flags.set_xla_memory_scheduler(chosen)
    import_keras()
    return chosen


def _is_launched():
    return "WORLD_SIZE" in os.environ
