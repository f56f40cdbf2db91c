"""On-the-fly gradient modulation: the leading modality's encoder learns more slowly,
in OGM-GE with noise added.

Reference: Peng et al., "Balanced multimodal learning via on-the-fly gradient
modulation", CVPR 2022, Section 3.
"""

import dataclasses
import math
import warnings

import keras
from keras import ops

from cmvq_keras.methods.late_fusion import OfTwo, late_fusion
from cmvq_keras.methods.method import OptimizerSettings
from cmvq_keras.models import labels
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.models.wrapping_optimizer import WrappingOptimizer
from cmvq_keras.recipe import optional, setting

UNDER_ADAM = (
    "OGM multiplies gradients by a factor in each step. Adam divides a gradient by its "
    "own size, so that a factor that stays the same changes nothing, and one that "
    "varies little. As in the paper: method.optimizer=sgd"
)


@dataclasses.dataclass(frozen=True)
class OgmSettings(OptimizerSettings):
    """`alpha`: how strongly a lead slows a modality down. `stop_epoch`: epochs after
    which nothing is modulated."""

    alpha: float = setting(0.8, lambda value: 0 < value < math.inf, "a number > 0")
    stop_epoch: int | None = setting(
        None, optional(lambda value: value >= 1), "epochs >= 1, or none"
    )


@dataclasses.dataclass(frozen=True)
class Ogm(OfTwo):
    """OGM, with or without GE.

    Args:
        noise: whether Gaussian noise is added (GE).
    """

    linear: bool = True
    noise: bool = False
    on_several_devices: bool = False
    own: type = OgmSettings
    # Their README's command for CREMA-D; the modulation ends after 50 of 100 epochs.
    authors: dict = dataclasses.field(
        default_factory=lambda: {
            "alpha": 0.8,
            "stop_epoch": 50,
            "optimizer": "sgd",
            "learning_rate": 1e-3,
            "sgd_momentum": 0.9,
            "weight_decay": 1e-4,
        }
    )

    def build_model(self, recipe):
        alpha = self.values(recipe).alpha
        return late_fusion(recipe, ModulatedFusion, self.linear, alpha=alpha)

    def optimizer(self, optimizer, model, recipe, steps=None):
        inner = super().optimizer(optimizer, model, recipe, steps)
        stop = self.values(recipe).stop_epoch
        if stop is not None:
            stop *= steps
        return wrapped(inner, model, self.noise, recipe.training.seed, stop)

    def prepare(self, model, recipe, splits):
        notes = {**dataclasses.asdict(self.values(recipe)), "noise": self.noise}
        if recipe.training.optimizer != "sgd":
            warnings.warn(UNDER_ADAM, stacklevel=2)
            notes["caution"] = UNDER_ADAM
        return {"ogm": notes}


ALPHAS = ("method.alpha", (0.1, 0.3, 0.8, 1.5))

METHOD = Ogm(
    name="ogm",
    title="OGM",
    source="Peng et al., CVPR 2022, eqs. 8 to 10",
    tuned=ALPHAS,
)

RANK = 3  # kernels of convolutions over time (3) and over pictures (4)


@keras.saving.register_keras_serializable("cmvq_keras")
class ModulatedFusion(MultimodalClassifier):
    """A late fusion that tells its optimizer how far ahead each modality is.

    The optimizer sees gradients alone, so the coefficients are the gradient of the
    weight `modulation`, which adds 0 to the loss and never moves.

    Two modalities and a linear solver with a part "logits".

    Args:
        alpha: > 0, how strongly a lead slows a modality down.
        **kwargs: of `MultimodalClassifier`.
    """

    def __init__(self, *args, alpha=0.8, **kwargs):
        super().__init__(*args, **kwargs)
        self.alpha = alpha

    def build(self, input_shape):
        super().build(input_shape)
        self.modulation = self.add_weight(
            name="modulation",
            shape=(len(self.modalities),),
            initializer="zeros",
            dtype="float32",
            autocast=False,
        )

    def tracked_terms(self):
        return [*super().tracked_terms(), *map(_coefficient, self.modalities)]

    def extra_outputs(self, features, training):
        return {"features": features}

    def loss_terms(self, x, y, y_pred, sample_weight):
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        found = coefficients(self._scores(y, y_pred), self.alpha)
        found = ops.stop_gradient(found)
        still = self.modulation - ops.stop_gradient(self.modulation)
        terms["modulation"] = (ops.sum(found * still), 1.0)
        for index, name in enumerate(self.modalities):
            terms[_coefficient(name)] = (found[index], None)
        return terms

    def _scores(self, y, y_pred):
        """By modality the sum of the probabilities of the true classes."""
        last = self.solver.part("logits")
        kernels = self.channels.split(ops.convert_to_tensor(last.kernel), axis=0)
        bias = ops.convert_to_tensor(last.bias) / len(self.modalities)
        found = labels.align_labels(y, y_pred["task"])
        scores = []
        for name, kernel in kernels.items():
            features = y_pred["features"][name]
            features = ops.reshape(features, (-1, features.shape[-1]))
            logits = ops.matmul(ops.cast(features, "float32"), kernel) + bias
            scores.append(true_class_score(logits, found))
        return ops.stack(scores)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


def true_class_score(logits, y):
    """The sum over a batch of the softmax probability of the true class.

    Args:
        logits: `(batch, classes)`.
        y: `(batch,)` integers.
    """
    shares = ops.softmax(logits, axis=-1)
    return ops.sum(shares * ops.one_hot(y, shares.shape[-1], dtype=shares.dtype))


def coefficients(scores, alpha):
    """k_u = 1 - tanh(alpha rho_u) where rho_u = s_u / s_v exceeds 1, else 1 (eq. 10).

    Args:
        scores: `(2,)`, s of both modalities.
        alpha: > 0.
    """
    ratios = scores / ops.flip(scores)
    return ops.where(ratios > 1, 1 - ops.tanh(alpha * ratios), ops.ones_like(ratios))


@keras.saving.register_keras_serializable("cmvq_keras")
class ModulatingOptimizer(WrappingOptimizer):
    """Scales the gradients of the encoders' kernels, adds noise, hands them on.

    Args:
        inner: the optimizer that takes the steps.
        kernels: by modality, positions of its encoder's convolution kernels in the
            model's trainable variables; see `wrapped`.
        modulation: position there of the weight whose gradient is the coefficients.
        noise: whether to add Gaussian noise of each kernel's gradient's standard
            deviation (GE).
        seed: integer, of the noise.
        stop: steps after which gradients pass as they are; None for never.
    """

    def __init__(
        self,
        inner,
        kernels,
        modulation,
        noise=True,
        seed=None,
        stop=None,
        name=None,
    ):
        super().__init__(inner, name=name)
        self.kernels = [list(positions) for positions in kernels]
        self.modulation = modulation
        self.noise = noise
        self.seed = seed
        self.stop = stop
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Among the optimizer's variables: else JAX draws the same noise every step.
        self.noise_state = self.seed_generator.state

    def apply(self, grads, trainable_variables=None):
        """Takes one step; arguments as in Keras."""
        if not self.built:
            self.build(trainable_variables)
        self.inner.apply(self.modulated(grads), trainable_variables)

    def modulated(self, grads):
        """The gradients that the inner optimizer gets, a list."""
        grads = list(grads)
        found = grads[self.modulation]
        for index, positions in enumerate(self.kernels):
            for position in positions:
                changed = self._changed(grads[position], found[index])
                grads[position] = self._until_stop(changed, grads[position])
        grads[self.modulation] = ops.zeros_like(found)
        return grads

    def _until_stop(self, changed, gradient):
        if self.stop is None:
            return changed
        return ops.where(self.iterations < self.stop, changed, gradient)

    def _changed(self, gradient, coefficient):
        scaled = gradient * ops.cast(coefficient, gradient.dtype)
        if not self.noise:
            return scaled
        draw = keras.random.normal(
            gradient.shape, dtype=gradient.dtype, seed=self.seed_generator
        )
        return scaled + draw * (ops.std(gradient) + 1e-8)

    def get_config(self):
        return {
            **super().get_config(),
            "kernels": self.kernels,
            "modulation": self.modulation,
            "noise": self.noise,
            "seed": self.seed,
            "stop": self.stop,
        }


def wrapped(optimizer, model, noise, seed=None, stop=None):
    """An optimizer for a built `ModulatedFusion`; see `ModulatingOptimizer`."""
    places = {id(v): place for place, v in enumerate(model.trainable_variables)}
    kernels = [
        [
            places[id(v)]
            for v in model.encoders[name].trainable_variables
            if len(v.shape) >= RANK
        ]
        for name in model.modalities
    ]
    return ModulatingOptimizer(
        optimizer, kernels, places[id(model.modulation)], noise, seed, stop
    )


def _coefficient(name):
    return f"{name}_coefficient"
