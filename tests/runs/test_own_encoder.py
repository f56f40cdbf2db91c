"""A recipe file's `build_encoder`: whoever opens such a run names the file again."""

import pytest
from command_line import error_of, invoke

import cmvq_keras as cmvq
from cmvq_keras import recipe_file, recipes

# Networks of one's own on each backend: tests/networks/test_backbone.py.
pytestmark = pytest.mark.once

TEXT = """
import numpy as np
from cmvq_keras.data.split import Split
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

MODEL = ModelSettings(
    grid=2, hidden_channels=8, embedding_dim=4, num_embeddings=8, head="pooled"
)
RECIPE = Recipe(
    "seen-and-felt",
    "pictures and numbers",
    {"photo": Modality((8, 8, 3)), "sensor": Modality((6,), "vector")},
    ("a", "b"),
    MODEL,
    TrainingSettings(epochs=2, batch_size=8),
)


def load_split(recipe, split, data_dir, limit):
    rng, y = np.random.default_rng(0), np.arange(16, dtype="int32") % 2
    x = {
        name: rng.normal(size=(16, *each.shape)).astype("float32")
        for name, each in recipe.modalities.items()
    }
    return Split(x, y, np.array([f"{split}{row}" for row in range(16)]))


def build_encoder(modality, settings):
    if modality != "photo":
        return None
    import keras

    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, 2)])
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "seen.py"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def run(path, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return cmvq.train(str(path), out=out, verbose=False)


def test_the_network_of_the_file_is_trained(run, path):
    model = cmvq.load_model(run)
    assert isinstance(model.encoders["photo"], cmvq.BackboneEncoder)
    assert not isinstance(model.encoders["sensor"], cmvq.BackboneEncoder)
    assert model.rebuilt_features == ("photo",)
    assert cmvq.evaluate(run)["loss"] == run.metrics["test"]["loss"]
    late = cmvq.build_model(recipes.get(str(path)).with_method("late-fusion"))
    assert isinstance(late.encoders["photo"].encoder, cmvq.BackboneEncoder)


def test_reports_draw_what_is_rebuilt(run, tmp_path):
    cmvq.report(run, tmp_path)
    drawn = sorted(path.name for path in (tmp_path / "figures").glob("decoded_*"))
    assert drawn == ["decoded_sensor.png"]


def test_a_run_does_not_run_the_code_by_itself(run, path, monkeypatch, tmp_path):
    monkeypatch.setattr(recipe_file, "_loaded", {})
    out = tmp_path / "small.keras"
    arguments = ("export", run.directory, "--format", "keras", "-o", out)
    message = error_of(*arguments, code=1)
    assert (
        "whose code runs only when you name it: add --recipe with its path" in message
    )
    assert "--store" not in message
    with pytest.raises(ValueError, match="whose code runs only when you name it"):
        cmvq.load_model(run)
    result = invoke(*arguments, "--recipe", path)
    assert result.exit_code == 0, result.output
    assert out.is_file()


def test_what_is_no_network_is_named_with_its_file(path, tmp_path):
    wrong = tmp_path / "wrong.py"
    text = TEXT.replace("seen-and-felt", "wrong")
    wrong.write_text(text.replace("return keras.Sequential", "return str"))
    message = r"wrong\.py: build_encoder must give a keras layer.*Received: str"
    with pytest.raises(cmvq.RecipeFileError, match=message):
        cmvq.build_model(recipes.get(str(wrong)))
