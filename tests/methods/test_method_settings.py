"""A method's own settings: `method.NAME`, from the command line to recipe.json."""

import json

import pytest

from cmvq_keras import methods, recipes
from cmvq_keras.experiments import plan
from cmvq_keras.recipe import Recipe

PLANTED = recipes.get("planted")
WITH_SETTINGS = [name for name in methods.names() if methods.get(name).own_names()]


def variant(name, settings):
    return methods.get(name).variants(PLANTED.with_settings(settings))[name]


def test_values_of_the_command_line_are_read_and_stored():
    recipe = variant("ogm", {"method.alpha": "0.3", "method.stop_epoch": "4"})
    assert recipe.method_settings == {"alpha": 0.3, "stop_epoch": 4}
    copy = Recipe.from_json(recipe.to_json())
    assert copy == recipe
    assert copy.settings()["method.alpha"] == 0.3
    values = methods.get("ogm").values(copy)
    assert (values.alpha, values.stop_epoch) == (0.3, 4)
    none = variant("ogm", {"method.stop_epoch": "none"})
    assert methods.get("ogm").values(none).stop_epoch is None


def test_a_method_keeps_its_own_settings_alone():
    recipe = variant("multi-loss", {"method.weight": 2, "method.alpha": 0.3})
    assert recipe.method_settings == {"weight": 2}
    assert variant("all-features", {"method.weight": 2}).method_settings == {}


@pytest.mark.parametrize("name", ["ogm", "ogm-ge", "pmr"])
def test_another_optimizer_is_a_setting_of_the_recipe(name):
    recipe = variant(name, {"method.optimizer": "sgd", "method.sgd_momentum": 0.5})
    assert recipe.training.optimizer == "sgd"
    assert recipe.training.momentum == 0.5
    assert variant(name, {}).training == PLANTED.training


def test_the_authors_preset_has_their_codes_values():
    found = methods.get("ogm").values(variant("ogm", {"method.preset": "authors"}))
    assert (found.alpha, found.sgd_momentum, found.weight_decay) == (0.8, 0.9, 1e-4)
    recipe = variant("pmr", {"method.preset": "authors", "method.alpha": 3})
    found = methods.get("pmr").values(recipe)
    assert (found.alpha, found.prototype_momentum, found.pull) == (3, 0.0, "binary")
    assert found.linear
    assert recipe.training.optimizer == "sgd"
    assert recipe.training.weight_decay == 1e-4
    recipe = variant("gradient-blending", {"method.preset": "authors"})
    assert methods.get("gradient-blending").values(recipe).measured_at == "last"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ogm", {"method.alpha": -1}, r"method\.alpha must be a number > 0.*-1"),
        ("pmr", {"method.pull": "all"}, r"method\.pull must be one of paper, binary"),
        ("multi-loss", {"method.weight": "x"}, r"method\.weight must be a number >= 0"),
    ],
)
def test_values_out_of_range_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        variant(name, settings)


def test_unknown_names_are_refused_with_the_nearest():
    recipe = PLANTED.with_method("ogm", {"alpa": 1.0})
    with pytest.raises(ValueError, match="Did you mean alpha"):
        methods.get("ogm").values(recipe)
    with pytest.raises(ValueError, match=r"ours has no settings of its own.*alpha"):
        methods.get("ours").values(PLANTED.with_method("ours", {"alpha": 1.0}))


def test_settings_that_are_no_plain_values_are_refused():
    with pytest.raises(ValueError, match="method_settings must hold plain values"):
        PLANTED.with_method("ogm", {"alpha": [1]})


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_the_defaults_are_in_range(name):
    method = methods.get(name)
    assert method.values(PLANTED.with_method(name)) == method.own()
    if method.authors:
        found = method.values(PLANTED.with_method(name, {"preset": "authors"}))
        assert found != method.own()


def test_recipes_of_version_0_1_0_are_read():
    content = json.loads(PLANTED.with_method("pmr").to_json())
    del content["method_settings"]
    old = Recipe.from_json(json.dumps(content))
    assert old.method_settings == {}
    # These trained a ResNet18, whatever their recipe said.
    assert old.model.backbone == "resnet18"
    content["method"] = "ours"
    assert Recipe.from_json(json.dumps(content)).model.backbone == "vqvae"


def test_late_fusion_takes_the_recipes_encoder():
    method = methods.get("late-fusion")
    recipe = recipes.resolve(method.variants(PLANTED)["late-fusion"])
    model = method.build_model(recipe)
    assert type(model.encoders["image"].encoder).__name__ == "ResidualEncoder"
    published = recipes.get("planted", preset="paper")
    changed = method.variants(published)["late-fusion"]
    assert changed.model.backbone == "resnet18"


def test_ogm_says_what_it_does_not_do_under_adam():
    method, recipe = methods.get("ogm"), variant("ogm", {})
    with pytest.warns(UserWarning, match="Adam divides a gradient by its own size"):
        noted = method.prepare(None, recipe, {})
    assert "method.optimizer=sgd" in noted["ogm"]["caution"]
    noted = method.prepare(None, variant("ogm", {"method.optimizer": "sgd"}), {})
    assert "caution" not in noted["ogm"]


def test_a_comparison_refuses_settings_that_none_of_its_methods_has():
    recipe = PLANTED.with_settings({"method.alpha": 0.3})
    variants, _ = plan.of_methods(recipe, ["ours", "ogm"])
    found = {variant.method: variant.recipe.method_settings for variant in variants}
    assert found == {"ours": {}, "ogm": {"alpha": 0.3}}
    with pytest.raises(ValueError, match=r"method\.weight\. Received: method\.alpha"):
        plan.of_methods(recipe, ["multi-loss"])
    with pytest.raises(ValueError, match=r"has: none\. Received: method\.alpha"):
        plan.of_settings(PLANTED, {"method.alpha": [0.3]})
