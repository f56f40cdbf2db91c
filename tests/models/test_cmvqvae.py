"""CMVQVAE as a Keras model: fit, losses, logs, saving, reporting."""

import json
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import reference
from data_sources import SOURCES, needs
from keras import layers, ops

import cmvq_keras as cmvq

SHAPES = {"image": (8, 8, 3), "audio": (8, 8, 1)}
CLASSES = 3
TERMS = ("reconstruction_loss", "quantizer_loss")


def encoder(channels, depth=4, stride=2):
    return keras.Sequential(
        [
            keras.Input((8, 8, channels)),
            layers.Conv2D(6, 4, stride, padding="same", activation="relu"),
            layers.Conv2D(depth, 1),
        ]
    )


def decoder(channels):
    return keras.Sequential(
        [
            keras.Input((4, 4, 4)),
            layers.Conv2DTranspose(channels, 4, 2, padding="same"),
        ]
    )


def solver(**settings):
    return keras.Sequential([layers.Flatten(), layers.Dense(CLASSES, **settings)])


def adding(units):
    return layers.Dense(units, kernel_initializer="ones", use_bias=False)


def make_model(shapes=SHAPES, head=None, quantizer=None, **settings):
    codes = {"seed": 1, **(quantizer or {})}
    return cmvq.CMVQVAE(
        {name: encoder(shape[-1]) for name, shape in shapes.items()},
        {name: decoder(shape[-1]) for name, shape in shapes.items()},
        head or solver(),
        quantizers={name: cmvq.VectorQuantizer(8, **codes) for name in shapes},
        **settings,
    )


def make_data(count=32, shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, count).astype("int32")
    x = {}
    for name, shape in shapes.items():
        noise = rng.normal(size=(count, *shape)) * 0.3
        x[name] = (noise + y[:, None, None, None]).astype("float32")
    return x, y


@pytest.fixture(scope="module")
def fitted():
    """One fitted model, its data and its history; tests must not train it on."""
    keras.utils.set_random_seed(0)
    x, y = make_data(40)
    model = make_model()
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    model.compile("adam", metrics=["accuracy", top], loss_weights={"task": 2.0})
    history = model.fit(
        x, y, batch_size=16, epochs=2, validation_split=0.2, verbose=0
    ).history
    return model, x, y, history


def total_of_terms(logs, task_weight=1.0, prefix="", shapes=SHAPES):
    total = task_weight * logs[f"{prefix}task_loss"] + logs[f"{prefix}mask_penalty"]
    for name in shapes:
        total += sum(logs[f"{prefix}{name}_{term}"] for term in TERMS)
    return total + logs.get(f"{prefix}regularization_loss", 0.0)


def test_fit_logs_every_term_and_the_total_is_their_sum(fitted):
    _, _, _, history = fitted
    expected = {"loss", "task_loss", "accuracy", "top2", "mask_penalty"}
    for name in SHAPES:
        expected |= {f"{name}_{term}" for term in TERMS}
        expected |= {f"{name}_perplexity", f"{name}_codes_used"}
    assert set(history) == expected | {f"val_{name}" for name in expected}
    for epoch in range(2):
        logs = {name: values[epoch] for name, values in history.items()}
        for prefix in ("", "val_"):
            total = total_of_terms(logs, task_weight=2.0, prefix=prefix)
            assert logs[f"{prefix}loss"] == pytest.approx(total, rel=1e-5)


def test_evaluation_equals_the_equations(fitted):
    model, x, y, _ = fitted
    logs = model.evaluate(x, y, batch_size=40, verbose=0, return_dict=True)
    out = model.predict(x, batch_size=40, verbose=0)
    assert sorted(out) == ["indices", "quantizer_loss", "reconstruction", "task"]
    task = reference.cross_entropy(out["task"], y).mean()
    assert logs["task_loss"] == pytest.approx(task, rel=1e-5)
    accuracy = np.mean(out["task"].argmax(axis=1) == y)
    assert logs["accuracy"] == pytest.approx(accuracy)
    for name in SHAPES:
        error = np.mean((np.float64(x[name]) - out["reconstruction"][name]) ** 2)
        assert logs[f"{name}_reconstruction_loss"] == pytest.approx(error, rel=1e-5)
        assert out["indices"][name].shape == (40, 4, 4)
        assert out["quantizer_loss"][name].shape == (40,)
        spread = reference.perplexity(out["indices"][name], 8)
        assert logs[f"{name}_perplexity"] == pytest.approx(spread, rel=1e-5)
        used = np.unique(out["indices"][name]).size
        assert logs[f"{name}_codes_used"] == used
    weights = ops.convert_to_numpy(model.mask.channel_weights)
    assert logs["mask_penalty"] == pytest.approx(1e-4 * weights.sum(), rel=1e-5)


def test_the_quantizer_loss_is_that_of_the_chosen_codes(fitted):
    model, x, _, _ = fitted
    out = model.predict(x, batch_size=40, verbose=0)
    for name in SHAPES:
        features = ops.convert_to_numpy(model.encoders[name](x[name]))
        codes = ops.convert_to_numpy(model.quantizers[name].codebook())
        indices, margin = reference.nearest(features.reshape(-1, 4), codes)
        clear = margin > 1e-5
        found = out["indices"][name].ravel()
        np.testing.assert_array_equal(found[clear], indices[clear])
        loss = reference.quantizer_loss(features.reshape(-1, 4), codes[found])
        assert out["quantizer_loss"][name].mean() == pytest.approx(loss, rel=1e-4)


def test_a_sample_weight_of_zero_takes_a_sample_out_of_the_task_alone(fitted):
    model, x, y, _ = fitted
    weight = (np.arange(40) < 10).astype("float32")
    whole = model.evaluate(x, y, batch_size=40, verbose=0, return_dict=True)
    part = model.evaluate(
        x, y, batch_size=40, sample_weight=weight, verbose=0, return_dict=True
    )
    logits = model.predict(x, batch_size=40, verbose=0)["task"]
    expected = (reference.cross_entropy(logits, y) * weight).mean()
    assert part["task_loss"] == pytest.approx(expected, rel=1e-5)
    name = "image_reconstruction_loss"
    assert part[name] == pytest.approx(whole[name], rel=1e-6)


def test_class_weights_and_weighted_metrics_reach_the_task():
    x, y = make_data(16)
    model = make_model()
    for quantizer in model.quantizers.values():
        quantizer.trainable = False
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="weighted")
    model.compile(keras.optimizers.SGD(0.0), weighted_metrics=[accuracy])
    weight = {0: 0.0, 1: 2.0, 2: 1.0}
    logs = model.fit(x, y, batch_size=16, class_weight=weight, verbose=0).history
    logits = model.predict(x, batch_size=16, verbose=0)["task"]
    factor = np.array([weight[label] for label in y])
    hits = logits.argmax(axis=1) == y
    expected = (reference.cross_entropy(logits, y) * factor).mean()
    assert logs["task_loss"][0] == pytest.approx(expected, rel=1e-5)
    weighted = (hits * factor).sum() / factor.sum()
    assert logs["weighted"][0] == pytest.approx(weighted, rel=1e-5)


def test_regularizers_of_the_users_own_layers_are_added_once():
    x, y = make_data(20)
    head = solver(kernel_regularizer=keras.regularizers.L2(0.1))
    # A penalty as large as the other terms: counted twice it would show.
    model = make_model(
        head=head, mask=cmvq.ThresholdMask(start=2.0, penalty_weight=1.0)
    )
    model.compile("sgd")
    # Batches of 8, 8 and 4: Keras averages over samples, and so must every term.
    logs = model.fit(x, y, batch_size=8, verbose=0).history
    logs = {name: values[0] for name, values in logs.items()}
    assert logs["regularization_loss"] > 0
    assert logs["loss"] == pytest.approx(total_of_terms(logs), rel=1e-5)
    found = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
    kernel = ops.convert_to_numpy(head.layers[-1].kernel)
    expected = 0.1 * np.sum(np.float64(kernel) ** 2)
    assert found["regularization_loss"] == pytest.approx(expected, rel=1e-4)


def test_loss_weights_of_zero_switch_terms_off():
    x, y = make_data(16)
    model = make_model()
    off = {"task": 0.0, "reconstruction": 0.0, "quantizer": 0.0, "mask_penalty": 1.0}
    model.compile(keras.optimizers.SGD(1.0), loss_weights=off)
    model.predict(x, verbose=0)
    before = ops.convert_to_numpy(model.solver.layers[-1].kernel)
    logs = model.fit(x, y, batch_size=16, verbose=0).history
    assert logs["loss"][0] == pytest.approx(logs["mask_penalty"][0], rel=1e-6)
    after = ops.convert_to_numpy(model.solver.layers[-1].kernel)
    np.testing.assert_array_equal(after, before)
    moved = ops.convert_to_numpy(model.mask.channel_weights)
    np.testing.assert_allclose(moved, 0.01 - 1e-4, rtol=1e-5)


def test_the_loss_can_be_replaced():
    x, y = make_data(16)
    model = make_model()
    double = DoubledCrossEntropy()
    model.compile("sgd", loss=double)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    logits = model.predict(x, verbose=0)["task"]
    expected = 2 * reference.cross_entropy(logits, y).mean()
    assert logs["task_loss"] == pytest.approx(expected, rel=1e-5)


def tripled(y_true, y_pred):
    return 3 * keras.losses.sparse_categorical_crossentropy(
        y_true, y_pred, from_logits=True
    )


def test_the_loss_can_be_a_function_and_sample_weights_reach_it():
    x, y = make_data(16)
    model = make_model()
    model.compile("sgd", loss=tripled)
    weight = (np.arange(16) < 4).astype("float32")
    logs = model.evaluate(
        x, y, batch_size=16, sample_weight=weight, verbose=0, return_dict=True
    )
    logits = model.predict(x, verbose=0)["task"]
    expected = 3 * (reference.cross_entropy(logits, y) * weight).mean()
    assert logs["task_loss"] == pytest.approx(expected, rel=1e-5)


def test_callbacks_find_the_built_in_accuracy(tmp_path):
    x, y = make_data(16)
    model = make_model()
    model.compile("adam")
    best = tmp_path / "best.weights.h5"
    monitor = {"monitor": "val_accuracy"}
    model.fit(
        x,
        y,
        validation_data=(x, y),
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(**monitor),
            keras.callbacks.ModelCheckpoint(
                best, save_best_only=True, save_weights_only=True, **monitor
            ),
        ],
    )
    assert best.exists()


def test_metrics_by_output_and_weighted_macro_f1():
    x, y = make_data(16)
    model = make_model()
    macro = cmvq.metrics.MacroF1(CLASSES)
    model.compile("adam", metrics={"task": ["acc"]}, weighted_metrics=[macro])
    weight = (np.arange(16) % 2).astype("float32")
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)["task"].argmax(axis=1)
    counted = weight > 0
    expected = reference.macro_f1(y[counted], predicted[counted], CLASSES)
    assert logs["macro_f1"] == pytest.approx(expected, rel=1e-5)
    assert logs["acc"] == pytest.approx(np.mean(predicted == y))
    with pytest.raises(ValueError, match=r"output task alone\. Received: audio"):
        model.compile("adam", metrics={"audio": ["mse"]})


class DoubledCrossEntropy(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 2 * keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=True
        )


@pytest.fixture(scope="module")
def trainee():
    model = make_model()
    for quantizer in model.quantizers.values():
        quantizer.trainable = False
    model.compile(keras.optimizers.SGD(0.0))
    return model


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_input_gives_the_same_numbers(fitted, trainee, kind):
    model, *_ = fitted
    x, y = make_data(24, seed=5)
    expected = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    found = model.evaluate(kind(x, y), verbose=0, return_dict=True)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    # A learning rate of 0 and frozen codebooks: training sees the data, unchanged.
    expected = trainee.fit(x, y, batch_size=8, shuffle=False, verbose=0).history
    found = trainee.fit(kind(x, y), shuffle=False, verbose=0).history
    for name in ("task_loss", "image_quantizer_loss", "audio_reconstruction_loss"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4), name


def test_batches_of_two_orders_hold_the_same_samples_and_repeat_with_the_seed():
    from cmvq_keras.batches import Batches, even_batch_size

    x, y = {"a": np.arange(20)[:, None]}, np.arange(20)
    runs = []
    for _ in range(2):
        batches = Batches(x, y, 8, shuffle_seed=3)
        order = []
        for _ in range(2):
            order.append([batches[i][1].tolist() for i in range(len(batches))])
            batches.on_epoch_end()
        runs.append(order)
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][1]
    assert len(batches) == 2
    assert sum(len(Batches(x, y, 8)[i][1]) for i in range(3)) == 20
    assert even_batch_size(2000, 128) == 125
    assert even_batch_size(1009, 128) == 128


@pytest.mark.once
@pytest.mark.parametrize(
    ("side", "own", "size"),
    [
        (32, 32, 125),  # the largest that divides 2,000 samples
        (32, 500, 500),
        (128, 32, 50),  # 2**20 numbers are 64 of these samples
        (1024, 4, 4),
    ],
)
def test_small_samples_are_predicted_in_larger_batches(side, own, size):
    from cmvq_keras.batches import inference_batches
    from cmvq_keras.data.split import Split

    x = np.broadcast_to(np.float32(0), (2000, side, side, 1))
    split = Split({"image": x, "audio": x}, np.zeros(2000, np.int32), None)
    recipe = cmvq.recipes.get("planted").with_settings({"training.batch_size": own})
    batches = inference_batches(recipe, split, ("image",))
    assert (batches.batch_size, list(batches.x)) == (size, ["image"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: {**x, "text": x["audio"]}, "exactly the modalities image, audio"),
        (lambda x: {"image": x["image"]}, r"Received: \['image'\]"),
        (lambda x: x["image"], "must be a dictionary"),
    ],
)
def test_inputs_with_other_names_are_refused(fitted, change, message):
    model, x, y, _ = fitted
    with pytest.raises(ValueError, match=message):
        model.predict(change(x), verbose=0)
    with pytest.raises(ValueError, match=message):
        model.fit(change(x), y, verbose=0)
    # An error costs no weights, on JAX too.
    assert np.isfinite(model.predict(x, verbose=0)["task"]).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(CLASSES)[np.zeros(40, int)], "no one-hot vectors"),
        (None, "need labels"),
        (np.full(40, CLASSES), "from 0 to 2. Received: values from 3 to 3"),
        (np.full(40, -1), "Received: values from -1 to -1"),
    ],
)
def test_labels_of_another_form_are_refused(fitted, labels, message):
    model, x, _, _ = fitted
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, labels, verbose=0)


def test_labels_in_a_column_are_taken(fitted):
    model, x, y, _ = fitted
    flat = model.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y[:, None], verbose=0) == pytest.approx(flat, rel=1e-6)


def test_networks_that_do_not_fit_are_refused():
    shape = {"image": (None, 8, 8, 3), "audio": (None, 8, 8, 1)}
    model = make_model()
    model.decoders["audio"] = decoder(2)
    with pytest.raises(ValueError, match="decoder of audio must give its input"):
        model.build(shape)
    wide = cmvq.CMVQVAE(
        {"image": encoder(3), "audio": encoder(1, depth=4, stride=1)},
        {"image": decoder(3), "audio": keras.Sequential([layers.Conv2D(1, 1)])},
        solver(),
    )
    with pytest.raises(ValueError, match=r"same grid and depth\. Received: image"):
        wide.build(shape)
    with pytest.raises(ValueError, match="`decoders` must have exactly"):
        cmvq.CMVQVAE({"image": encoder(3)}, {"audio": decoder(1)}, solver())
    with pytest.raises(ValueError, match="`task_modalities` must be some of"):
        make_model(task_modalities=["text"])
    encoders = {"image": encoder(3), "val_image": encoder(3)}
    for kind in (cmvq.CMVQVAE, cmvq.MultimodalClassifier):
        decoders = [dict.fromkeys(encoders)] if kind is cmvq.CMVQVAE else []
        with pytest.raises(ValueError, match="the name val_image beside image"):
            kind(encoders, *decoders, solver())
    heads = {"image": encoder(3), "val": encoder(3)}
    with pytest.raises(ValueError, match=r"with heads\. Received: 'val'"):
        cmvq.MultiHeadClassifier(heads, solver(), heads=heads)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "sparse_categorical_crossentropy"}, "takes logits"),
        ({"loss": keras.losses.sparse_categorical_crossentropy}, "takes logits"),
        ({"loss": keras.losses.SparseCategoricalCrossentropy()}, "from_logits=True"),
        ({"loss": {"task": tripled}}, "takes logits"),
        ({"loss_weights": {"recon": 1.0}}, "`loss_weights` takes the terms task"),
    ],
)
def test_compile_refuses_what_would_mislead(settings, message):
    with pytest.raises(ValueError, match=message):
        make_model().compile("adam", **settings)


def set_mask(model, values):
    model.mask.channel_weights.assign(np.asarray(values, "float32"))


def test_complementarity_counts_channels_of_all_modalities():
    model = make_model()
    model.build({name: (None, *shape) for name, shape in SHAPES.items()})
    weights = {"image": np.r_[1, 1, 1, 0.0], "audio": np.r_[1, 0, 0, -1.0]}
    set_mask(model, np.concatenate(list(weights.values())))
    values = {m: reference.mask_values(w, 0.005) for m, w in weights.items()}
    compl, contr, zeta = reference.complementarity(values)
    found = model.complementarity()
    assert found["compl"] == pytest.approx(compl)
    assert found["contr"] == pytest.approx(contr)
    assert found["zeta"] == pytest.approx(zeta) == pytest.approx(1 / 3)
    assert found["counts"] == {"image": 3, "audio": 1}
    set_mask(model, np.zeros(8))
    assert model.complementarity()["zeta"] == 0.0


def test_complementarity_of_an_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="The model has no weights yet"):
        make_model().complementarity()


def test_complementarity_of_three_modalities_has_a_zeta_each_and_one_a_pair():
    shares = {"a": np.r_[1, 1, 0.0], "b": np.r_[1, 0, 0.0], "c": np.r_[1, 1, 1.0]}
    found = cmvq.metrics.complementarity(shares)
    assert found["zeta"] == pytest.approx({"a": 2 / 4, "b": 1 / 5, "c": 3 / 3})
    pairs = {"a,b": 1 / 2, "a,c": 2 / 3, "b,c": 1 / 3}
    assert found["pairwise_zeta"] == pytest.approx(pairs)
    total = sum(found["compl"].values()) + sum(found["contr"].values())
    assert total == pytest.approx(100)


def test_one_modality_alone_trains_and_has_zeta_zero():
    shapes = {"image": SHAPES["image"]}
    x, y = make_data(16, shapes)
    model = make_model(shapes)
    model.compile("adam")
    logs = model.fit(x, y, verbose=0).history
    assert "audio_perplexity" not in logs
    assert model.complementarity()["zeta"] == 0.0
    assert model.complementarity()["compl"] == {"image": 100.0}


def test_a_solver_cut_off_from_a_modality_does_not_see_it():
    x, _ = make_data(8)
    model = make_model(task_modalities=["image"])
    first = model.predict(x, verbose=0)["task"]
    other = {**x, "audio": x["audio"] * -3}
    np.testing.assert_array_equal(model.predict(other, verbose=0)["task"], first)
    inference = model.inference_model()
    assert sorted(inference.input) == ["image"]
    alone = inference.predict({"image": x["image"]}, verbose=0)
    np.testing.assert_allclose(alone, first, rtol=1e-5, atol=1e-6)


def test_the_inference_model_can_do_without_a_modality(fitted):
    model = fitted[0]
    alone = model.inference_model(without=("audio",))
    assert sorted(alone.input) == ["image"]
    held = {id(layer) for layer in alone._flatten_layers()}
    assert id(model.encoders["audio"]) not in held
    with pytest.raises(ValueError, match="must leave one of the task's modalities"):
        model.inference_model(without=("audio", "image"))


def test_modality_dropout_takes_a_modality_from_the_solver_in_training_alone():
    """A solver that adds up its channels shows what it was given."""
    x, y = make_data(24)
    keras.utils.set_random_seed(0)
    model = make_model(
        modality_dropout=0.999,
        head=keras.Sequential([layers.GlobalAveragePooling2D(), adding(CLASSES)]),
    )
    model.compile(keras.optimizers.SGD(0.0))
    logs = model.fit(x, y, batch_size=12, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    parts = []
    for name in SHAPES:
        grid = model.quantizers[name](model.encoders[name](x[name]))["quantized"]
        parts.append(ops.convert_to_numpy(grid).mean(axis=(1, 2)).sum(axis=-1))
    whole = ops.convert_to_numpy(model(x)["task"])[:, 0]
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-4, atol=1e-5)
    left = ops.convert_to_numpy(model(x, training=True)["task"])[:, 0]
    image, audio = (np.isclose(left, part, rtol=1e-4, atol=1e-5) for part in parts)
    assert (image ^ audio).sum() >= 20
    assert image.any()
    assert audio.any()


def test_the_inference_model_has_the_same_logits_and_no_decoder(fitted):
    model, x, _, _ = fitted
    inference = model.inference_model()
    expected = model.predict(x, verbose=0)["task"]
    found = inference.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    held = {id(layer) for layer in inference._flatten_layers()}
    assert not any(id(part) in held for part in model.decoders.values())


def test_reconstructions_take_the_channels_that_the_mask_names(fitted):
    model, x, _, _ = fitted
    before = ops.convert_to_numpy(model.mask.channel_weights)
    set_mask(model, [1, 1, 0, 0, 0, 0, 0, 1])
    masks = {"image": np.r_[1, 1, 0, 0.0], "audio": np.r_[0, 0, 0, 1.0]}
    grids = {}
    for name in SHAPES:
        codes = ops.convert_to_numpy(model.quantizers[name].codebook())
        grids[name] = codes[model.predict(x, verbose=0)["indices"][name]]

    def decoded(name, grid):
        return ops.convert_to_numpy(model.decoders[name](np.float32(grid)))

    everything = model.reconstruct(x)
    kept = model.reconstruct(x, "complementary", batch_size=7)
    hidden = model.reconstruct(x, "contradictory")
    mixed = model.mix(x)
    for name, mask in masks.items():
        grid = grids[name]
        neighbour = np.roll(grid, -1, axis=0)
        for found, expected in (
            (everything, grid),
            (kept, grid * mask),
            (hidden, grid * (1 - mask)),
            (mixed, grid * mask + neighbour * (1 - mask)),
        ):
            np.testing.assert_allclose(
                found[name], decoded(name, expected), rtol=1e-4, atol=1e-5
            )
    with pytest.raises(ValueError, match="must be one of all, complementary"):
        model.reconstruct(x, "shared")
    set_mask(model, before)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_trains_with_finite_float32_losses(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        x, y = make_data(16)
        model = make_model()
        model.compile(keras.optimizers.Adam(0.01))
        logs = model.fit(x, y, batch_size=8, epochs=6, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        assert logs["loss"][-1] < logs["loss"][0]
        assert all(w.dtype == "float32" for w in model.trainable_variables)
    finally:
        keras.config.set_dtype_policy(before)


LOAD = """
import sys, numpy, cmvq_keras as cmvq
model = cmvq.load_model(sys.argv[1])
x = dict(numpy.load(sys.argv[2], allow_pickle=False))
numpy.save(sys.argv[3], model.predict(x, verbose=0)["task"])
"""


def predict_elsewhere(path, x, folder, backend, script=LOAD):
    np.savez(folder / "x.npz", **x)
    command = [sys.executable, "-c", script, path, folder / "x.npz", folder / "y.npy"]
    subprocess.run(
        command, check=True, env={**os.environ, "KERAS_BACKEND": backend}, timeout=300
    )
    return np.load(folder / "y.npy")


@pytest.mark.parametrize("backend", [needs(b, b) for b in cmvq.backend.BACKENDS])
def test_a_saved_model_predicts_the_same_in_a_fresh_process(fitted, tmp_path, backend):
    model, x, _, _ = fitted
    model.save(tmp_path / "model.keras")
    found = predict_elsewhere(tmp_path / "model.keras", x, tmp_path, backend)
    expected = model.predict(x, verbose=0)["task"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="JAX always does, PyTorch has no XLA"
)
# More than a chunk of the search for codes, and fewer.
@pytest.mark.parametrize("count", [1200, 8])
def test_xla_gives_tensorflow_the_same(count):
    x, y = make_data(count)
    # Nothing drawn from the batch: XLA draws other numbers from the same seed.
    quiet = {"start": "reference", "revival_threshold": 0}
    model, other = (make_model(quantizer=quiet) for _ in range(2))
    for each, by_xla in ((model, False), (other, True)):
        each.compile("sgd", jit_compile=by_xla)
        each.build({name: values.shape for name, values in x.items()})
    other.set_weights(model.get_weights())
    expected, found = (
        each.predict(x, batch_size=count, verbose=0) for each in (model, other)
    )
    np.testing.assert_allclose(found["task"], expected["task"], rtol=1e-4, atol=1e-5)
    for name in SHAPES:
        same = found["indices"][name] == expected["indices"][name]
        assert same.mean() > 0.999
    expected, found = (
        each.fit(x, y, batch_size=count, verbose=0).history["loss"]
        for each in (model, other)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3)


BOTH = """
import sys, numpy, keras, cmvq_keras
x = dict(numpy.load(sys.argv[2], allow_pickle=False))
model = keras.saving.load_model(sys.argv[1])
one = model.predict(x, verbose=0)["task"]
model = cmvq_keras.load_model(sys.argv[1])
numpy.save(sys.argv[3], [one, model.predict(x, verbose=0)["task"]])
"""


def test_a_recipes_saved_model_loads_in_a_fresh_process(tmp_path):
    model = cmvq.build_model("planted")
    shape = (2, 32, 32, 1)
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=shape).astype("float32") for name in model.modalities}
    model.save(tmp_path / "model.keras")
    here = keras.backend.backend()
    path = tmp_path / "model.keras"
    by_keras, by_name = predict_elsewhere(path, x, tmp_path, here, BOTH)
    expected = model.predict(x, verbose=0)["task"]
    for found in (by_keras, by_name):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_loaded_model_keeps_its_optimizer_and_loss_weights(fitted, tmp_path):
    model, x, y, _ = fitted
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    found = copy.evaluate(x, y, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-5)
    assert int(copy.optimizer.iterations) == int(model.optimizer.iterations)


def test_weights_load_into_a_new_model(fitted, tmp_path):
    model, x, _, _ = fitted
    model.save_weights(tmp_path / "model.weights.h5")
    copy = make_model()
    copy.build({name: (None, *shape) for name, shape in SHAPES.items()})
    copy.load_weights(tmp_path / "model.weights.h5")
    expected = model.predict(x, verbose=0)["task"]
    found = copy.predict(x, verbose=0)["task"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_foreign_and_damaged_files_are_errors_not_random_weights(fitted, tmp_path):
    model, *_ = fitted
    path = tmp_path / "model.keras"
    model.save(path)
    (tmp_path / "cut.keras").write_bytes(path.read_bytes()[:-2000])
    (tmp_path / "text.keras").write_text("no model")
    rewrite(path, tmp_path / "grid.keras", spoil_shape)
    rewrite(path, tmp_path / "bare.keras", drop_weights)
    for name in ("cut", "text", "grid", "bare"):
        with pytest.raises((ValueError, OSError, KeyError, TypeError)):
            keras.saving.load_model(tmp_path / f"{name}.keras")
    other = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    copy = make_model()
    copy.build({name: (None, *shape) for name, shape in SHAPES.items()})
    with pytest.raises(ValueError, match="It has none for layers/dense"):
        copy.load_weights(tmp_path / "other.weights.h5")


def rewrite(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)


def spoil_shape(name, content):
    if name != "config.json":
        return content
    config = json.loads(content)
    config["build_config"]["input_shape"]["audio"] = [None, 9, 9, 1]
    return json.dumps(config).encode()


def drop_weights(name, content):
    return None if name.endswith(".h5") else content
