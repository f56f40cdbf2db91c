"""What every network here is made of, with PyTorch's conventions.

The author's networks are PyTorch modules; where Keras differs (default initializers,
padding of strided 3 x 3 windows, batch norm's constants) the difference is kept here
and nowhere else.
"""

import math
from collections.abc import Sequence

import keras

from cmvq_keras import layers
from cmvq_keras.backend import inner_calls, kernels
from cmvq_keras.networks import checks
from cmvq_keras.networks.initializers import pytorch_uniform


class Chain(keras.Layer):
    """Base of the networks: layers one after another, made when the fan-in is known.

    A subclass says in `make_parts(input_shape)` which layers follow each other, and in
    `check_input(input_shape)` what it accepts. Parts carry names of their own;
    `part(name)` returns one.
    """

    def make_parts(self, input_shape):
        """Returns the unbuilt layers in the order in which they are called."""
        raise NotImplementedError

    def check_input(self, input_shape):
        """Raises ValueError for a shape that this network cannot take."""
        checks.check_axes(self, input_shape)

    def build(self, input_shape):
        # A second build would make new weights beside those just loaded.
        if self.built:
            return
        self.check_input(input_shape)
        self.parts = self.make_parts(input_shape)
        shape = input_shape
        for part in self.parts:
            if not part.built:
                part.build(shape)
            shape = part.compute_output_shape(shape)

    def call(self, inputs, training=None):
        return inner_calls.in_turn(self, self.parts, inputs, training)

    def compute_output_shape(self, input_shape):
        self.check_input(input_shape)
        shape = tuple(input_shape)
        for part in self.parts if self.built else self.make_parts(input_shape):
            shape = tuple(part.compute_output_shape(shape))
        return shape

    def part(self, name):
        """Returns the part called `name`.

        Raises:
            ValueError: if the network is not built or has no such part.
        """
        parts = self.parts if self.built else []
        for part in parts:
            if part.name == name:
                return part
        raise ValueError(
            f"{type(self).__name__} must be built and have a part of that name; it "
            f"has {[part.name for part in parts]}. Received: name={name!r}"
        )


@keras.saving.register_keras_serializable("cmvq_keras")
class PaddedMaxPooling2D(keras.Layer):
    """Max-pool 3 x 3, stride 2, padding 1 on both sides, as in PyTorch.

    Keras's "same" pads an even side after its end only, so its windows lie one pixel
    further. Takes and returns `(batch, height, width, channels)`, the sides halved and
    rounded up.

    Reference: docs/method.md, Section 6, audio encoder.
    """

    def call(self, inputs):
        return kernels.max_pool(inputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, *(s and (s + 1) // 2 for s in (height, width)), channels)


def convolution(
    owner,
    inputs,
    filters,
    size,
    name,
    strides: int | Sequence[int] = 1,
    use_bias=True,
    rank=2,
    dtype=None,
):
    """Returns a "same" convolution from `inputs` to `filters` channels.

    Equals PyTorch's symmetric padding for size 3 with stride 1 and, on even sides, for
    size 4 with stride 2. `owner` is the layer whose dtype policy it takes, `rank` the
    number of spatial axes; `size` and `strides` are a number or one a side.
    """
    kind = layers.Conv2D if rank == 2 else keras.layers.Conv1D
    sides = (size,) * rank if isinstance(size, int) else size
    fan_in = inputs * math.prod(sides)
    return kind(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        data_format="channels_last",
        kernel_initializer=pytorch_uniform(fan_in),
        bias_initializer=pytorch_uniform(fan_in),
        dtype=dtype or owner.dtype_policy,
        name=name,
    )


def padded_convolution(owner, inputs, filters, name):
    """Returns the two layers of a 3 x 3 convolution, stride 2, padding 1 on each side.

    "same" would pad an even side after its end only.
    """
    fan_in = 9 * inputs
    return [
        keras.layers.ZeroPadding2D(
            1, data_format="channels_last", dtype=owner.dtype_policy, name=f"{name}_pad"
        ),
        layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="valid",
            data_format="channels_last",
            kernel_initializer=pytorch_uniform(fan_in),
            bias_initializer=pytorch_uniform(fan_in),
            dtype=owner.dtype_policy,
            name=name,
        ),
    ]


def strided(stride):
    """The size of a window that moves by a stride.

    Padding is the same at both ends then, which all frameworks do alike.
    """
    return 2 * stride if stride % 2 == 0 else stride + 2


def transposed_convolution(
    owner, filters, name, rank=2, dtype=None, strides: int | Sequence[int] = 2
):
    """Returns a transposed convolution: it makes each side `strides` times as long.

    Its size is `strided`, 4 for a stride of 2; `strides` is a number or one a side.
    Its initial range follows PyTorch, which takes the fan-in of a transposed kernel
    from the output channels.
    """
    kind = layers.Conv2DTranspose if rank == 2 else keras.layers.Conv1DTranspose
    strides = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    size = tuple(map(strided, strides))
    fan_in = filters * math.prod(size)
    return kind(
        filters,
        size,
        strides=strides,
        padding="same",
        data_format="channels_last",
        kernel_initializer=pytorch_uniform(fan_in),
        bias_initializer=pytorch_uniform(fan_in),
        dtype=dtype or owner.dtype_policy,
        name=name,
    )


def max_pool(owner, stride, name, rank=2):
    """Returns a max-pool over windows of a stride's size; none lies over an end."""
    kind = keras.layers.MaxPooling2D if rank == 2 else keras.layers.MaxPooling1D
    return kind(
        stride, data_format="channels_last", dtype=owner.dtype_policy, name=name
    )


def normalization(owner, name, epsilon=1e-5):
    """Returns a batch norm over the last axis with PyTorch's momentum of 0.1."""
    return layers.BatchNormalization(
        axis=-1, momentum=0.9, epsilon=epsilon, dtype=owner.dtype_policy, name=name
    )


def relu(owner, name):
    """Returns a ReLU."""
    return keras.layers.ReLU(dtype=owner.dtype_policy, name=name)


def dense(owner, inputs, units, name, dtype=None):
    """Returns a dense layer from `inputs` to `units` features."""
    return keras.layers.Dense(
        units,
        kernel_initializer=pytorch_uniform(inputs),
        bias_initializer=pytorch_uniform(inputs),
        dtype=dtype or owner.dtype_policy,
        name=name,
    )


def reshape(owner, target_shape, name):
    """Returns a reshape of everything but the batch."""
    return keras.layers.Reshape(target_shape, dtype=owner.dtype_policy, name=name)


def at_least_float32(owner):
    """Returns the dtype in which `owner` hands out logits: never half precision."""
    return keras.backend.result_type(owner.variable_dtype, "float32")
