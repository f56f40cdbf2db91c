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
from cmvq_keras.models import labels
from cmvq_keras.models.multimodal import MultimodalClassifier


@dataclasses.dataclass(frozen=True)
class Pmr(OfTwo):
    """PMR on the late fusion.

    Args:
        alpha: factor of the prototypical cross entropy (the published code: 1).
        mu: factor of the prototypical entropy; 0.01, ours.
        early: share of the epochs in which it counts; a tenth, ours.
        momentum: share of the prototype before (the published code: 0.2).
        share: of the training samples for the prototypes (the published code: 0.1).
    """

    alpha: float = 1.0
    mu: float = 0.01
    early: float = 0.1
    momentum: float = 0.2
    share: float = 0.1
    on_several_devices: bool = False

    def build_model(self, recipe):
        return late_fusion(recipe, PrototypeFusion, alpha=self.alpha, mu=self.mu)

    def prepare(self, model, recipe, splits):
        names = ("alpha", "mu", "early", "momentum", "share")
        return {"pmr": {name: getattr(self, name) for name in names}}

    def callbacks(self, model, recipe, splits):
        settings = recipe.training
        return [
            Prototypes(
                splits["train"],
                self.momentum,
                early=math.ceil(self.early * settings.epochs),
                share=self.share,
                batch_size=settings.batch_size,
                seed=settings.seed,
            )
        ]


METHOD = Pmr(name="pmr", title="PMR", source="Fan et al., CVPR 2023, Section 3")


@keras.saving.register_keras_serializable("cmvq_keras")
class PrototypeFusion(MultimodalClassifier):
    """A late fusion of two modalities with losses of prototypes.

    `Prototypes` keeps its weights `prototypes` `(modalities, classes, channels)` and
    `regularizes` (1 in the early epochs, else 0).

    Args:
        alpha: factor of the prototypical cross entropy.
        mu: factor of the prototypical entropy in the early epochs.
        **kwargs: of `MultimodalClassifier`.
    """

    def __init__(self, *args, alpha=1.0, mu=0.01, **kwargs):
        super().__init__(*args, **kwargs)
        self.alpha = alpha
        self.mu = mu

    def build(self, input_shape):
        super().build(input_shape)
        name = self.modalities[0]
        depth = self.encoders[name].compute_output_shape(input_shape[name])[-1]
        state = {"trainable": False, "dtype": "float32", "autocast": False}
        self.prototypes = self.add_weight(
            name="prototypes",
            shape=(len(self.modalities), self._num_classes, depth),
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
        for index, name in enumerate(self.modalities):
            pull = cross_entropy(similarities[index], found)
            spread = entropy(similarities[index])
            # Of two modalities the one leads by as much as the other is slow.
            lead = slow[1 - index]
            terms[f"{name}_prototype_loss"] = (pull, self.alpha * slow[index])
            factor = -self.mu * self.regularizes * lead
            terms[f"{name}_prototype_entropy"] = (spread, factor)
            terms[f"{name}_slowness"] = (slow[index], None)
        return terms

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "mu": self.mu}


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
    """

    def __init__(
        self, split, momentum, early, share=0.1, least=20, batch_size=64, seed=0
    ):
        super().__init__()
        self.split = split
        self.momentum = momentum
        self.early = early
        self.share = share
        self.least = least
        self.batch_size = batch_size
        self.seed = seed
        self._encoder = None

    def on_epoch_begin(self, epoch, logs=None):
        model = self.model
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
