"""Training that starts from another run: what is copied, what is not, what is told."""

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pytest
from command_line import error_of, invoke
from tiny_clips import write_crema_d, write_rml

import cmvq_keras as cmvq
from cmvq_keras.evaluation import shared_classes
from cmvq_keras.models.weight_transfer import transfer
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.runs.warm_start import check_fit

SIZES = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.solver_units": 8,
    "training.batch_size": 16,
    "training.epochs": 1,
    "training.limit": 32,
}
PLANTED = cmvq.recipes.get("planted").with_settings(SIZES)
# The first class is another one; the other seven have moved by one.
OTHERS = dataclasses.replace(PLANTED, classes=("new", *PLANTED.classes[:7]))


def values(weights):
    return [keras.ops.convert_to_numpy(weight) for weight in weights]


def copied(model):
    """Everything that a transfer copies."""
    return [
        array
        for name in model.modalities
        for layer in (model.encoders[name], model.decoders[name])
        for array in values(layer.weights)
    ] + [values([model.quantizers[name].codebook()])[0] for name in model.modalities]


def equal(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def fitted(recipe, seed=1):
    """A model whose every weight, moving sums included, has left its start."""
    keras.utils.set_random_seed(seed)
    model = cmvq.build_model(recipe)
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.uniform(0.1, 1.0, weight.shape).astype("float32"))
    for quantizer in model.quantizers.values():
        if hasattr(quantizer, "initialized"):
            quantizer.initialized.assign(1.0)
    return model


def test_encoders_decoders_and_codebooks_are_copied_and_the_rest_is_not():
    source, target = fitted(PLANTED), cmvq.build_model(OTHERS)
    before = values([*target.solver.weights, *target.mask.weights])
    transfer(source, target)
    assert equal(copied(target), copied(source))
    assert equal(values([*target.solver.weights, *target.mask.weights]), before)
    for name in target.modalities:
        ours, theirs = target.quantizers[name], source.quantizers[name]
        for state in ("ema_cluster_size", "ema_embeddings"):
            assert equal(
                values([getattr(ours, state)]), values([getattr(theirs, state)])
            )


def test_the_solver_is_kept_but_for_its_last_layer():
    source, target = fitted(PLANTED), cmvq.build_model(OTHERS)
    last = values(target.solver.part("logits").weights)
    transfer(source, target, keep_solver=True)
    for part, other in zip(target.solver.parts, source.solver.parts, strict=True):
        if part.name != "logits":
            assert equal(values(part.weights), values(other.weights))
    assert equal(values(target.solver.part("logits").weights), last)


def test_the_mask_is_kept_by_modality():
    source = fitted(PLANTED)
    target = cmvq.build_model(PLANTED.with_modality("audio"))
    transfer(source, target, keep_mask=True)
    weights = values(source.mask.weights)[0]
    place = source.modalities.index("audio") * 4
    np.testing.assert_array_equal(
        values(target.mask.weights)[0], weights[place : place + 4]
    )


@pytest.mark.parametrize("start", ["batch", "kmeans", "reference"])
@pytest.mark.parametrize("origin", ["batch", "reference"])
def test_no_first_batch_replaces_a_copied_codebook(origin, start):
    source = fitted(PLANTED.with_settings({"model.codebook_start": origin}))
    quantizer = source.quantizers["image"]
    settings = {"model.codebook_start": start, "model.revival_threshold": 0.0}
    target = cmvq.build_model(PLANTED.with_settings(settings))
    transfer(source, target)
    codes = values([quantizer.codebook()])[0]
    sums, sizes = (
        values([getattr(quantizer, name)])[0].astype("float64")
        for name in ("ema_embeddings", "ema_cluster_size")
    )
    # All vectors of the batch choose one code: the others only decay (0.99 each).
    batch = np.tile(codes[3], (1, 8, 8, 1))
    target.quantizers["image"](batch, training=True)
    counts = 0.01 * 64 * (np.arange(8) == 3)
    moved = 0.99 * sizes + counts
    total = moved.sum()
    moved = (moved + 1e-5) / (total + 8e-5) * total
    expected = (0.99 * sums + counts[:, None] * codes[3]) / moved[:, None]
    np.testing.assert_allclose(
        values([target.quantizers["image"].codebook()])[0], expected, rtol=1e-4
    )


@pytest.mark.parametrize("started", [False, True])
def test_codes_learned_by_gradient_are_copied_as_they_are_used(started):
    recipe = PLANTED.with_settings({"model.decay": None})
    source = fitted(recipe)
    target = fitted(recipe, seed=2) if started else cmvq.build_model(recipe)
    transfer(source, target)
    batch = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    target.quantizers["image"](batch, training=True)
    assert equal(copied(target), copied(source))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model.hidden_channels": 16}, "encoders.* must be the same layers"),
        ({"model.residual_layers": 2}, "encoders.* must be the same layers"),
        ({"model.num_embeddings": 16}, r"must have as many codes .*\(8, 4\).*\(16, 4"),
        ({"model.decay": None}, "both learn by moving averages, or both by grad"),
    ],
)
def test_models_of_other_layers_are_refused_and_left_as_they_were(settings, message):
    source, target = fitted(PLANTED), cmvq.build_model(PLANTED.with_settings(settings))
    before = values(target.weights)
    with pytest.raises(ValueError, match=message) as caught:
        transfer(source, target)
    assert "\n" not in str(caught.value)
    assert equal(values(target.weights), before)


def test_a_solver_of_other_units_is_refused():
    other = PLANTED.with_settings({"model.solver_units": 16})
    with pytest.raises(ValueError, match="solver must be the same layers"):
        transfer(fitted(PLANTED), cmvq.build_model(other), keep_solver=True)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origin") / "run"
    return cmvq.train(PLANTED, out=folder, verbose=False)


@pytest.fixture(scope="module")
def follower(origin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("follower") / "run"
    return cmvq.train(OTHERS, out=folder, init_from=origin.directory, verbose=False)


def test_train_starts_from_the_runs_weights(origin, monkeypatch, tmp_path):
    started = {}

    def fit(model, *args, **settings):
        started["model"] = model
        raise InterruptedError

    monkeypatch.setattr(cmvq.CMVQVAE, "fit", fit)
    with pytest.raises(InterruptedError):
        cmvq.train(OTHERS, out=tmp_path / "run", init_from=origin, verbose=False)
    source = load_model(origin)
    assert equal(copied(started["model"]), copied(source))
    keras.utils.set_random_seed(OTHERS.training.seed)
    anew = cmvq.build_model(OTHERS)
    for part in ("solver", "mask"):
        ours = values(getattr(started["model"], part).weights)
        assert equal(ours, values(getattr(anew, part).weights))


@pytest.mark.once
def test_a_run_notes_its_origin(origin, follower):
    checksum = hashlib.sha256(origin.weights_path.read_bytes()).hexdigest()
    assert follower.environment["init_from"] == {
        "folder": str(origin.directory.resolve()),
        "recipe": "planted",
        "classes": list(PLANTED.classes),
        "weights": checksum,
        "keep_solver": False,
        "keep_mask": False,
    }
    assert "init_from" not in origin.environment


@pytest.mark.once
def test_accuracy_on_shared_classes_follows_its_definition(follower):
    found = follower.metrics["test"]["shared"]
    model = load_model(follower)
    data = cmvq.recipes.load_split(follower.recipe, "test", limit=32)
    logits = model.predict(data.x, verbose=0)["task"]
    seen = data.y > 0  # class 0, "new", is the one that is not shared
    among_all = np.argmax(logits, axis=1)[seen] == data.y[seen]
    among_shared = np.argmax(logits[:, 1:], axis=1)[seen] + 1 == data.y[seen]
    assert found["classes"] == list(PLANTED.classes[:7])
    assert found["n"] == seen.sum()
    assert found["accuracy"] == pytest.approx(among_all.mean())
    assert found["accuracy_among_shared"] == pytest.approx(among_shared.mean())


@pytest.mark.once
def test_evaluate_gives_the_shared_classes_again_and_shows_them(follower):
    before = follower.metrics
    result = invoke("evaluate", follower.directory)
    assert result.exit_code == 0, result.output
    assert follower.metrics == before
    assert "On shared classes" in result.output
    share = before["test"]["shared"]["accuracy"]
    assert f"{100 * share:.2f} %" in result.output
    assert ", ".join(PLANTED.classes[:7]) in result.output


@pytest.mark.once
def test_runs_of_the_same_classes_have_no_shared_ones(origin):
    assert "shared" not in origin.metrics["test"]
    assert shared_classes.between(("a", "b"), None) is None
    assert shared_classes.between(("a", "b"), ["b", "a"]) is None
    assert shared_classes.between(("c", "a", "b"), ("b", "d", "a")) == ("a", "b")


@pytest.mark.once
def test_nothing_shared_gives_no_accuracy(origin, tmp_path):
    strange = tuple(f"strange {index}" for index in range(8))
    recipe = dataclasses.replace(PLANTED, classes=strange)
    run = cmvq.train(recipe, out=tmp_path / "run", init_from=origin, verbose=False)
    assert run.metrics["test"]["shared"] == {
        "classes": [],
        "n": 0,
        "accuracy": None,
        "accuracy_among_shared": None,
    }
    result = invoke("evaluate", run.directory)
    assert result.exit_code == 0, result.output
    assert "none (0 labels)" in result.output


@pytest.mark.once
def test_labels_of_other_classes_do_not_count():
    metric = shared_classes.AccuracyAmong([0, 2])
    logits = np.array([[1, 9, 2], [3, 9, 2], [0, 9, 1], [0, 1, 0]], "float32")
    metric.update_state(np.array([2, 2, 2, 1]), logits)
    assert float(metric.result()) == pytest.approx(2 / 3)
    copy = shared_classes.AccuracyAmong.from_config(metric.get_config())
    assert copy.classes == (0, 2)


@pytest.mark.once
def test_the_command_line_trains_from_a_run(origin, tmp_path):
    options = [
        word for key, value in SIZES.items() for word in ("--set", f"{key}={value}")
    ]
    result = invoke(
        *("train", "--recipe", "planted", "--init-from", origin.directory),
        *("--keep-solver", "--keep-mask", "--modality", "image"),
        *("--preset", "code", *options, "--set", "model.threshold=0.005"),
        *("--out", tmp_path / "run"),
    )
    told = "its solver sees image, audio"
    assert result.exit_code == 1
    assert told in result.stderr
    result = invoke(
        *("train", "--recipe", "planted", "--init-from", origin.directory),
        *("--keep-mask", "--modality", "image", "--preset", "code", *options),
        *("--out", tmp_path / "run"),
    )
    assert result.exit_code == 0, result.output
    assert f"{origin.directory.resolve()} (planted)" in result.output
    run = Run.open(tmp_path / "run")
    assert run.environment["init_from"]["keep_mask"] is True
    assert run.recipe.task_modalities == ("image",)


def refusal(origin, *arguments, code=1):
    return error_of(
        "train", "--recipe", "planted", "--init-from", origin, *arguments, code=code
    )


@pytest.mark.once
def test_what_is_no_run_is_told(tmp_path):
    assert "There is no run folder" in refusal(tmp_path / "none")
    assert "is not a run folder: it holds no recipe.json" in refusal(tmp_path)
    told = error_of("train", "--recipe", "planted", "--keep-mask", code=2)
    assert "--keep-solver and --keep-mask need --init-from" in told
    with pytest.raises(ValueError, match="need a run in init_from"):
        cmvq.train(PLANTED, keep_solver=True)


@pytest.mark.once
def test_settings_that_differ_are_listed_with_how_to_set_them(origin, tmp_path):
    out = tmp_path / "run"
    told = refusal(origin.directory, "--set", "modalities.audio.scale=2", "--out", out)
    assert "model.hidden_channels is 8 there, 32 here" in told
    assert "modalities.audio.scale is 1.0 there, 2 here" in told
    assert "--set model.hidden_channels=8" in told
    assert "--set modalities.audio.scale=1.0" in told
    assert "model.solver_units" not in told
    assert "model.solver_units=8" in refusal(origin.directory, "--keep-solver")
    assert "model.threshold=0.005" in refusal(
        origin.directory, "--keep-mask", "--set", "model.threshold=0.1"
    )
    assert not out.exists()


def test_codebooks_that_learn_in_another_way_are_told():
    by_gradient = PLANTED.with_settings({"model.decay": None})
    message = r"model.decay is 0\.99 there, none here.* --set model.decay=0\.99"
    with pytest.raises(ValueError, match=message):
        check_fit(PLANTED, by_gradient, "runs/a")
    # Another decay of the same kind is no fault.
    check_fit(PLANTED, PLANTED.with_settings({"model.decay": 0.9}), "runs/a")


def test_only_a_kept_solver_has_to_see_the_same_modalities():
    narrow = dataclasses.replace(PLANTED, task_modalities=("image",))
    check_fit(narrow, PLANTED, "runs/a")
    with pytest.raises(ValueError, match="its solver sees image"):
        check_fit(narrow, PLANTED, "runs/a", keep_solver=True)


@pytest.mark.once
def test_modalities_that_differ_are_told(origin, tmp_path):
    told = refusal(origin.directory, "--set", "data.variant=three")
    assert "it lacks the modality text (it has image, audio)" in told
    content = json.loads(PLANTED.to_json())
    content["modalities"]["image"]["shape"] = [64, 64, 1]
    larger = cmvq.Recipe.from_json(json.dumps(content))
    with pytest.raises(ValueError, match=r"image is \(32, 32, 1\) image there, \(64"):
        cmvq.train(larger, out=tmp_path / "run", init_from=origin)


@pytest.mark.slow(reason="two trainings on clips")
@pytest.mark.once
def test_a_run_on_crema_d_clips_starts_one_on_rml_clips(tmp_path):
    lists = write_crema_d(tmp_path, counts=(2, 1, 1))
    write_rml(tmp_path)
    small = {**SIZES, "training.limit": 48, "data.frames": 1}
    common = [
        word for pair in small.items() for word in ("--set", "{}={}".format(*pair))
    ]
    common += ["--preset", "code", "--data-dir", tmp_path]
    first, second = tmp_path / "crema-d", tmp_path / "rml"
    result = invoke(
        *("train", "--recipe", "crema-d", "--set", f"data.split={lists}"),
        *(*common, "--out", first),
    )
    assert result.exit_code == 0, result.output
    result = invoke(
        *("train", "--recipe", "rml", "--init-from", first, "--keep-solver"),
        *(*common, "--out", second),
    )
    assert result.exit_code == 0, result.output
    run = Run.open(second)
    shared = run.metrics["test"]["shared"]
    assert shared["classes"] == ["anger", "disgust", "fear", "happy", "sad"]
    counts = np.array(run.metrics["test"]["confusion"])
    assert shared["n"] == counts[:5].sum() > 0
    assert shared["accuracy"] == pytest.approx(np.trace(counts[:5]) / counts[:5].sum())
    assert "anger, disgust, fear, happy, sad" in result.output
