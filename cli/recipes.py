"""`cmvq recipes`: what can be trained, and every setting."""

import click

from cmvq_keras.cli import completion, options
from cmvq_keras.cli.text_tables import table


@click.command("recipes", short_help="List the recipes, or show one in full.")
@click.argument("name", required=False, shell_complete=completion.recipes)
@options.preset("Settings to show.", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name, preset, as_json):
    """List the recipes, or show the recipe NAME in full.

    \b
    cmvq recipes
    cmvq recipes crema-d --preset paper
    cmvq recipes crema-d --json
    """
    from cmvq_keras import recipes

    if name:
        options.report_recipe_file(name)
        recipe = recipes.get(name, preset)
        click.echo(recipe.to_json() if as_json else _in_full(recipe), nl=not as_json)
        return
    found = [recipes.get(each, preset) for each in recipes.names()]
    click.echo(_as_json(found) if as_json else _overview(found))


def _as_json(found):
    import json

    return json.dumps([json.loads(recipe.to_json()) for recipe in found], indent=2)


def _overview(found):
    rows = [
        (
            recipe.name,
            recipe.title,
            ", ".join(recipe.modalities),
            len(recipe.classes),
        )
        for recipe in found
    ]
    header = ("Recipe", "What", "Modalities", "Classes")
    return f"{table(rows, header)}\n\nShow one in full: cmvq recipes NAME"


def _in_full(recipe):
    import inspect

    from cmvq_keras import recipes

    expected = recipe.valid_ranges()
    rows = [
        (setting, _text(value), expected.get(setting, _kind(value)))
        for setting, value in recipe.settings().items()
    ]
    return "\n\n".join(
        [
            f"{recipe.name} (preset {recipe.preset}): {recipe.title}",
            inspect.getdoc(recipes.module(recipe.name)) or "",
            f"{recipe.task}, {len(recipe.classes)} classes: "
            + ", ".join(recipe.classes),
            "inputs: " + ", ".join(_inputs(recipe)),
            table(rows, ("Setting", "Value", "Valid")),
            "Change one with --set SETTING=VALUE.",
        ]
    )


def _inputs(recipe):
    for name, modality in recipe.modalities.items():
        yield f"{name} ({modality.kind}, {' x '.join(map(str, modality.shape))})"


def _kind(value):
    """What a recipe's own setting takes; its module's notes say more."""
    return {str: "a word (see above)", bool: "true or false"}.get(
        type(value), f"of type {type(value).__name__}"
    )


def _text(value):
    return "none" if value is None else value
