"""Weight decay leaves the mask and the codebooks alone."""

import keras
import numpy as np
import pytest
from tiny_model import tiny_data, tiny_model

import cmvq_keras as cmvq
from cmvq_keras.backend import kernels
from cmvq_keras.methods.ogm import ModulatingOptimizer
from cmvq_keras.models import optimizers
from cmvq_keras.recipe import TrainingSettings


def gradient_codes():
    """A model whose codebooks are trained variables."""
    model = tiny_model(built=False)
    for name in model.quantizers:
        model.quantizers[name] = cmvq.VectorQuantizer(4, decay=None, seed=1)
    return model


def decaying():
    # No gradient moves anything: what changes has decayed.
    return keras.optimizers.SGD(1e-9, weight_decay=1e8)


def kept(model):
    layers = [model.mask, *model.quantizers.values()]
    return [weight for layer in layers for weight in layer.trainable_weights]


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


@pytest.mark.parametrize("built_first", [True, False])
@pytest.mark.parametrize("wrapped", [False, True])
def test_mask_and_codebooks_do_not_decay(built_first, wrapped):
    x, y = tiny_data()
    model = gradient_codes()
    shape = {name: (None, *x[name].shape[1:]) for name in x}
    if built_first:
        model.build(shape)
    optimizer = decaying()
    if wrapped:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    model.compile(optimizer)
    model.build(shape)
    before = values(kept(model))
    kernel = values([model.encoders["image"].kernel])[0]
    model.fit(x, y, batch_size=16, verbose=0)
    assert len(before) == 3
    for old, new in zip(before, values(kept(model)), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    found = values([model.encoders["image"].kernel])[0]
    np.testing.assert_allclose(found, 0.9 * kernel, rtol=1e-3, atol=1e-6)


def test_a_mask_survives_strong_decay():
    x, y = tiny_data()
    used = {}
    for decay in (1.0, None):
        model = tiny_model()
        model.compile(keras.optimizers.SGD(0.01, weight_decay=decay))
        model.fit(x, y, batch_size=16, epochs=80, verbose=0)
        used[decay] = sum(model.complementarity()["compl"].values())
    # Decay alone would bring each weight below the threshold: none would stay.
    assert used[1.0] > used[None] / 2 > 0


def test_what_the_user_has_excluded_stays_excluded():
    model, (x, y) = tiny_model(), tiny_data()
    optimizer = decaying()
    kernel = model.encoders["image"].kernel
    optimizer.exclude_from_weight_decay(var_list=[kernel], var_names=["bias"])
    model.solver.layers[-1].bias.assign(np.ones(3))
    model.compile(optimizer)
    start = values([kernel, model.mask.channel_weights])
    model.fit(x, y, batch_size=16, verbose=0)
    found = values([kernel, model.mask.channel_weights])
    for old, new in zip(start, found, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    np.testing.assert_allclose(values([model.solver.layers[-1].bias])[0], 1, atol=1e-6)


def test_a_second_compile_with_a_built_optimizer_is_taken():
    model, (x, y) = tiny_model(), tiny_data()
    model.compile(decaying())
    model.fit(x, y, batch_size=16, verbose=0)
    model.compile(model.optimizer)
    before = values(kept(model))
    model.fit(x, y, batch_size=16, verbose=0)
    for old, new in zip(before, values(kept(model)), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_an_optimizer_inside_another_is_told():
    model = tiny_model()
    inner = decaying()
    model.compile(ModulatingOptimizer(inner, [[0]], 0))
    assert not inner._use_weight_decay(model.mask.channel_weights)
    assert inner._use_weight_decay(model.encoders["image"].kernel)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_recipes_optimizer_decays_kernels_alone(kind):
    settings = TrainingSettings(optimizer=kind, weight_decay=0.1)
    found = optimizers.optimizer(settings, steps=10)
    model = tiny_model(lambda: keras.Sequential([keras.layers.Dense(4), norm()]))
    model.compile(found)
    decays = {
        weight.path.rsplit("/", 1)[-1]: found._use_weight_decay(weight)
        for weight in model.trainable_weights
    }
    assert decays == {
        "kernel": True,
        "bias": False,
        "gamma": False,
        "beta": False,
        "channel_weights": False,
    }


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_step_without_gradient_moves_kernels_alone(kind):
    settings = TrainingSettings(optimizer=kind, weight_decay=0.5)
    model = tiny_model(lambda: keras.Sequential([keras.layers.Dense(4), norm()]))
    for weight in model.trainable_weights:
        weight.assign(keras.ops.ones(weight.shape))
    model.compile(optimizers.optimizer(settings, steps=10))
    weights = model.trainable_variables
    model.optimizer.apply([keras.ops.zeros(each.shape) for each in weights], weights)
    for weight in weights:
        moved = not np.array_equal(
            keras.ops.convert_to_numpy(weight), np.ones(weight.shape)
        )
        assert moved == (weight.name == "kernel"), weight.path


def norm():
    return keras.layers.BatchNormalization()


FUSED = {
    "Adam": {},
    "AdamW": {"weight_decay": 0.01},
    "scheduled": {
        "weight_decay": 0.01,
        "learning_rate": keras.optimizers.schedules.CosineDecay(1e-2, 5),
    },
    "clipped": {"global_clipnorm": 0.5},
    "accumulating": {"gradient_accumulation_steps": 2},
    "amsgrad": {"amsgrad": True},
}


def after_steps(name, fuse, dtype="float32", steps=4):
    """Weights and what Adam keeps for them after a few steps on given gradients."""
    draw = np.random.default_rng(0)
    shapes = (3, 5), (4,)
    weights = [keras.Variable(draw.normal(size=shape), dtype=dtype) for shape in shapes]
    kind = getattr(keras.optimizers, name, keras.optimizers.Adam)
    optimizer = kind(**{"learning_rate": 1e-2, "epsilon": 1e-8, **FUSED[name]})
    optimizer.exclude_from_weight_decay(var_list=weights[1:])
    if fuse:
        kernels.fuse_updates(optimizer)
    optimizer.build(weights)
    gradients = []
    for _ in range(steps):
        gradients.append([draw.normal(size=shape).astype(dtype) for shape in shapes])
        given = [keras.ops.convert_to_tensor(each) for each in gradients[-1]]
        optimizer.apply(given, weights)
    return values([*weights, *optimizer.variables]), gradients


@pytest.mark.parametrize("name", FUSED)
def test_a_fused_update_is_that_of_keras(name):
    found, _ = after_steps(name, fuse=True)
    for one, two in zip(found, after_steps(name, fuse=False)[0], strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="others have no such gradient"
)
def test_the_rows_of_a_table_are_updated_as_by_keras():
    import tensorflow as tf

    found = []
    for fuse in (True, False):
        weights = [keras.Variable(np.ones((4, 2), "float32")) for _ in range(2)]
        optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.01)
        if fuse:
            kernels.fuse_updates(optimizer)
        rows = tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([2]), (4, 2))
        for _ in range(2):
            optimizer.apply([rows, tf.ones((4, 2))], weights)
        found.append(values([*weights, *optimizer.variables]))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="its variables")
def test_variables_of_tensorflow_itself_are_updated_as_by_keras():
    import tensorflow as tf

    found = []
    for fuse in (True, False):
        weight = tf.Variable([1.0, 2.0])
        optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.1)
        if fuse:
            kernels.fuse_updates(optimizer)
        optimizer.apply([tf.constant([0.5, -1.0])], [weight])
        found.append(weight.numpy())
    np.testing.assert_array_equal(*found)


class Counting(keras.optimizers.schedules.CosineDecay):
    """A schedule that knows how often it was asked."""

    asked = 0

    def __call__(self, step):
        self.asked += 1
        return super().__call__(step)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="fused there alone")
def test_the_schedule_is_asked_once_for_all_that_decays():
    weights = [keras.Variable(np.ones(3, "float32")) for _ in range(5)]
    schedule = Counting(1e-2, 5)
    optimizer = keras.optimizers.AdamW(schedule)
    kernels.fuse_updates(optimizer)
    optimizer.apply([keras.ops.ones(3)] * len(weights), weights)
    # And once for the update.
    assert schedule.asked == 2


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_a_fused_update_of_half_precision_is_that_of_keras(name):
    found, _ = after_steps(name, fuse=True, dtype="float16")
    expected, _ = after_steps(name, fuse=False, dtype="float16")
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_fused_update_follows_the_equations_of_adam():
    found, gradients = after_steps("Adam", fuse=True)
    draw = np.random.default_rng(0)
    for index, shape in enumerate([(3, 5), (4,)]):
        weight = draw.normal(size=shape)
        mean, square = np.zeros(shape), np.zeros(shape)
        for step, each in enumerate(gradients, start=1):
            gradient = each[index].astype("float64")
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weight = weight - rate * mean / (np.sqrt(square) + 1e-8)
        np.testing.assert_allclose(found[index], weight, rtol=1e-5)
