"""Each baseline against its equations in float64, through Keras's training."""

import keras
import numpy as np
import pytest
import reference
import reference_methods
from gradients import gradients
from keras import layers, ops

from cmvq_keras import recipes
from cmvq_keras.data.split import Split
from cmvq_keras.errors import DivergedError
from cmvq_keras.methods import gradient_blending as blending
from cmvq_keras.methods import ogm, pmr
from cmvq_keras.networks import FusionSolver, PooledEncoder

NAMES = ("image", "audio")
CLASSES, DEPTH, COUNT = 3, 8, 12


def make(kind, **settings):
    keras.utils.set_random_seed(0)
    model = kind(
        {name: PooledEncoder(layers.Conv2D(DEPTH, 3)) for name in NAMES},
        FusionSolver(CLASSES, units=None),
        **settings,
    )
    model.build({"image": (None, 8, 8, 3), "audio": (None, 8, 8, 1)})
    return model


def data():
    rng = np.random.default_rng(0)
    x = {
        "image": rng.normal(size=(COUNT, 8, 8, 3)).astype("float32"),
        "audio": 3 * rng.normal(size=(COUNT, 8, 8, 1)).astype("float32"),
    }
    return x, rng.integers(0, CLASSES, COUNT).astype("int32")


def numpy(value):
    return ops.convert_to_numpy(value)


def features(model, x):
    return [numpy(model.encoders[m](x[m])).reshape(COUNT, DEPTH) for m in NAMES]


def plain_gradients(model, x, y):
    """Gradients of the cross entropy alone, by variable."""

    def loss(outputs):
        return ops.mean(
            keras.losses.sparse_categorical_crossentropy(
                ops.convert_to_tensor(y), outputs["task"], from_logits=True
            )
        )

    found = gradients(model, x, loss).weights
    return dict(zip([v.path for v in model.trainable_variables], found, strict=True))


def step(model, optimizer, noise, x, y):
    """One step of Keras's own training: logs, and how far each variable moved."""
    model.compile(ogm.wrapped(optimizer, model, noise, seed=1))
    before = {v.path: numpy(v) for v in model.trainable_variables}
    logs = model.train_on_batch(x, y, return_dict=True)
    return logs, {v.path: numpy(v) - before[v.path] for v in model.trainable_variables}


def lopsided():
    """A model in which the image is ahead."""
    model = make(ogm.ModulatedFusion, alpha=0.5)
    x, y = data()
    last = model.solver.part("logits")
    kernel = np.random.default_rng(1).normal(size=last.kernel.shape)
    phi = features(model, x)[0]
    # The image's half is fitted to the labels.
    kernel[:DEPTH] = 2 * np.linalg.lstsq(phi, np.eye(CLASSES)[y], rcond=None)[0]
    last.kernel.assign(kernel.astype("float32"))
    return model, x, y


def test_ogm_scales_the_convolutions_gradients_by_its_coefficients():
    model, x, y = lopsided()
    last = model.solver.part("logits")
    scores = reference_methods.ogm_scores(
        features(model, x), numpy(last.kernel), numpy(last.bias), y
    )
    expected = reference_methods.ogm_coefficients(scores, 0.5)
    assert min(expected) < 1 == max(expected)
    plain = plain_gradients(model, x, y)
    logs, moved = step(model, keras.optimizers.SGD(0.5), False, x, y)
    for name, coefficient in zip(NAMES, expected, strict=True):
        assert logs[f"{name}_coefficient"] == pytest.approx(coefficient, rel=1e-4)
        kernel, bias = model.encoders[name].trainable_variables
        wanted = -0.5 * coefficient * plain[kernel.path]
        np.testing.assert_allclose(moved[kernel.path], wanted, rtol=1e-3, atol=1e-6)
        wanted = -0.5 * plain[bias.path]
        np.testing.assert_allclose(moved[bias.path], wanted, rtol=1e-3, atol=1e-6)
    wanted = -0.5 * plain[last.kernel.path]
    np.testing.assert_allclose(moved[last.kernel.path], wanted, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(numpy(model.modulation), [0, 0])


def test_ogm_adds_nothing_to_the_loss():
    model, x, y = lopsided()
    model.compile("sgd")
    logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
    logits = model.predict(x, verbose=0)["task"]
    expected = reference.cross_entropy(logits, y).mean()
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_after_its_last_step_ogm_leaves_the_gradients_alone():
    model, x, y = lopsided()
    model.compile(
        ogm.wrapped(keras.optimizers.SGD(0.5), model, noise=True, seed=1, stop=1)
    )
    kernels = [model.encoders[name].trainable_variables[0] for name in NAMES]
    for step_number in range(2):
        plain = plain_gradients(model, x, y)
        before = [numpy(kernel) for kernel in kernels]
        model.train_on_batch(x, y)
        changed = [
            not np.allclose(
                numpy(kernel) - old, -0.5 * plain[kernel.path], rtol=1e-3, atol=1e-6
            )
            for kernel, old in zip(kernels, before, strict=True)
        ]
        assert changed == [step_number == 0] * 2


def test_the_modulation_never_moves_under_adam_with_decay():
    model, x, y = lopsided()
    step(model, keras.optimizers.AdamW(0.1, global_clipnorm=1.0), True, x, y)
    np.testing.assert_array_equal(numpy(model.modulation), [0, 0])


def test_ge_adds_noise_of_the_gradients_spread_and_draws_it_anew_every_step():
    model, x, y = lopsided()
    for name in NAMES:
        # So that a tiny step does not drown in the kernel's own rounding.
        model.encoders[name].encoder.kernel.assign(
            0 * model.encoders[name].encoder.kernel
        )
        model.encoders[name].encoder.bias.assign(np.linspace(-1, 1, DEPTH))
    rate = 1e-6
    model.compile(ogm.wrapped(keras.optimizers.SGD(rate), model, noise=True, seed=1))
    noises = []
    kernel = model.encoders["image"].encoder.kernel
    for _ in range(2):
        gradient = plain_gradients(model, x, y)[kernel.path]
        before = numpy(kernel)
        logs = model.train_on_batch(x, y, return_dict=True)
        steps = (before - numpy(kernel)) / rate
        noises.append(steps - logs["image_coefficient"] * gradient)
        spread = noises[-1].std() / gradient.std()
        assert 0.8 < spread < 1.2  # of 216 draws
        assert abs(noises[-1].mean()) < 0.3 * gradient.std()
    first, second = (noise.ravel() for noise in noises)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_the_optimizers_noise_state_is_among_its_variables_and_it_is_saved():
    model, x, y = lopsided()
    model.compile(ogm.wrapped(keras.optimizers.Adam(), model, noise=True, seed=1))
    model.train_on_batch(x, y)
    optimizer = model.optimizer
    assert any(v is optimizer.noise_state for v in optimizer.variables)
    assert int(numpy(optimizer.iterations)) == 1
    config = keras.saving.serialize_keras_object(optimizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("scores", [(3.0, 1.5), (1.5, 3.0), (2.0, 2.0)])
def test_coefficients_follow_the_equation(scores):
    found = numpy(ogm.coefficients(ops.convert_to_tensor(scores), 0.3))
    expected = reference_methods.ogm_coefficients(scores, 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_blend_weights_follow_the_equation():
    gains, gaps = {"a": 0.5, "b": 1.0, "joint": 0.8}, {"a": 0.1, "b": -0.4, "joint": 1}
    found = list(blending.blend_weights(gains, gaps).values())
    expected = reference_methods.blend(list(gains.values()), list(gaps.values()))
    np.testing.assert_allclose(found, expected)
    found = blending.blend_weights({"a": -1.0, "b": 1.0}, {"a": 0.1, "b": 0.1})
    assert found == {"a": 0.0, "b": 1.0}
    found = blending.blend_weights({"a": -1.0, "b": 0.0}, {"a": 0.1, "b": 0.1})
    assert found == {"a": 0.5, "b": 0.5}
    found = blending.blend_weights({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.01})
    assert found == {"a": 0.5, "b": 0.5}


def test_what_was_generalized_counts_from_a_network_that_knows_nothing(monkeypatch):
    losses = {NAMES[0]: (0.2, 0.5), NAMES[1]: (0.6, 0.7), "joint": (0.1, 0.4)}
    ends = iter(losses.values())
    monkeypatch.setattr(blending, "pilot", lambda *_: next(ends))
    heads = {name: FusionSolver(CLASSES, units=None) for name in NAMES}
    model = make(blending.BlendedFusion, heads=heads)
    recipe = recipes.resolve("planted")
    noted = blending.measure_blend(model, recipe, {})
    start = np.log(len(recipe.classes))
    gains = [start - validation for _, validation in losses.values()]
    gaps = [validation - trained for trained, validation in losses.values()]
    np.testing.assert_allclose(list(noted["generalization"].values()), gains)
    np.testing.assert_allclose(list(noted["overfitting"].values()), gaps)
    expected = reference_methods.blend(gains, gaps)
    np.testing.assert_allclose(numpy(model.blend), expected, rtol=1e-6)


def test_a_training_before_the_main_one_that_diverges_is_told(monkeypatch):
    monkeypatch.setattr(blending, "pilot", lambda *_: (np.nan, 0.5))
    heads = {name: FusionSolver(CLASSES, units=None) for name in NAMES}
    model = make(blending.BlendedFusion, heads=heads)
    with pytest.raises(
        DivergedError, match=f"Received for {NAMES[0]}: nan in training"
    ):
        blending.measure_blend(model, recipes.resolve("planted"), {})


def test_the_blended_loss_is_the_weighted_sum_of_all_heads():
    heads = {name: FusionSolver(CLASSES, units=None) for name in NAMES}
    model = make(blending.BlendedFusion, heads=heads)
    x, y = data()
    model.blend.assign([0.2, 0.3, 0.5])
    model.compile("sgd")
    logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
    out = model.predict(x, verbose=0)
    losses = [reference.cross_entropy(out["heads"][m], y).mean() for m in NAMES]
    losses.append(reference.cross_entropy(out["task"], y).mean())
    assert logs["loss"] == pytest.approx(np.dot([0.2, 0.3, 0.5], losses), rel=1e-5)
    assert logs["image_task_loss"] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("early", [0.0, 1.0])
def test_pmr_follows_the_equations(early):
    model = make(pmr.PrototypeFusion, alpha=0.7, mu=0.1)
    x, y = data()
    found = features(model, x)
    means = np.stack(
        [pmr.class_means(each, y, np.zeros((CLASSES, DEPTH))) for each in found]
    )
    means[1] = np.random.default_rng(2).normal(size=means[1].shape)
    model.prototypes.assign(means)
    model.regularizes.assign(early)
    model.compile("sgd")
    logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
    pulls, entropies, slow, total = reference_methods.pmr_terms(
        found, means, y, 0.7, 0.1 * early
    )
    assert max(slow) > 0 == min(slow)
    for index, name in enumerate(NAMES):
        wanted = (pulls[index], entropies[index], slow[index])
        for kind, value in zip(
            ("prototype_loss", "prototype_entropy", "slowness"), wanted, strict=True
        ):
            assert logs[f"{name}_{kind}"] == pytest.approx(value, rel=1e-4)
    assert logs["loss"] == pytest.approx(logs["task_loss"] + total, rel=1e-5)


def test_a_binary_pull_is_all_of_alpha_until_the_last_epoch():
    model = make(pmr.PrototypeFusion, alpha=0.7, mu=0.1, binary=True)
    x, y = data()
    found = features(model, x)
    means = np.random.default_rng(2).normal(size=model.prototypes.shape)
    model.prototypes.assign(means)
    model.compile("sgd")
    pulls, _, slow, _ = reference_methods.pmr_terms(found, means, y, 0.7, 0.0)
    for state, factor in ((0.0, 0.7), (-1.0, 0.0)):
        model.regularizes.assign(state)
        logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
        added = factor * np.dot(np.array(slow) > 0, pulls)
        assert logs["loss"] == pytest.approx(logs["task_loss"] + added, rel=1e-5)


def test_prototypes_end_at_their_last_epoch():
    model = make(pmr.PrototypeFusion)
    x, y = data()
    split = Split(x, y, np.arange(COUNT).astype(str))
    callback = pmr.Prototypes(split, momentum=0.2, early=5, batch_size=5, stop=1)
    callback.set_model(model)
    states = []
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        states.append(float(numpy(model.regularizes)))
    assert states == [1.0, -1.0]


def test_pmrs_coefficients_carry_no_gradient():
    model = make(pmr.PrototypeFusion)
    x, y = data()
    rng = np.random.default_rng(3)
    model.prototypes.assign(rng.normal(size=model.prototypes.shape))
    slow = []

    def loss(outputs):
        terms = model.loss_terms(x, ops.convert_to_tensor(y), outputs, None)
        slow.extend(terms[f"{name}_slowness"][0] for name in NAMES)
        # torch wants something to differentiate.
        return sum(slow) + 0 * ops.sum(outputs["task"])

    found = gradients(model, x, loss)
    assert not any(np.any(each) for each in found.weights)


def test_prototypes_are_class_means_with_momentum():
    model = make(pmr.PrototypeFusion)
    x, y = data()
    split = Split(x, y, np.arange(COUNT).astype(str))
    callback = pmr.Prototypes(split, momentum=0.2, early=1, batch_size=5)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    first = numpy(model.prototypes)
    for index, each in enumerate(features(model, x)):
        for label in range(CLASSES):
            expected = np.float64(each[y == label]).mean(axis=0)
            np.testing.assert_allclose(
                first[index, label], expected, rtol=1e-4, atol=1e-5
            )
    assert float(numpy(model.regularizes)) == 1
    for name in NAMES:
        conv = model.encoders[name].encoder
        conv.bias.assign(numpy(conv.bias) + 1)
    callback.on_epoch_begin(1)
    np.testing.assert_allclose(numpy(model.prototypes), first + 0.8, rtol=1e-4)
    assert float(numpy(model.regularizes)) == 0


def test_prototypes_and_the_early_epochs_reach_the_steps_of_fit():
    model = make(pmr.PrototypeFusion, mu=0.5)
    x, y = data()
    model.compile(keras.optimizers.SGD(0.0))
    split = Split(x, y, np.arange(COUNT).astype(str))
    callback = pmr.Prototypes(split, momentum=0.2, early=1, batch_size=COUNT)
    logs = model.fit(
        x, y, batch_size=COUNT, epochs=2, callbacks=[callback], verbose=0
    ).history
    found = features(model, x)
    means = [np.stack([z[y == c].mean(axis=0) for c in range(CLASSES)]) for z in found]
    for epoch, mu in enumerate((0.5, 0.0)):
        total = reference_methods.pmr_terms(found, means, y, 1.0, mu)[-1]
        added = logs["loss"][epoch] - logs["task_loss"][epoch]
        assert added == pytest.approx(total, rel=1e-3)
    assert logs["loss"][0] < logs["loss"][1]
