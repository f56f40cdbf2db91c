"""Training, choice of the epoch, measures: from Python, on one tiny recipe."""

import keras
import numpy as np
import pytest
import reference

import cmvq_keras as cmvq
from cmvq_keras import metrics
from cmvq_keras.backend.runtime import check_precision
from cmvq_keras.models import optimizers
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api, loop
from cmvq_keras.training.callbacks import BestWeights

TINY = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.solver_units": 8,
    "training.batch_size": 16,
    "training.epochs": 2,
    "training.limit": 50,
}


def tiny(**settings):
    recipe = cmvq.recipes.get("planted").with_settings(TINY)
    return recipe.with_settings({f"training.{k}": v for k, v in settings.items()})


class Recorder:
    """Stands in for a `Run`: notes the epochs whose weights were saved."""

    def __init__(self):
        self.saved = 0

    def save_weights(self, model):
        self.saved += 1


@pytest.mark.parametrize(
    ("select_by", "epochs", "best"),
    [
        ("accuracy", [(0.5, 1.0), (0.9, 2.0), (0.8, 0.1)], 2),
        ("accuracy", [(0.5, 1.0), (0.9, 2.0), (0.9, 1.5), (0.9, 1.7)], 3),
        ("accuracy", [(0.5, 1.0), (0.5, 1.0)], 1),
        ("accuracy", [(0.9, float("nan")), (0.5, 9.0)], 2),
        ("task_loss", [(0.5, 1.0), (0.9, 2.0), (0.8, 0.1)], 3),
        ("task_loss", [(0.5, float("nan")), (0.1, 3.0)], 2),
        ("last", [(0.9, 1.0), (0.9, 0.5), (0.1, 9.0)], 3),
        ("last", [(0.9, 1.0), (0.9, 0.5), (0.1, float("nan"))], 2),
    ],
)
def test_the_best_epoch_is_chosen_on_validation_numbers(select_by, epochs, best):
    run = Recorder()
    callback = BestWeights(run, select_by)
    for epoch, (accuracy, loss) in enumerate(epochs):
        logs = {"val_accuracy": accuracy, "val_task_loss": loss}
        # Training numbers point the other way and must not matter.
        callback.on_epoch_end(epoch, {**logs, "accuracy": -epoch, "task_loss": epoch})
    assert callback.best_epoch == best


@pytest.mark.once
@pytest.mark.parametrize(
    ("select_by", "best"), [("accuracy", 3), ("task_loss", 1), ("last", 4)]
)
def test_only_an_epoch_with_a_validation_is_kept(select_by, best):
    callback = BestWeights(Recorder(), select_by)
    for epoch, accuracy in enumerate((0.5, None, 0.8, 0.7, None)):
        logs = {"accuracy": 1.0, "task_loss": 0.0}
        if accuracy is not None:
            logs |= {"val_accuracy": accuracy, "val_task_loss": 1.0 + epoch}
        callback.on_epoch_end(epoch, logs)
    assert callback.best_epoch == best


@pytest.mark.once
@pytest.mark.parametrize(
    ("epochs", "every", "expected"),
    [
        (4, 1, [1, 2, 3, 4]),
        (12, 5, [1, 5, 10, 12]),
        (10, 5, [1, 5, 10]),
        (3, 9, [1, 3]),
        (1, 5, [1]),
    ],
)
def test_the_first_and_the_last_epoch_are_validated(epochs, every, expected):
    settings = tiny(epochs=epochs, validation_every=every).training
    assert loop.validated_epochs(settings) == expected


def test_no_epoch_is_kept_without_a_finite_loss():
    run = Recorder()
    callback = BestWeights(run)
    for loss in (float("nan"), float("inf")):
        callback.on_epoch_end(0, {"val_accuracy": 1.0, "val_task_loss": loss})
        callback.save(model=None, epoch=1)
    assert callback.best_epoch is None
    assert run.saved == 0


class Fit:
    """Notes what `train` hands to `fit`, then lets it run."""

    def __init__(self, monkeypatch):
        original = cmvq.CMVQVAE.fit

        def fit(model, x, **settings):
            self.x, self.settings = x, settings
            self.policy = model.solver.dtype_policy.name
            self.optimizer = model.optimizer
            return original(model, x, **settings)

        monkeypatch.setattr(cmvq.CMVQVAE, "fit", fit)


def can_train_in(policy):
    try:
        check_precision(policy)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_precision_is_refused_exactly_where_a_spectrogram_fails_in_it(policy):
    layer = keras.layers.Conv2D(1, 3, dtype=policy)
    model = keras.Sequential([keras.Input((8, 8, 3)), layer])
    model.compile("sgd", "mse")
    x, y = np.ones((2, 8, 8, 3), "float32"), np.ones((2, 6, 6, 1), "float32")
    if can_train_in(policy):
        assert np.isfinite(model.train_on_batch(x, y))
    else:
        with pytest.raises(RuntimeError):
            model.train_on_batch(x, y)


@pytest.mark.skipif(
    keras.config.backend() != "jax", reason="slower than float32 on JAX alone"
)
def test_a_precision_that_is_slower_is_told(recwarn):
    check_precision("float32")
    assert not recwarn
    with pytest.warns(UserWarning, match="slower in mixed_bfloat16 than in float32"):
        check_precision("mixed_bfloat16")


def test_a_precision_that_cannot_train_is_refused_before_any_data(
    monkeypatch, tmp_path
):
    def refuse(policy):
        raise ValueError(f"no {policy} here")

    monkeypatch.setattr(api, "check_precision", refuse)
    with pytest.raises(ValueError, match="no mixed_float16 here"):
        cmvq.train(tiny(precision="mixed_float16"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.once
def test_train_hands_the_recipes_settings_to_fit(monkeypatch, tmp_path):
    fit = Fit(monkeypatch)
    precision = "mixed_bfloat16" if can_train_in("mixed_bfloat16") else "float32"
    settings = {"class_weight": "balanced", "precision": precision, "seed": 3}
    recipe = tiny(epochs=1, **settings)
    before = keras.config.dtype_policy()
    run = cmvq.train(recipe, out=tmp_path / "run", verbose=False)
    assert fit.policy == precision
    assert keras.config.dtype_policy() == before
    splits = {
        name: cmvq.recipes.load_split(recipe, name, limit=50)
        for name in ("train", "validation")
    }
    np.testing.assert_array_equal(fit.x.y, splits["train"].y)
    np.testing.assert_array_equal(fit.x.x["image"], splits["train"].x["image"])
    held = fit.settings["validation_data"]
    np.testing.assert_array_equal(held.y, splits["validation"].y)
    counts = np.bincount(splits["train"].y, minlength=8)
    weights = np.array([fit.settings["class_weight"][label] for label in range(8)])
    np.testing.assert_allclose(weights[counts > 0] * counts[counts > 0], 50 / 8)
    assert fit.x.shuffle_seed == 3
    assert fit.x.batch_size == 16
    assert fit.optimizer.epsilon == 1e-8
    assert run.recipe == recipe


@pytest.mark.once
def test_a_variant_takes_effect_without_the_command_line(monkeypatch, tmp_path):
    fit = Fit(monkeypatch)
    recipe = tiny(epochs=1).with_settings({"data.variant": "three"})
    run = cmvq.train(recipe, out=tmp_path / "run", verbose=False)
    assert sorted(fit.x.x) == ["audio", "image", "text"]
    assert sorted(run.metrics["complementarity"]["zeta"]) == ["audio", "image", "text"]


def test_a_recipe_with_a_resnet18_tells_the_grid_that_is_built(tmp_path):
    recipe = tiny().with_settings({"model.backbone": "resnet18", "model.grid": 16})
    assert cmvq.recipes.resolve(recipe).model.grid == 8
    assert cmvq.recipes.resolve(tiny()) == tiny()


def test_a_wrong_setting_leaves_the_folder_free(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=r"model\.grid must be"):
        cmvq.train(tiny().with_settings({"model.grid": 5}), out=out, verbose=False)
    assert not out.exists()
    Run.create(out, tiny(), keras.config.backend())
    with pytest.raises(FileExistsError, match="already holds a run"):
        cmvq.train(tiny(), out=out)


def test_training_that_diverges_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(
        BestWeights, "on_epoch_end", lambda self, epoch, logs=None: None
    )
    with pytest.raises(ValueError, match="Training diverged on validation data"):
        cmvq.train(tiny(epochs=1), out=tmp_path / "run", verbose=False)


def test_a_value_that_ends_a_training_is_named(tmp_path, monkeypatch):
    original = DataSource.split

    def split(source, recipe, name):
        found = original(source, recipe, name)
        if name == "train":
            found.x["image"][3, 0, 0] = -1e30
        return found

    monkeypatch.setattr(DataSource, "split", split)
    said = (
        r"Training diverged .* The data are at fault: image of sample \S+/3 is 1e\+30"
    )
    with pytest.raises(ValueError, match=said) as caught:
        cmvq.train(tiny(epochs=1), out=tmp_path / "run", verbose=False)
    assert "learning_rate" not in str(caught.value)


class Learned(keras.callbacks.Callback):
    """Ends a training that knows nearly all: further epochs would only take minutes."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs["val_accuracy"] > 0.99


@pytest.mark.slow(reason="trains until the pair is learned")
@pytest.mark.parametrize(
    ("modality", "least", "most"),
    [(None, 0.97, 1.0), pytest.param("image", 0.45, 0.55, marks=pytest.mark.once)],
)
def test_planted_reaches_its_known_truth(tmp_path, modality, least, most):
    recipe = cmvq.recipes.get("planted")
    if modality:
        # It never learns more than this.
        recipe = recipe.with_modality(modality).with_settings({"training.epochs": 3})
    out = tmp_path / "run"
    run = cmvq.train(recipe, out=out, callbacks=[Learned()], verbose=False)
    assert least <= run.metrics["test"]["accuracy"] <= most
    assert run.metrics["test"]["n"] == 2048


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cmvq.train(tiny(), out=tmp_path_factory.mktemp("run") / "a", verbose=False)


def test_the_kept_weights_are_those_that_were_measured(run):
    before = run.metrics
    model = load_model(run)
    data = cmvq.recipes.load_split(run.recipe, "test", limit=50)
    logits = model.predict(data.x, verbose=0)["task"]
    predicted = logits.argmax(axis=1)
    test = before["test"]
    assert test["n"] == 50
    assert test["accuracy"] == pytest.approx(np.mean(predicted == data.y))
    expected = reference.macro_f1(data.y, predicted, 8)
    assert test["macro_f1"] == pytest.approx(expected, rel=1e-5)
    confusion = np.zeros((8, 8), int)
    np.add.at(confusion, (data.y, predicted), 1)
    assert test["confusion"] == confusion.tolist()
    recalls = confusion.diagonal() / confusion.sum(axis=1)
    told = [test["per_class"][name] for name in run.recipe.classes]
    assert told == pytest.approx(recalls.tolist())
    for name in model.modalities:
        codes = model.predict(data.x, verbose=0)["indices"][name]
        assert test["codes_used"][name] == np.unique(codes).size


def test_history_holds_every_epoch_with_zeta_and_validation(run):
    assert [row["epoch"] for row in run.history] == [1, 2]
    for name in ("loss", "val_accuracy", "image_compl", "zeta", "val_macro_f1"):
        assert all(np.isfinite(row[name]) for row in run.history), name
    best = run.metrics["best_epoch"]
    kept = run.history[best - 1]["val_accuracy"]
    assert run.metrics["validation"]["accuracy"] == pytest.approx(kept)
    assert kept == max(row["val_accuracy"] for row in run.history)


def test_evaluate_repeats_its_digits(run):
    before = run.metrics
    assert cmvq.evaluate(run.directory) == before["test"]
    assert cmvq.evaluate(run.directory, "validation") == before["validation"]
    assert run.metrics == before
    assert cmvq.evaluate(run.directory, "train")["n"] == 50


@pytest.mark.slow(reason="two more trainings")
def test_the_same_seed_gives_the_same_history(run, tmp_path):
    again = cmvq.train(tiny(), out=tmp_path / "b", verbose=False)
    assert again.history == run.history
    other = cmvq.train(tiny(seed=1), out=tmp_path / "c", verbose=False)
    assert other.history != run.history


def test_predict_gives_probabilities(run):
    data = cmvq.recipes.load_split(run.recipe, "test", limit=20)
    shares = cmvq.predict(run.directory, data.x)
    logits = load_model(run).predict(data.x, verbose=0)["task"]
    expected = np.exp(np.float64(logits))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, rtol=1e-4, atol=1e-6)


def test_one_modality_alone_needs_no_other(tmp_path):
    recipe = tiny(epochs=1).with_modality("audio")
    run = cmvq.train(recipe, out=tmp_path / "audio", verbose=False)
    assert list(run.metrics["complementarity"]["compl"]) == ["audio"]
    data = cmvq.recipes.load_split(run.recipe, "test", limit=4)
    assert list(data.x) == ["audio"]
    assert cmvq.predict(run, data.x).shape == (4, 8)
    with pytest.raises(ValueError, match="must hold the modalities audio"):
        cmvq.predict(run, {"image": data.x["audio"]})


def test_weights_of_another_recipe_are_refused(run, tmp_path):
    other = Run.create(
        tmp_path / "other", cmvq.recipes.get("planted"), keras.config.backend()
    )
    other.weights_path.write_bytes(run.weights_path.read_bytes())
    with pytest.raises(
        ValueError, match=r"not a readable weights file of planted: .* the"
    ):
        load_model(other)
    other.weights_path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="is not a readable weights file of planted"):
        load_model(other)


def test_training_settings_become_an_optimizer():
    settings = tiny(schedule="cosine", learning_rate=0.1, clip_norm=0.5).training
    optimizer = optimizers.optimizer(settings, 10)
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert optimizer.global_clipnorm == 0.5
    rates = [float(optimizer._learning_rate(step)) for step in (0, 10, 20)]
    assert rates == pytest.approx([0.1, 0.05, 0.0], abs=1e-6)
    sgd = optimizers.optimizer(tiny(optimizer="sgd", momentum=0.9).training, 10)
    assert isinstance(sgd, keras.optimizers.SGD)
    assert sgd.momentum == 0.9


def test_balanced_class_weights_weigh_each_class_the_same():
    labels = np.array([0] * 6 + [1] * 2)
    weights = optimizers.class_weight(tiny(class_weight="balanced"), labels)
    assert weights[0] * 6 == pytest.approx(weights[1] * 2)
    assert weights[2] == 0.0
    assert optimizers.class_weight(tiny(), labels) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0.01),
        ({"model.mask_start": 0.5}, 0.5),
        # 0.005, and 0.3 of 2 epochs of 4 steps of 1e-3
        ({"model.mask_start": "auto"}, 0.005 + 0.6 * 8e-3),
        ({"model.mask_start": "auto", "training.optimizer": "sgd"}, 0.01),
        ({"model.mask_start": "auto", "model.mask_mode": "attention"}, 0.01),
    ],
)
def test_an_automatic_mask_closes_late(settings, expected):
    recipe = cmvq.recipes.resolve(tiny().with_settings(settings))
    model = api._started_model(recipe, None, steps=4)
    weights = keras.ops.convert_to_numpy(model.mask.channel_weights)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert (keras.ops.convert_to_numpy(model.mask.hard_values()) == 1).all() or (
        settings.get("model.mask_mode") == "attention"
    )


class Opened(keras.callbacks.Callback):
    """Notes which channels are open after each step, by epoch, and the weights."""

    def __init__(self):
        super().__init__()
        self.epochs, self.weights = [], None

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.weights = keras.ops.convert_to_numpy(self.model.mask.channel_weights)
        self.epochs[-1].append(self.weights > 0.005)


#: Weights of the mask move by 0.01 a step, round the threshold that they start from.
RESTLESS = {
    "model.embedding_dim": 16,
    "model.penalty_weight": 1e-6,
    "model.mask_start": 0.0051,
    "training.select_by": "last",
    "training.epochs": 5,
    "training.learning_rate": 0.01,
}


def test_a_frozen_mask_stays_as_it_is(tmp_path):
    recipe = tiny().with_settings({**RESTLESS, "model.mask_freeze": 0.6})
    opened = Opened()
    run = cmvq.train(recipe, out=tmp_path / "run", callbacks=[opened], verbose=False)
    # 8 learning rates for each of 2 epochs of 3 steps, and what they went since.
    far = np.abs(opened.weights - 0.005)
    np.testing.assert_allclose(far, 8 * 6 * 0.01, rtol=0, atol=6 * 0.01)
    # Three of five epochs have 0.6 of a constant rate.
    before = opened.epochs[2][-1]
    assert 0 < before.sum() < len(before)
    assert (before == np.concatenate(opened.epochs[3:])).all()
    kept = keras.ops.convert_to_numpy(load_model(run).mask.channel_weights)
    np.testing.assert_array_equal(kept > 0.005, before)


@pytest.mark.parametrize(
    ("settings", "is_frozen"),
    [
        ({}, True),
        ({"training.optimizer": "adamw"}, True),
        ({"model.mask_freeze": None}, False),
        # It would come after the last epoch began.
        ({"training.epochs": 1}, False),
        # SGD moves weights nobody knows how far; a clamp would bring them back.
        ({"training.optimizer": "sgd"}, False),
        ({"model.mask_clamp": 0.02}, False),
        ({"model.mask_mode": "ternary"}, False),
        ({"model.mask_mode": "attention"}, False),
        ({"model.mask_mode": "none"}, False),
    ],
)
def test_a_mask_is_frozen_where_it_holds(settings, is_frozen):
    settings = {**RESTLESS, "model.mask_freeze": 0.6, **settings}
    recipe = cmvq.recipes.resolve(tiny().with_settings(settings))
    model = cmvq.build_model(recipe)
    assert bool(list(api._mask_freeze(model, recipe, 3))) == is_frozen


def test_early_stopping_ends_before_the_last_epoch(tmp_path):
    recipe = tiny(early_stopping=1, epochs=12, learning_rate=1e-9)
    run = cmvq.train(recipe, out=tmp_path / "run", verbose=False)
    assert len(run.history) < 12


def test_nothing_is_left_when_the_data_is_missing(tmp_path):
    recipe = cmvq.recipes.get("digits")
    with pytest.raises(FileNotFoundError):
        cmvq.train(recipe, data_dir=tmp_path / "none", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_macro_f1_follows_its_definition():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(60, 5)).astype("float32")
    labels = rng.integers(0, 3, 60)
    metric = metrics.MacroF1(5)
    for part in (slice(0, 25), slice(25, 60)):
        metric.update_state(labels[part], logits[part])
    expected = reference.macro_f1(labels, logits.argmax(axis=1), 5)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    ignoring = metrics.MacroF1(5, ignore_class=-1)
    ignoring.update_state(np.where(labels == 2, -1, labels), logits)
    seen = labels != 2
    expected = reference.macro_f1(labels[seen], logits[seen].argmax(axis=1), 5)
    assert float(ignoring.result()) == pytest.approx(expected, rel=1e-6)
