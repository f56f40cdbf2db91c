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


def task_loss(loss):
    """The loss that `compile` was given, as a `keras.losses.Loss` of logits.

    Raises:
        ValueError: for names, dictionaries, and Keras's own functions and losses
            that take probabilities.
    """
    own = getattr(loss, "__module__", "").startswith("keras.")
    if isinstance(loss, keras.losses.Loss):
        if loss.get_config().get("from_logits", True):
            return loss
    elif callable(loss) and not own:
        return FunctionLoss(loss)
    raise ValueError(
        "`loss` must be None, a keras.losses.Loss made with from_logits=True, or a "
        f"function of your own that takes logits. Received: {loss!r}"
    )
