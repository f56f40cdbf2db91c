"""Kernel ridge regression of the labels: no network, trained in seconds.

It says what shallow learning gives on the same samples, for each modality and for all
together. A bad choice for many samples: it takes `method.samples` of them at most.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from cmvq_keras.methods.ensemble import PLAIN
from cmvq_keras.methods.method import Method
from cmvq_keras.models import build
from cmvq_keras.recipe import setting

TEMPERATURES = 2.0 ** np.arange(0, 8)


@dataclasses.dataclass(frozen=True)
class RidgeSettings:
    """`penalty`: of the regression's coefficients. `samples`: how many training samples
    it takes at most, the first in their order."""

    penalty: float = setting(0.1, lambda value: 0 < value < math.inf, "a number > 0")
    samples: int = setting(
        2000, lambda value: 1 <= value <= 20_000, "an integer from 1 to 20000"
    )


@dataclasses.dataclass(frozen=True)
class KernelRidge(Method):
    """One training of all modalities, and one of each."""

    # One epoch, in which nothing moves: the regression is solved before it.
    settings: dict = dataclasses.field(
        default_factory=lambda: {
            **PLAIN,
            "training.epochs": 1,
            "training.optimizer": "sgd",
            "training.weight_decay": None,
        }
    )
    on_several_devices: bool = False
    own: type = RidgeSettings

    def reason_against(self, recipe):
        if recipe.task == "segmentation":
            return "it gives one label per sample, this recipe one per pixel"
        return None

    def variants(self, recipe):
        found = {self.name: self.applied(recipe)}
        if len(recipe.modalities) > 1:
            for name in recipe.modalities:
                one = recipe.with_modality(name)
                found[f"{name}-alone-{self.name}"] = self.applied(one)
        return found

    def build_model(self, recipe):
        count = self.values(recipe).samples
        encoders = {
            name: KernelEncoder(count, name=f"{name}_encoder")
            for name in recipe.modalities
        }
        solver = RidgeSolver(len(recipe.outputs), count, name="task_solver")
        return build.classifier(recipe, encoders, solver)

    def prepare(self, model, recipe, splits):
        values = self.values(recipe)
        fit(model, splits["train"], values.penalty)
        temperature = best_temperature(model, splits["validation"])
        model.solver.temperature.assign(temperature)
        return {
            "kernel_ridge": {
                **dataclasses.asdict(values),
                "temperature": temperature,
            }
        }


METHOD = KernelRidge(
    name="kernel-ridge",
    title="kernel ridge",
    source="scikit-learn, sklearn.kernel_ridge.KernelRidge",
    tuned=("method.penalty", (0.01, 0.1, 1.0, 10.0)),
)


@keras.saving.register_keras_serializable("cmvq_keras")
class KernelEncoder(keras.layers.Layer):
    """A Gaussian kernel of the input with each of some training samples.

    Inputs `(batch, ...)`; outputs `(batch, 1, 1, samples)` in [0, 1], float32.

    Args:
        samples: how many there are at most; the others count as 0.
    """

    def __init__(self, samples, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.samples = samples

    def build(self, input_shape):
        size = math.prod(input_shape[1:])
        for name, shape in (
            ("support", (self.samples, size)),
            ("mean", (size,)),
            ("gamma", ()),
        ):
            weight = self.add_weight(
                name=name, shape=shape, initializer="zeros", trainable=False
            )
            setattr(self, name, weight)

    def call(self, inputs):
        flat = ops.reshape(inputs, (-1, self.support.shape[1])) - self.mean
        support = ops.convert_to_tensor(self.support)
        distances = (
            ops.sum(ops.square(flat), axis=1, keepdims=True)
            + ops.sum(ops.square(support), axis=1)
            - 2 * ops.matmul(flat, ops.transpose(support))
        )
        found = ops.exp(-self.gamma * ops.maximum(distances, 0.0))
        return ops.expand_dims(ops.expand_dims(found, 1), 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, self.samples)

    def get_config(self):
        return {**super().get_config(), "samples": self.samples}


@keras.saving.register_keras_serializable("cmvq_keras")
class RidgeSolver(keras.layers.Layer):
    """Outputs of the modalities' summed kernels: temperature times the regression.

    Args:
        num_classes: J, or how many targets there are.
        samples: of each modality's kernel.
    """

    def __init__(self, num_classes, samples, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.num_classes = num_classes
        self.samples = samples

    def build(self, input_shape):
        self.coefficients = self.add_weight(
            name="coefficients",
            shape=(self.samples, self.num_classes),
            initializer="zeros",
            trainable=False,
        )
        self.temperature = self.add_weight(
            name="temperature", shape=(), initializer="ones"
        )

    def call(self, inputs):
        kernels = ops.reshape(
            inputs, (-1, inputs.shape[-1] // self.samples, self.samples)
        )
        found = ops.matmul(ops.sum(kernels, axis=1), self.coefficients)
        # Keras trains something or nothing: it has a gradient, which is 0.
        temperature = ops.convert_to_tensor(self.temperature)
        return found * (ops.stop_gradient(temperature) + 0.0 * temperature)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "samples": self.samples,
        }


def fit(model, split, penalty):
    """Solves the regression and gives the model its weights.

    What is regressed: one-hot labels; -1 or 1 for each class where a sample has
    several; standardized numbers where the labels are numbers.

    Each modality has a kernel of its own, whose width is the median distance of its
    samples; the kernels are summed.

    Args:
        model: as `KernelRidge.build_model` gives it.
        split: the training `Split`.
        penalty: of the coefficients.

    Raises:
        ImportError: without scikit-learn, with what to install.
    """
    try:
        from sklearn.kernel_ridge import KernelRidge as Regression
    except ImportError as error:
        raise ImportError(
            'kernel-ridge needs scikit-learn: pip install "cmvq-keras[report]"'
        ) from error
    y = np.asarray(split.y)[: model.solver.samples]
    kernel = 0.0
    for name in model.modalities:
        encoder = model.encoders[name]
        x = np.asarray(split.x[name][: len(y)], np.float64).reshape(len(y), -1)
        mean = x.mean(axis=0)
        x -= mean
        squares = np.square(x).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
        gamma = 1 / max(np.median(distances), 1e-12)
        kernel = kernel + np.exp(-gamma * distances)
        support = np.zeros(encoder.support.shape, np.float32)
        support[: len(y)] = x
        encoder.support.assign(support)
        encoder.mean.assign(mean.astype(np.float32))
        encoder.gamma.assign(gamma)
    wanted = _regressed(model, y)
    found = Regression(alpha=penalty, kernel="precomputed").fit(kernel, wanted)
    coefficients = np.zeros(model.solver.coefficients.shape, np.float32)
    coefficients[: len(y)] = found.dual_coef_
    model.solver.coefficients.assign(coefficients)


def _regressed(model, y):
    if model.task == "multi-label":
        return 2.0 * y - 1
    if model.task == "regression":
        return (y - np.float64(model.units.offset)) / np.float64(model.units.scale)
    return np.eye(model.solver.num_classes)[y]


def best_temperature(model, split):
    """Of `TEMPERATURES` the one with the lowest cross entropy on a split; 1 for
    numbers."""
    if model.task == "regression":
        return 1.0
    y = np.asarray(split.y)
    x = {name: np.asarray(split.x[name][: len(y)]) for name in model.modalities}
    scores = np.float64(model.predict(x, verbose=0)["task"])
    costs = []
    for temperature in TEMPERATURES:
        logits = scores * temperature
        if model.task == "multi-label":
            costs.append(np.logaddexp(0, np.where(y > 0, -logits, logits)).mean())
            continue
        logits -= logits.max(axis=1, keepdims=True)
        shares = logits[np.arange(len(y)), y] - np.log(np.exp(logits).sum(axis=1))
        costs.append(-shares.mean())
    return float(TEMPERATURES[np.argmin(costs)])
