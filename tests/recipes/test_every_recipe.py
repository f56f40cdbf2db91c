"""Every recipe, from files in their official formats to a measured run."""

import pytest
import tiny_clips
import tiny_penn_action
import tiny_sources
import tiny_utd_mhad
from command_line import invoke

from cmvq_keras import recipes
from cmvq_keras.runs.run import Run

# A network that trains in seconds; the pictures keep their official sizes.
SMALL = [
    f"--set=model.{name}={value}"
    for name, value in {
        "hidden_channels": 8,
        "residual_channels": 4,
        "residual_layers": 1,
        "num_embeddings": 16,
        "embedding_dim": 8,
    }.items()
]
# The rest is tried once: it differs in data, hardly in layers, and
# tests/runs/test_every_kind.py has every kind of modality on each backend.
ON_EVERY_BACKEND = ("nyuv2",)


def _planted(root):
    return ["--limit=32"]


def _digits(root):
    tiny_sources.write_mnist(root)
    tiny_sources.write_svhn(root, 40, 20)
    tiny_sources.write_fsdd(root)
    return ["--limit=32"]


def _crema_d(root):
    return [f"--set=data.split={tiny_clips.write_crema_d(root)}", "--frames=2"]


def _rml(root):
    tiny_clips.write_rml(root, takes=2)
    return ["--set=data.split=speaker"]


def _penn_action(root):
    tiny_penn_action.write_penn_action(root)
    return ["--set=data.sequences=45"]


def _utd_mhad(root):
    tiny_utd_mhad.write_utd_mhad(root)
    return []


def _nyuv2(root):
    import tiny_nyuv2

    # Many pictures, so that the samples are not in the file's order by chance.
    tiny_nyuv2.write_nyuv2(root, 12, range(1, 9), range(9, 13))
    return []


WRITERS = {
    "erasure": _planted,
    "planted": _planted,
    "digits": _digits,
    "av-digits": _digits,
    "crema-d": _crema_d,
    "rml": _rml,
    "penn-action": _penn_action,
    "penn-pose": _penn_action,
    "nyuv2": _nyuv2,
    "utd-mhad": _utd_mhad,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all recipes' runs come to lie."""
    return tmp_path_factory.mktemp("every")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ON_EVERY_BACKEND else [pytest.mark.once])
        for name in recipes.names()
    ],
)
def test_a_recipe_goes_from_raw_files_to_a_measured_run(name, folder):
    raw, store, run = (folder / f"{part}-{name}" for part in ("raw", "store", "run"))
    data = WRITERS[name](raw)
    _ran("prepare", "--recipe", name, "--data-dir", raw, "--out", store, *data)
    checked = _ran("data", "check", store, "-o", folder / f"{name}.png")
    assert "No faults" in checked
    assert (folder / f"{name}.png").stat().st_size > 1000
    trained = ["--epochs=1", "--batch-size=4", f"--out={run}", *SMALL]
    _ran("train", "--store", store, *trained)
    told = _ran("evaluate", run)
    assert "Samples" in told
    assert Run.open(run).metrics["test"]["n"] > 0


@pytest.mark.once
def test_a_run_on_crema_d_starts_one_on_rml(folder):
    source, run = folder / "run-crema-d", folder / "run-transfer"
    if not source.is_dir():
        pytest.skip("needs the test before it")
    store = folder / "store-rml"
    trained = ["--epochs=1", "--batch-size=4", f"--out={run}", *SMALL]
    _ran("train", "--recipe=rml", "--set=data.split=speaker", "--store", store,
         "--init-from", source, *trained)  # fmt: skip
    metrics = Run.open(run).metrics["test"]
    shared = ["anger", "disgust", "fear", "happy", "sad"]
    assert metrics["shared"]["classes"] == shared
    assert metrics["shared"]["n"] == 10


def _ran(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_there_is_a_writer_of_every_recipes_files():
    assert set(WRITERS) == set(recipes.names())
