"""Prototypical modal rebalance: the slower modality is drawn to class prototypes.

Reference: Fan et al., "PMR: Prototypical modal rebalance for multimodal learning",
CVPR 2023, Section 3.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from cmvq_keras.batches import Batches
from cmvq_keras.methods.late_fusion import OfTwo, late_fusion
from cmvq_keras.methods.method import OptimizerSettings
from cmvq_keras.models import labels
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.recipe import choice, optional, setting


@dataclasses.dataclass(frozen=True)
class PmrSettings(OptimizerSettings):
    """`alpha`: factor of the prototypical cross entropy. `mu`: factor of the
    prototypical entropy, in the share `early` of the epochs. `pull`: by how far the
    slower modality is behind ("paper"), or all of it ("binary"). `prototype_momentum`:
    share of the prototype before. `share`: of the training samples that make the
    prototypes. `stop_epoch`: epochs after which prototypes no longer count. `linear`:
    whether the classifier is one dense layer."""

    alpha: float = setting(1.0, lambda value: 0 <= value < math.inf, "a number >= 0")
    mu: float = setting(0.01, lambda value: 0 <= value < math.inf, "a number >= 0")
    early: float = setting(0.1, lambda value: 0 <= value <= 1, "in [0, 1]")
    pull: str = choice("paper", "paper", "binary")
    prototype_momentum: float = setting(0.2, lambda value: 0 <= value < 1, "in [0, 1)")
    share: float = setting(0.1, lambda value: 0 < value <= 1, "in (0, 1]")
    stop_epoch: int | None = setting(
        None, optional(lambda value: value >= 1), "epochs >= 1, or none"
    )
    linear: bool = setting(False, lambda value: True, "true or false")


@dataclasses.dataclass(frozen=True)
class Pmr(OfTwo):
    """PMR on the late fusion."""

    on_several_devices: bool = False
    own: type = PmrSettings
    # Their commands for CREMA-D; these choose alpha from 2 to 3, and the last epoch.
    authors: dict = dataclasses.field(
        default_factory=lambda: {
            "alpha": 2.0,
            "mu": 0.0,
            "pull": "binary",
            "prototype_momentum": 0.0,
            "linear": True,
            "optimizer": "sgd",
            "learning_rate": 1e-3,
            "sgd_momentum": 0.9,
            "weight_decay": 1e-4,
        }
    )

    def build_model(self, recipe):
        values = self.values(recipe)
        return late_fusion(
            recipe,
            PrototypeFusion,
            values.linear,
            alpha=values.alpha,
            mu=values.mu,
            binary=values.pull == "binary",
        )

    def prepare(self, model, recipe, splits):
        return {"pmr": dataclasses.asdict(self.values(recipe))}

    def callbacks(self, model, recipe, splits):
        values, settings = self.values(recipe), recipe.training
        return [
            Prototypes(
                splits["train"],
                values.prototype_momentum,
                early=math.ceil(values.early * settings.epochs),
                share=values.share,
                batch_size=settings.batch_size,
                seed=settings.seed,
                stop=values.stop_epoch,
            )
        ]


METHOD = Pmr(
    name="pmr",
    title="PMR",
    source="Fan et al., CVPR 2023, Section 3",
    tuned=("method.alpha", (0.5, 1.0, 2.0, 3.0)),
)


@keras.saving.register_keras_serializable("cmvq_keras")
class PrototypeFusion(MultimodalClassifier):
    """A late fusion of two modalities with losses of prototypes.

    `Prototypes` keeps its weights `prototypes` `(modalities, classes, channels)` and
    `regularizes`: 1 in the early epochs, then 0, and -1 once prototypes no longer
    count.

    Args:
        alpha: factor of the prototypical cross entropy.
        mu: factor of the prototypical entropy in the early epochs.
        binary: whether a modality that is behind is pulled with its whole weight, and
            not by how far it is behind.
        **kwargs: of `MultimodalClassifier`.
    """

    def __init__(self, *args, alpha=1.0, mu=0.01, binary=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.alpha = alpha
        self.mu = mu
        self.binary = binary

    def build(self, input_shape):
        super().build(input_shape)
        name = self.modalities[0]
        depth = self.encoders[name].compute_output_shape(input_shape[name])[-1]
        state = {"trainable": False, "dtype": "float32", "autocast": False}
        self.prototypes = self.add_weight(
            name="prototypes",
            shape=(len(self.modalities), self._outputs_shape[-1], depth),
            initializer="zeros",
            **state,
        )
        self.regularizes = self.add_weight(
            name="regularizes", shape=(), initializer="zeros", **state
        )

    def tracked_terms(self):
        return [
            *super().tracked_terms(),
            *(f"{m}_{kind}" for kind in _LOGGED for m in self.modalities),
        ]

    def extra_outputs(self, features, training):
        return {"features": features}

    def loss_terms(self, x, y, y_pred, sample_weight):
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        found = labels.align_labels(y, y_pred["task"])
        similarities = [
            similarity(_vectors(y_pred["features"][name]), self.prototypes[index])
            for index, name in enumerate(self.modalities)
        ]
        slow = ops.stop_gradient(slowness(similarities, found))
        state = ops.convert_to_tensor(self.regularizes)
        pulled = ops.cast(slow > 0, "float32") if self.binary else slow
        pulled = self.alpha * pulled * ops.cast(state >= 0, "float32")
        held = self.mu * ops.maximum(state, 0.0)
        for index, name in enumerate(self.modalities):
            pull = cross_entropy(similarities[index], found)
            spread = entropy(similarities[index])
            # Of two modalities the one leads by as much as the other is slow.
            lead = slow[1 - index]
            terms[f"{name}_prototype_loss"] = (pull, pulled[index])
            terms[f"{name}_prototype_entropy"] = (spread, -held * lead)
            terms[f"{name}_slowness"] = (slow[index], None)
        return terms

    def get_config(self):
        own = {"alpha": self.alpha, "mu": self.mu, "binary": self.binary}
        return {**super().get_config(), **own}


_LOGGED = ("prototype_loss", "prototype_entropy", "slowness")


def similarity(vectors, prototypes):
    """Minus the Euclidean distance to each prototype, `(batch, classes)`.

    Args:
        vectors: `(batch, channels)` float32.
        prototypes: `(classes, channels)`.
    """
    difference = ops.expand_dims(vectors, 1) - ops.expand_dims(prototypes, 0)
    squares = ops.sum(ops.square(difference), axis=-1)
    # The root has no gradient at 0.
    return -ops.sqrt(ops.maximum(squares, 1e-12))


def cross_entropy(similarities, y):
    """The mean cross entropy of a softmax over similarities."""
    return ops.mean(
        keras.losses.sparse_categorical_crossentropy(y, similarities, from_logits=True)
    )


def entropy(similarities):
    """The mean entropy of a softmax over similarities, in nats."""
    log_shares = ops.log_softmax(similarities, axis=-1)
    return -ops.mean(ops.sum(ops.exp(log_shares) * log_shares, axis=-1))


def slowness(similarities, y):
    """`(2,)`: clip(rho - 1, 0, 1) with rho = the other's score / its own.

    A score is the sum over the batch of the true class's probability.
    """
    classes = similarities[0].shape[-1]
    true = ops.one_hot(y, classes, dtype="float32")
    scores = ops.stack(
        [ops.sum(ops.softmax(each, axis=-1) * true) for each in similarities]
    )
    return ops.clip(ops.flip(scores) / scores - 1, 0, 1)


class Prototypes(keras.callbacks.Callback):
    """Before every epoch: the mean feature of each class, of some training samples.

    Args:
        split: the training `Split`.
        momentum: share of the prototype before, from the second epoch on.
        early: epochs in which the entropy counts.
        share: of the training samples, in (0, 1].
        least: samples a class, on average, that are taken at least.
        batch_size: samples encoded at a time.
        seed: of their choice.
        stop: epochs after which prototypes no longer count; None for never.
    """

    def __init__(
        self,
        split,
        momentum,
        early,
        share=0.1,
        least=20,
        batch_size=64,
        seed=0,
        stop=None,
    ):
        super().__init__()
        self.split = split
        self.momentum = momentum
        self.early = early
        self.share = share
        self.least = least
        self.batch_size = batch_size
        self.seed = seed
        self.stop = stop
        self._encoder = None

    def on_epoch_begin(self, epoch, logs=None):
        model = self.model
        if self.stop is not None and epoch >= self.stop:
            model.regularizes.assign(-1.0)
            return
        before = ops.convert_to_numpy(model.prototypes)
        x, y = self._samples(before.shape[1])
        features = self._features(x)
        fresh = np.stack(
            [
                class_means(features[name], y, before[index])
                for index, name in enumerate(model.modalities)
            ]
        )
        kept = self.momentum if epoch else 0.0
        model.prototypes.assign((1 - kept) * fresh + kept * before)
        model.regularizes.assign(float(epoch < self.early))

    def _samples(self, classes):
        count = len(self.split.y)
        taken = min(count, max(math.ceil(self.share * count), self.least * classes))
        rows = np.random.default_rng(self.seed).permutation(count)[:taken]
        rows = np.sort(rows)
        x = {name: np.asarray(self.split.x[name][rows]) for name in self.split.x}
        return x, np.asarray(self.split.y)[rows]

    def _features(self, x):
        if self._encoder is None:
            model = self.model
            inputs = {m: keras.Input(x[m].shape[1:], name=m) for m in model.modalities}
            outputs = {m: model.encoders[m](inputs[m]) for m in model.modalities}
            self._encoder = keras.Model(inputs, outputs)
        count = len(next(iter(x.values())))
        batches = Batches(x, np.zeros(count, np.int32), self.batch_size)
        found = self._encoder.predict(batches, verbose=0)
        return {name: each.reshape(count, -1) for name, each in found.items()}


def class_means(features, y, absent):
    """The mean of each class's features, `(classes, channels)` float32.

    Args:
        features: `(n, channels)`.
        y: `(n,)` labels.
        absent: `(classes, channels)`, for classes without a sample.
    """
    means = np.array(absent, np.float64)
    for label in np.unique(y):
        means[label] = features[y == label].mean(axis=0, dtype=np.float64)
    return means.astype(np.float32)


def _vectors(features):
    return ops.cast(ops.reshape(features, (-1, features.shape[-1])), "float32")
