"""The task's loss, where it is not the default one."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("cmvq_keras")
class FunctionLoss(keras.losses.Loss):
    """A function of labels and logits as a loss, so that sample weights apply.

    Args:
        function: gives one value a label; registered with Keras if the model is to
            be saved and loaded.
    """

    def __init__(self, function, name=None, **kwargs):
        super().__init__(name=name or getattr(function, "__name__", "loss"), **kwargs)
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)

    def get_config(self):
        function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}

    @classmethod
    def from_config(cls, config):
        function = keras.saving.deserialize_keras_object(config.pop("function"))
        return cls(function, **config)


@keras.saving.register_keras_serializable("cmvq_keras")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Softmax cross entropy of labels that leave a share to all classes alike.

    Of logits `(batch, classes)` and integer labels `(batch,)`:
    (1 - s) * -log p(label) + s * mean over the classes of -log p.

    Args:
        smoothing: s, in [0, 1). 0 is the plain cross entropy.

    Reference: Szegedy et al., Rethinking the Inception Architecture, 2016, Section 7.
    """

    def __init__(self, smoothing=0.1, name="smoothed_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= smoothing < 1:
            raise ValueError(f"`smoothing` must be in [0, 1). Received: {smoothing}")
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        labels = ops.cast(y_true, "int32")[..., None]
        log_shares = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        of_label = ops.take_along_axis(log_shares, labels, axis=-1)[..., 0]
        of_all = ops.mean(log_shares, axis=-1)
        return -(1 - self.smoothing) * of_label - self.smoothing * of_all

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable("cmvq_keras")
class ScaledSquaredError(keras.losses.Loss):
    """The mean over the targets of ((label - prediction) / scale) ** 2.

    Labels and predictions are `(batch, targets)`.

    Args:
        scale: of each target, > 0; None for 1.
    """

    def __init__(self, scale=None, name="scaled_squared_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        error = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
        if self.scale is not None:
            error = error / ops.convert_to_tensor(self.scale, "float32")
        return ops.mean(ops.square(error), axis=-1)

    def get_config(self):
        scale = None if self.scale is None else list(self.scale)
        return {**super().get_config(), "scale": scale}


def task_loss(loss):
    """The loss that `compile` was given, as a `keras.losses.Loss` of logits.

    Raises:
        ValueError: for names, dictionaries, losses without a reduction, and Keras's
            own functions and losses that take probabilities.
    """
    own = getattr(loss, "__module__", "").startswith("keras.")
    if isinstance(loss, keras.losses.Loss):
        if loss.reduction in (None, "none"):
            raise ValueError(
                "`loss` must reduce to one number: make it with "
                "reduction='sum_over_batch_size'. Received: reduction="
                f"{loss.reduction!r}"
            )
        if loss.get_config().get("from_logits", True):
            return loss
    elif callable(loss) and not own:
        return FunctionLoss(loss)
    raise ValueError(
        "`loss` must be None, a keras.losses.Loss made with from_logits=True, or a "
        f"function of your own that takes logits. Received: {loss!r}"
    )


def loss_of_counted(loss, labels, logits, counted, sample_weight=None):
    """A loss over the labels that count: their mean, unless it is a sum.

    Args:
        loss: a `keras.losses.Loss` that gives one value a label.
        labels: integers `(batch, ...)`; those that do not count are of any class.
        logits: `(batch, ..., classes)`.
        counted: float32 of the labels' shape: 1 for a label that counts, else 0.
        sample_weight: of the labels' shape, or None.

    Returns:
        A float32 scalar; 0 where no label counts.

    Raises:
        ValueError: for a loss of another shape than the labels'.
    """
    values = ops.cast(loss.call(labels, ops.cast(logits, "float32")), "float32")
    if len(values.shape) != len(labels.shape):
        raise ValueError(
            "With `ignore_class` the loss must give one value per label, of "
            f"{len(labels.shape)} axes. Received: shape {tuple(values.shape)}"
        )
    weights = counted
    if sample_weight is not None:
        weights = counted * ops.cast(sample_weight, "float32")
    # Not 0 * value: a label that does not count may have a value that is not finite.
    total = ops.sum(ops.where(counted > 0, values * weights, 0.0))
    if loss.reduction == "sum":
        return total
    parts = weights if loss.reduction == "mean_with_sample_weight" else counted
    share = ops.sum(parts)
    return ops.where(share > 0, total / ops.where(share > 0, share, 1.0), 0.0)
