"""The benchmark of growth: exponents, and the recipes that it makes larger."""

import pytest


@pytest.mark.once
def test_the_exponent_is_that_of_a_power(benchmark):
    growth = benchmark("growth")
    sizes = (8, 64, 256)
    seconds = [3 * size**1.5 for size in sizes]
    assert growth.exponent(sizes, seconds) == pytest.approx(1.5)
    row = growth.line("codes", sizes, "a step", seconds)
    assert row.startswith("| codes | 8, 64, 256 | a step | ")
    assert row.endswith(" | 1.50 | 1.50 |")


@pytest.mark.once
def test_one_size_grows_at_a_time(benchmark):
    growth = benchmark("growth")
    usual = growth.recipe_of("samples", 512)
    classes, many = (
        growth.recipe_of("classes", 1000),
        growth.recipe_of("modalities", 16),
    )
    assert len(classes.classes) == 1000
    assert classes.model == usual.model
    assert len(many.modalities) == 16
    assert many.classes == usual.classes
    assert growth.recipe_of("codes", 512).model.num_embeddings == 512
    assert growth.recipe_of("channels", 64).model.hidden_channels == 64
