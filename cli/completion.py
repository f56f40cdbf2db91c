"""What the Tab key offers for names of recipes, methods, settings and modalities.

Functions as click's `shell_complete` takes them. Nothing here runs the code of a recipe
file. Where a name cannot be found out, nothing is offered.
"""

from click.shell_completion import CompletionItem


def recipes(context, parameter, incomplete):
    """Names of recipes; files where a path is begun."""
    from cmvq_keras import recipes

    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return _starting(recipes.names(), incomplete)


def sources(context, parameter, incomplete):
    """Names of sources of raw data."""
    from cmvq_keras.data.datasets import sources

    return _starting(sources.SOURCES, incomplete)


def methods(context, parameter, incomplete):
    """Names of methods, after those that stand before the last comma; or "all"."""
    from cmvq_keras import methods
    from cmvq_keras.experiments.plan import EVERY

    alone = [] if "," in incomplete else [EVERY]
    return listed([*methods.names(), *alone], incomplete)


def trackers(context, parameter, incomplete):
    """Names of trackers, after those that stand before the last comma."""
    from cmvq_keras import registry

    return listed(registry.names("tracking", "TRACKERS"), incomplete)


def listed(names, incomplete):
    """Names for the last place of a list with commas, those before it not again."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    left = [name for name in names if name not in given]
    return [f"{before}{comma}{name}" for name in _starting(left, last)]


def settings(context, parameter, incomplete):
    """Settings of the recipe with their values, for `--set` and `--over`."""
    from cmvq_keras.experiments.plan import shown

    recipe = _recipe(context)
    valid = recipe.valid_ranges()
    return [
        CompletionItem(f"{name}={shown(value)}", help=valid.get(name))
        for name, value in recipe.settings().items()
        if name.startswith(incomplete)
    ]


def modalities(context, parameter, incomplete):
    """Modalities of the recipe, or of the run."""
    run = context.params.get("run")
    return _starting((_run(run) if run else _recipe(context)).modalities, incomplete)


def _starting(names, incomplete):
    return [name for name in names if name.startswith(incomplete)]


def _recipe(context):
    """The recipe that the options before the cursor name; else the made-up one, which
    has the common settings."""
    from cmvq_keras import recipes

    name = context.params.get("recipe")
    preset = context.params.get("preset") or "default"
    return recipes.get(name if name in recipes.names() else "planted", preset)


def _run(folder):
    from cmvq_keras.runs.run import Run

    return Run.open(folder).recipe
