"""The methods that can be compared: found by name, valid for every recipe."""

import pathlib
import re

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


def test_the_pages_own_method_is_found_by_its_name(tmp_path, monkeypatch):
    page = pathlib.Path(__file__).parents[2] / "docs" / "methods.md"
    code = re.search(r"```python\n(.*?)```", page.read_text(), re.DOTALL).group(1)
    (tmp_path / "sharp_mask.py").write_text(code)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    assert "sharp-mask" in methods.names()
    (recipe,) = methods.get("sharp-mask").variants(recipes.get("planted")).values()
    assert recipe.method == "sharp-mask"
    assert recipe.model.threshold == 0.01


def test_the_page_names_every_method():
    page = pathlib.Path(__file__).parents[2] / "docs" / "methods.md"
    for name in methods.names():
        assert f"`{name}`" in page.read_text()
