"""Values of settings as the command line gives them."""

import pytest

import cmvq_keras as cmvq

pytestmark = pytest.mark.once


def test_one_offset_a_channel_is_a_json_array():
    recipe = cmvq.recipes.get("utd-mhad")
    name, modality = next(iter(recipe.modalities.items()))
    numbers = [0.5 * place for place in range(modality.shape[-1])]
    found = recipe.with_settings({f"modalities.{name}.offset": str(numbers)})
    assert found.modalities[name].offset == tuple(numbers)
