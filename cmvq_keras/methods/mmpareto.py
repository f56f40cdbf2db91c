"""MMPareto: an encoder's gradients of the joint loss and of its own head's, combined so
that neither goes against the other.

Both gradients are needed apart, and a backend gives one of the sum. So each encoder has
a twin of the same weights: the joint loss goes back through the encoder, the head's
through the twin, and after each step the twin becomes the encoder again.

Reference: Wei and Hu, "MMPareto: boosting multimodal learning with innocent unimodal
assistance", ICML 2024, Algorithm 1; github.com/GeWu-Lab/MMPareto_ICML2024.
"""

import dataclasses
import math

import keras
from keras import ops

from cmvq_keras.methods.method import DROPOUT
from cmvq_keras.methods.multi_loss import MultiLoss
from cmvq_keras.models import build
from cmvq_keras.models import inputs as model_inputs
from cmvq_keras.models.multi_head import MultiHeadClassifier
from cmvq_keras.models.wrapping_optimizer import WrappingOptimizer
from cmvq_keras.recipe import setting

TINY = 1e-30


@dataclasses.dataclass(frozen=True)
class ParetoSettings:
    """`gamma`: factor of the encoders' gradients. Adam divides it out."""

    gamma: float = setting(1.5, lambda value: 0 < value < math.inf, "a number > 0")


@dataclasses.dataclass(frozen=True)
class MmPareto(MultiLoss):
    """Plain fusion with a head a modality, and encoders that follow both losses."""

    own: type = ParetoSettings
    tuned: tuple = DROPOUT
    on_several_devices: bool = False

    def build_model(self, recipe):
        solver = build.task_solver(recipe)
        twins = {name: build.encoder(recipe, name) for name in recipe.modalities}
        return build.with_heads(recipe, TwinClassifier, solver, twins=twins)

    def optimizer(self, optimizer, model, recipe, steps=None):
        return wrapped(optimizer, model, self.values(recipe).gamma)


METHOD = MmPareto(
    name="mmpareto",
    title="MMPareto",
    source="Wei and Hu, ICML 2024, Algorithm 1",
)


@keras.saving.register_keras_serializable("cmvq_keras")
class TwinClassifier(MultiHeadClassifier):
    """The joint head sees the encoders, each modality's own head the encoder's twin.

    Train it with `wrapped`, which keeps twins and encoders equal.

    Args:
        twins: by modality, an encoder as that of the model.
        **kwargs: of `MultiHeadClassifier`.
    """

    _by_modality_keys = (*MultiHeadClassifier._by_modality_keys, "twins")

    def __init__(self, *args, twins, **kwargs):
        super().__init__(*args, **kwargs)
        self.twins = {name: twins[name] for name in sorted(twins)}

    def build(self, input_shape):
        super().build(input_shape)
        for name, twin in self.twins.items():
            twin(keras.KerasTensor(tuple(input_shape[name])))
            twin.set_weights(self.encoders[name].get_weights())

    def call(self, inputs, training=False):
        outputs = super().call(inputs, training)
        inputs = model_inputs.prepared(inputs, self._input_shapes)
        own = {
            name: self.twins[name](inputs[name], training=training)
            for name in self.modalities
        }
        return {**outputs, **super().extra_outputs(own, training)}

    def extra_outputs(self, features, training):
        return {}


@keras.saving.register_keras_serializable("cmvq_keras")
class ParetoOptimizer(WrappingOptimizer):
    """Gives each encoder one gradient of two, and its twin the encoder's new weights.

    Args:
        inner: the optimizer that takes the steps.
        pairs: by modality, pairs of positions in the model's trainable variables: of an
            encoder's variable and of its twin's; see `wrapped`.
        gamma: factor of the combined gradients, > 0.
    """

    def __init__(self, inner, pairs, gamma=1.5, name=None):
        super().__init__(inner, name=name)
        self.pairs = [[list(pair) for pair in own] for own in pairs]
        self.gamma = gamma

    def apply(self, grads, trainable_variables=None):
        """Takes one step; arguments as in Keras."""
        if not self.built:
            self.build(trainable_variables)
        # TensorFlow's gradient of an embedding is sparse.
        grads = [
            ops.add(gradient, ops.zeros(variable.shape, variable.dtype))
            for gradient, variable in zip(grads, self._trainable_variables, strict=True)
        ]
        self.inner.apply(self.combined(grads), trainable_variables)
        variables = self._trainable_variables
        for own in self.pairs:
            for encoder, twin in own:
                variables[twin].assign(ops.convert_to_tensor(variables[encoder]))

    def combined(self, grads):
        """The gradients that the inner optimizer gets, a list; 0 for the twins."""
        grads = list(grads)
        for own in self.pairs:
            joint = [grads[encoder] for encoder, _ in own]
            unimodal = [grads[twin] for _, twin in own]
            found = combine(joint, unimodal, self.gamma)
            for (encoder, twin), gradient in zip(own, found, strict=True):
                grads[encoder] = gradient
                grads[twin] = ops.zeros_like(gradient)
        return grads

    def get_config(self):
        return {**super().get_config(), "pairs": self.pairs, "gamma": self.gamma}


def combine(joint, unimodal, gamma=1.5):
    """One gradient of two, for all variables of an encoder.

    Where the cosine of both is positive they count alike, alpha = 1/2. Else alpha is
    that of the shortest vector alpha g_joint + (1 - alpha) g_unimodal, which goes
    against neither. Each variable then gets 2 alpha g_joint + 2 (1 - alpha)
    g_unimodal, made as long as g_joint + g_unimodal where it is shorter, times gamma.

    Args:
        joint, unimodal: lists of gradients, one a variable.
        gamma: factor, > 0.

    Returns:
        A list of gradients.
    """
    between = sum(ops.sum(a * b) for a, b in zip(joint, unimodal, strict=True))
    of_joint, of_unimodal = (sum(map(_square, each)) for each in (joint, unimodal))
    apart = of_joint + of_unimodal - 2 * between
    shortest = (of_unimodal - between) / ops.maximum(apart, TINY)
    alpha = ops.where(between > 0, 0.5, ops.clip(shortest, 0.0, 1.0))
    found = []
    for a, b in zip(joint, unimodal, strict=True):
        both = 2 * alpha * a + 2 * (1 - alpha) * b
        longer = ops.sqrt(_square(a + b) / ops.maximum(_square(both), TINY))
        found.append(gamma * ops.maximum(longer, 1.0) * both)
    return found


def _square(gradient):
    return ops.sum(ops.square(gradient))


def wrapped(optimizer, model, gamma=1.5):
    """An optimizer for a built `TwinClassifier`; see `ParetoOptimizer`."""
    places = {id(v): place for place, v in enumerate(model.trainable_variables)}
    pairs = [
        [
            (places[id(encoder)], places[id(twin)])
            for encoder, twin in zip(
                model.encoders[name].trainable_variables,
                model.twins[name].trainable_variables,
                strict=True,
            )
        ]
        for name in model.modalities
    ]
    return ParetoOptimizer(optimizer, pairs, gamma)
