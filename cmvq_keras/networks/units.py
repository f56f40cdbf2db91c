"""A regression's outputs in the units of its targets."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("cmvq_keras")
class TargetUnits(keras.Layer):
    """Standardized numbers in the targets' units: x * scale + offset.

    Inputs and outputs are `(batch, targets)`, float32.

    Args:
        offset: of each target, usually the mean of the training data.
        scale: of each target, > 0, usually the standard deviation.
    """

    def __init__(
        self, offset: Sequence[float], scale: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.offset = tuple(map(float, offset))
        self.scale = tuple(map(float, scale))
        if len(self.offset) != len(self.scale) or not all(s > 0 for s in self.scale):
            raise ValueError(
                "`scale` must be numbers > 0, as many as `offset` has. Received: "
                f"offset={offset}, scale={scale}"
            )

    def call(self, inputs):
        scale = ops.convert_to_tensor(self.scale, inputs.dtype)
        return inputs * scale + ops.convert_to_tensor(self.offset, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        offset, scale = list(self.offset), list(self.scale)
        return {**super().get_config(), "offset": offset, "scale": scale}
