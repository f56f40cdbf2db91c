"""The methods that can be compared: found by name, valid for every recipe."""

import pathlib

import pytest

from cmvq_keras import methods, recipes
from cmvq_keras.recipe import Recipe

EVERY = [(name, recipe) for name in methods.names() for recipe in recipes.names()]


def test_names_are_the_modules_on_disk():
    folder = pathlib.Path(methods.__file__).parent
    modules = {path.stem.replace("_", "-") for path in folder.glob("*.py")}
    assert set(methods.names()) == modules - {"--init--", "method"}
    for name in methods.names():
        method = methods.get(name)
        assert method.name == name
        assert method.title
        assert method.source


def test_an_unknown_method_is_told_with_the_nearest():
    with pytest.raises(ValueError, match="random-mask"):
        methods.get("random-masks")


@pytest.mark.parametrize(("name", "recipe"), EVERY)
def test_variants_are_recipes_that_know_their_method(name, recipe):
    method = methods.get(name)
    base = recipes.get(recipe)
    if method.reason_against(base):
        return
    for label, variant in method.variants(base).items():
        assert label == label.lower().replace(" ", "-")
        assert variant.method == name
        assert Recipe.from_json(variant.to_json()) == variant
