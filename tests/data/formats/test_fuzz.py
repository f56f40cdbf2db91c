"""Recipes, settings and manifests that nobody wrote: told, or read well."""

import json

import numpy as np
import pytest
from damage import EXAMPLES, edited, json_values, try_inputs
from hypothesis import strategies as st

from cmvq_keras import recipes
from cmvq_keras.cli import options
from cmvq_keras.data import Sample, Store
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

KNOWN = [recipes.get(name) for name in recipes.names()]


def is_recipe(recipe):
    assert isinstance(recipe, Recipe)
    again = Recipe.from_json(recipe.to_json())
    assert again.to_json() == recipe.to_json()


@EXAMPLES
def test_a_recipe_of_another_shape(examples, tmp_path):
    contents = [json.loads(recipe.to_json()) for recipe in KNOWN]
    made = st.one_of(*map(edited, contents), json_values())

    def read(content):
        (tmp_path / "recipe.json").write_text(json.dumps(content))
        return recipes.resolve(Run(tmp_path).recipe)

    refusals = try_inputs(made, read, examples, is_recipe)
    print(f"recipe.json as a whole: {refusals} of {examples} refused")
    assert refusals > 0.5 * examples


def _assignments(recipe):
    """A recipe, and one to three `NAME=VALUE`, half of them its own."""
    own = [f"{name}={value}" for name, value in recipe.settings().items()]
    words = ("none", "true", "nan", "-inf", "1e999", "1_0", "0x1", "cosine", "[]", "{}")
    near = st.builds(
        lambda name, cut, more: name[:cut] + more + name[cut + 1 :],
        st.sampled_from(sorted(recipe.settings())),
        st.integers(0, 30),
        st.text(max_size=2),
    )
    names = st.one_of(*[st.sampled_from(sorted(recipe.settings()))] * 4, near)
    values = st.one_of(
        st.integers(-3, 5000).map(str),
        st.floats().map(str),
        st.sampled_from((*words, str(10**400))),
        st.text(max_size=8),
    )
    one = st.one_of(st.sampled_from(own), st.builds("{}={}".format, names, values))
    return st.tuples(st.just(recipe), st.lists(one, min_size=1, max_size=3))


@EXAMPLES
def test_settings_of_the_command_line(examples):
    kind = options.Assignment("SECTION.NAME=VALUE")

    def read(given):
        recipe, texts = given
        pairs = [kind.convert(text, None, None) for text in texts]
        return recipes.resolve(recipe.with_settings(options.settings({}, pairs)))

    made = st.sampled_from(KNOWN).flatmap(_assignments)
    refusals = try_inputs(made, read, examples, is_recipe)
    print(f"--set: {refusals} of {examples} refused")
    assert 0.3 * examples < refusals < examples


@pytest.fixture
def folder(tmp_path):
    samples = [
        Sample({"image": np.full((3, 4, 1), row, np.uint8)}, row % 2, f"clip {row}")
        for row in range(6)
    ]
    recipe = ({"image": (3, 4, 1)}, ("cat", "dog"))
    return Store.create(tmp_path, recipe, {"test": samples}).folder


@EXAMPLES
def test_a_manifest_of_another_shape(examples, folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())

    def read(content):
        path.write_text(json.dumps(content))
        return Store.open(folder).split("test")

    def is_part(part):
        assert part.x["image"].shape == (6, 3, 4, 1)
        assert np.isin(part.y, (0, 1)).all()

    refusals = try_inputs(edited(content), read, examples, is_part)
    print(f"manifest.json as a whole: {refusals} of {examples} refused")
    assert refusals > 0.3 * examples
