"""Encoder and decoder for clips: a network of pictures, and a mixture of the times."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cmvq_keras.data.kinds import grids
from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.conv import ConvDecoder, ConvEncoder
from cmvq_keras.networks.kind import KindNetworks

NETWORKS = {"video": "VIDEO"}
VIDEO_AXES = ("batch", "time", "height", "width", "channels")


@keras.saving.register_keras_serializable("cmvq_keras")
class VideoEncoder(parts.Chain):
    """A `ConvEncoder` for every picture, then a 1 x 1 convolution over all times.

    The pictures share their weights. What they give for a place is concatenated over
    the times: conv 1x1 to c, BN, ReLU. A bad choice for clips of many pictures, whose
    last convolution grows with their number.

    Inputs are `(batch, time, height, width, channels)`; outputs `(batch, rows, columns,
    embedding_dim or hidden_channels)`.

    Args:
        hidden_channels: c, a multiple of 4.
        strides: by how much each stage shortens height and width, a pair a stage.
        embedding_dim: D, channels of the last 1 x 1 convolution, named "projection";
            None leaves it out.
    """

    def __init__(
        self,
        hidden_channels: int = 64,
        strides: Sequence = ((2, 2), (2, 2), (2, 2)),
        embedding_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.strides = checks.stages(None, strides)
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        multiple = (1, *checks.shrinkage(self.strides))
        checks.check_axes(self, input_shape, VIDEO_AXES, multiple, known=("time",))

    def make_parts(self, input_shape):
        time, hidden = input_shape[1], self.hidden_channels
        made = [
            EachPicture(dtype=self.dtype_policy, name="each_picture"),
            ConvEncoder(
                hidden, strides=self.strides, dtype=self.dtype_policy, name="pictures"
            ),
            AllTimes(time, dtype=self.dtype_policy, name="all_times"),
            parts.convolution(self, time * hidden, hidden, 1, "conv_time"),
            parts.normalization(self, "bn_time"),
            parts.relu(self, "relu_time"),
        ]
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, hidden, self.embedding_dim, 1, "projection")
            )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            "strides": self.strides,
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class VideoDecoder(parts.Chain):
    """Mirrors `VideoEncoder`: conv 1x1 and ReLU to c for each time, a `ConvDecoder`.

    Inputs are `(batch, rows, columns, channels)`, outputs `(batch, time, height, width,
    output_channels)`.

    Args:
        time: pictures of a clip.
        output_channels: of a picture.
        hidden_channels, strides: as in `VideoEncoder`.
    """

    def __init__(
        self,
        time: int,
        output_channels: int,
        hidden_channels: int = 64,
        strides: Sequence = ((2, 2), (2, 2), (2, 2)),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.time = checks.positive("time", time)
        self.output_channels = checks.positive("output_channels", output_channels)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.strides = checks.stages(None, strides)

    def make_parts(self, input_shape):
        hidden, policy = self.hidden_channels, self.dtype_policy
        return [
            parts.convolution(
                self, input_shape[-1], self.time * hidden, 1, "conv_time"
            ),
            parts.relu(self, "relu_time"),
            EachTime(self.time, dtype=policy, name="each_time"),
            ConvDecoder(
                self.output_channels,
                hidden,
                strides=self.strides,
                dtype=policy,
                name="pictures",
            ),
            Clips(self.time, dtype=policy, name="clips"),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "time": self.time,
            "output_channels": self.output_channels,
            "hidden_channels": self.hidden_channels,
            "strides": self.strides,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class EachPicture(keras.Layer):
    """`(batch, time, ...)` to `(batch * time, ...)`."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[2:])


class _OfTime(keras.Layer):
    """Base of layers that know how many pictures a clip has.

    Args:
        time: how many.
    """

    def __init__(self, time: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.time = checks.positive("time", time)

    def get_config(self):
        return {**super().get_config(), "time": self.time}


@keras.saving.register_keras_serializable("cmvq_keras")
class AllTimes(_OfTime):
    """`(batch * time, rows, columns, c)` to `(batch, rows, columns, time * c)`."""

    def call(self, inputs):
        _, rows, columns, channels = inputs.shape
        clips = ops.reshape(inputs, (-1, self.time, rows, columns, channels))
        clips = ops.transpose(clips, (0, 2, 3, 1, 4))
        return ops.reshape(clips, (-1, rows, columns, self.time * channels))

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[1:3], self.time * input_shape[3])


@keras.saving.register_keras_serializable("cmvq_keras")
class EachTime(_OfTime):
    """`(batch, rows, columns, time * c)` to `(batch * time, rows, columns, c)`."""

    def call(self, inputs):
        _, rows, columns, channels = inputs.shape
        own = channels // self.time
        clips = ops.reshape(inputs, (-1, rows, columns, self.time, own))
        clips = ops.transpose(clips, (0, 3, 1, 2, 4))
        return ops.reshape(clips, (-1, rows, columns, own))

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[1:3], input_shape[3] // self.time)


@keras.saving.register_keras_serializable("cmvq_keras")
class Clips(_OfTime):
    """`(batch * time, ...)` to `(batch, time, ...)`."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.time, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        return (None, self.time, *input_shape[1:])


class VideoNetworks(KindNetworks):
    """Small convolutions, whatever `model.backbone` says of pictures."""

    def autoencoder(self, name, modality, settings):
        time, *picture = modality.shape
        strides = grids.strides(picture, settings.grid)
        hidden, depth = settings.hidden_channels, settings.embedding_dim
        return (
            VideoEncoder(hidden, strides, depth, name=f"{name}_encoder"),
            VideoDecoder(time, picture[-1], hidden, strides, name=f"{name}_decoder"),
        )


VIDEO = VideoNetworks()
