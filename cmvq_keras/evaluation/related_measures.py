"""How balanced the modalities of a model are, in the measures of related work.

They stand beside the bits of `cmvq_keras.evaluation.contribution` so that results can
be compared with those papers. None of them is in bits, and none knows a truth.

Reference: Peng et al., Balanced multimodal learning via on-the-fly gradient modulation,
CVPR 2022, eqs. 7 and 8 (discrepancy ratio); Fan et al., PMR, CVPR 2023, Section 3
(ratio of prototypes); Wang, Tran, Feiszli, What makes training multi-modal
classification networks hard?, CVPR 2020, eq. 3 (overfitting to generalization).
"""

import keras
import numpy as np
from keras import ops

from cmvq_keras.batches import Batches, even_batch_size
from cmvq_keras.data.split import Split
from cmvq_keras.evaluation.submodels import submodel
from cmvq_keras.methods.ogm import true_class_score
from cmvq_keras.methods.pmr import class_means, similarity
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.models.wrapping_optimizer import WrappingOptimizer

ALL = "all"


def measure(
    model: MultimodalClassifier,
    train: Split,
    validation: Split,
    *,
    batch_size: int = 128,
) -> dict[str, dict[str, float | None]]:
    """Measures a trained model; its weights stay, its optimizer does not.

    A modality alone is the model's own prediction without the others.

    Args:
        model: a built model whose task sees two modalities or more.
        train: the samples that it was trained on, without augmentation.
        validation: others.
        batch_size: samples a batch.

    Returns:
        By name of the measure, by modality:

        - "discrepancy_ratio": the sum of the true classes' probabilities from the
          modality alone, divided by that of the others on average. Validation.
        - "prototype_ratio": the same with a softmax over minus the distances to the
          classes' mean training features. Validation.
        - "gradient_norm": of the loss in the encoder's weights, the mean over the
          batches of an epoch.
        - "overfitting_to_generalization": the validation loss minus the training loss,
          divided by how far the validation loss lies below that of the training
          classes' frequencies; of all modalities as "all". None where it lies above.

    Raises:
        ValueError: for labels a pixel, and for another task than classification.
    """
    if model.task != "classification" or np.ndim(train.y) != 1:
        raise ValueError(
            "These measures need one class per sample. Received: labels of shape "
            f"{np.shape(train.y)}, for a model of the task {model.task}"
        )
    names = model.task_modalities
    logits = {
        part: {
            key: _logits(model, kept, split, batch_size)
            for key, kept in {**{n: (n,) for n in names}, ALL: names}.items()
        }
        for part, split in (("train", train), ("validation", validation))
    }
    classes = logits["train"][ALL].shape[-1]
    alone = {
        name: float(true_class_score(logits["validation"][name], validation.y))
        for name in names
    }
    return {
        "discrepancy_ratio": _ratios(alone),
        "prototype_ratio": _ratios(
            _prototype_scores(model, train, validation, classes, batch_size)
        ),
        "gradient_norm": gradient_norms(model, train, batch_size),
        "overfitting_to_generalization": {
            key: _overfitting(
                _loss(logits["train"][key], train.y),
                _loss(logits["validation"][key], validation.y),
                _prior_loss(train.y, validation.y, classes),
            )
            for key in (*names, ALL)
        },
    }


def gradient_norms(
    model: MultimodalClassifier, split: Split, batch_size: int = 128
) -> dict[str, float]:
    """By modality the Euclidean norm of the loss's gradient in the encoder's weights,
    the mean over the batches of an epoch.

    The model is compiled anew. Its weights stay, but for what moves without a
    gradient: statistics of batches and codebooks of moving averages.

    Args:
        model: a built model.
        split: the samples.
        batch_size: samples a batch.
    """
    watch = GradientNorms(_places(model))
    model.compile(watch)
    batches = Batches(split.x, split.y, batch_size, shuffle_seed=0)
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    found = ops.convert_to_numpy(watch.norms) / len(batches)
    return dict(zip(model.modalities, found.tolist(), strict=True))


@keras.saving.register_keras_serializable("cmvq_keras")
class GradientNorms(WrappingOptimizer):
    """Adds up the norms of some gradients, and changes no weight.

    Attributes:
        norms: `(groups,)`, the sums over all steps.

    Args:
        places: lists of positions in the trainable variables, one list a group.
    """

    def __init__(self, places, name=None):
        super().__init__(keras.optimizers.SGD(0.0), name=name)
        self.places = [list(each) for each in places]
        self.norms = keras.Variable(np.zeros(len(self.places), "float32"), name="norms")

    def apply(self, grads, trainable_variables=None):
        """Takes one step; arguments as in Keras."""
        if not self.built:
            self.build(trainable_variables)
        grads = list(grads)
        found = [
            ops.sqrt(sum(ops.sum(ops.square(grads[place])) for place in each))
            for each in self.places
        ]
        self.norms.assign_add(ops.cast(ops.stack(found), "float32"))
        self.inner.apply(grads, trainable_variables)


def _places(model):
    """By modality the positions of its encoder's weights among the trainable ones."""
    order = {id(v): place for place, v in enumerate(model.trainable_variables)}
    return [
        [order[id(v)] for v in model.encoders[name].trainable_variables]
        for name in model.modalities
    ]


def _logits(model, kept, split, batch_size):
    missing = [name for name in model.task_modalities if name not in kept]
    return _predicted(submodel(model, missing), split, batch_size)


def _predicted(task, split, batch_size):
    x = {name: split.x[name] for name in task.input}
    batches = Batches(x, split.y, even_batch_size(len(split.y), batch_size))
    return task.predict(batches, verbose=0)


def _prototype_scores(model, train, validation, classes, batch_size):
    found = {}
    for name in model.task_modalities:
        given = keras.Input(train.x[name].shape[1:], name=name)
        encoder = keras.Model({name: given}, model.task_features(name, given))
        features = [
            _predicted(encoder, split, batch_size).reshape(len(split.y), -1)
            for split in (train, validation)
        ]
        # A class that training does not have is far from everything.
        absent = np.full((classes, features[0].shape[1]), 1e6)
        prototypes = class_means(features[0], train.y, absent)
        near = similarity(np.float32(features[1]), prototypes)
        found[name] = float(true_class_score(near, validation.y))
    return found


def _ratios(scores):
    """By modality its score divided by the mean of the others'."""
    total, others = sum(scores.values()), len(scores) - 1
    return {
        name: score / ((total - score) / others) if total > score else None
        for name, score in scores.items()
    }


def _loss(logits, y):
    return float(
        ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
        )
    )


def _prior_loss(train, y, classes):
    counts = np.bincount(train, minlength=classes) + 1
    return float(-np.log(counts[y] / counts.sum()).mean())


def _overfitting(train, validation, start):
    gained = start - validation
    return (validation - train) / gained if gained > 0 else None
