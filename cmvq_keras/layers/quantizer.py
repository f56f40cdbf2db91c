"""The base of all quantizers: what a model, a report and an export ask of one."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras import registry
from cmvq_keras.backend import kernels

#: Where a file registers its quantizers: see `registry`.
REGISTRY = ("layers", "QUANTIZERS")


class Quantizer(keras.layers.Layer):
    """Base of the layers that replace the vectors of a feature map with codes.

    The channels of a vector form `num_groups` groups of one size, in their order. Each
    group has `num_codes` codes of its own and takes one of them. A vector quantizer has
    one group; a scalar quantizer has a group a channel.

    A subclass gives `num_codes`, `codebook` and `call`, and registers in its own file:
    `QUANTIZERS = {"name": "ClassName"}` makes `model.quantizer=name` known to recipes.
    Counting codes, looking them up, transfer to another model and export then work; a
    subclass overrides them where it knows better.

    Input shape:
        `(batch, ..., depth)`, any float type.

    Output:
        A dictionary: "quantized", of the input's shape and the layer's compute dtype;
        "indices", int32 codes, `(batch, ...)` for one group and
        `(batch, ..., num_groups)` for more; "loss", `(batch,)` float32, one a sample.

    Attributes:
        num_codes: K, how many codes each group has.
        num_groups: groups of channels; known once the layer is built.
    """

    num_codes: int
    num_groups: int = 1
    #: The settings of a recipe's model that decide the shape of the codebook.
    size_settings: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Any, name: str) -> "Quantizer":
        """The layer of a recipe.

        Args:
            settings: `cmvq_keras.recipe.ModelSettings`.
            name: of the layer.
        """
        sizes = {key: getattr(settings, key) for key in cls.size_settings}
        return cls(**sizes, name=name)

    @classmethod
    def describe_codes(cls, settings: Any) -> tuple[int, int]:
        """How many codes a recipe's quantizer has: their number a group, and groups.

        Args:
            settings: as in `from_settings`.
        """
        raise NotImplementedError

    def check_depth(self, input_shape: Sequence[int | None]) -> int:
        """The depth of an input's shape, which the layer takes from now on.

        Raises:
            ValueError: when it is unknown.
        """
        depth = input_shape[-1]
        if len(input_shape) < 2 or depth is None:
            raise ValueError(
                f"{type(self).__name__} needs an input (batch, ..., depth) whose last "
                f"axis is known. Received: shape {tuple(input_shape)}"
            )
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: depth}, dtype=None
        )
        return depth

    def codebook(self) -> Any:
        """The codes, `(num_codes, depth)` float32: row k holds code k of each group."""
        raise NotImplementedError

    def lookup(self, indices: Any) -> Any:
        """The codes of some indices.

        Args:
            indices: as the layer gives them.

        Returns:
            `(batch, ..., depth)` float32.
        """
        codes = self.codebook()
        return self._rows(self._by_group(codes), indices, codes.shape[1])

    def _by_group(self, codes):
        """`(num_codes, depth)` as `(num_groups * num_codes, depth / num_groups)`."""
        if self.num_groups == 1:
            return codes
        width = codes.shape[1] // self.num_groups
        parts = ops.reshape(codes, (-1, self.num_groups, width))
        return ops.reshape(ops.transpose(parts, (1, 0, 2)), (-1, width))

    def _rows(self, table, indices, depth):
        """Rows of a table by group, side by side: `(batch, ..., depth)`."""
        places = method_ops.places_by_group(indices, self.num_codes, self.num_groups)
        found = kernels.rows(table, ops.reshape(places, (-1,)))
        if self.num_groups == 1:
            indices = indices[..., None]
        return self._on_grid(found, indices, depth)

    def _on_grid(self, flat, like, *axes):
        """`(n, ...)` on the grid of a tensor `(batch, ..., channels)`.

        Args:
            flat: what became of the grid's positions, in their order.
            like: the tensor.
            *axes: the sizes of the axes behind the grid.
        """
        grid = like.shape[1:-1]
        if None in grid:
            return ops.reshape(flat, (*ops.shape(like)[:-1], *axes))
        # Not the batch's size: a traced model takes batches of any.
        return ops.reshape(flat, (-1, *grid, *axes))

    def codebook_state(self) -> dict[str, Any]:
        """The variables of a codebook by what they hold: "codes", and with moving
        averages "counts" and "sums". Empty for a quantizer that keeps no such codes."""
        return {}

    def mark_started(self) -> None:
        """Says that the codes are loaded: no batch is to replace them."""

    def transfer_from(self, source: "Quantizer") -> list[tuple[Any, Any]]:
        """What this layer's weights become to quantize as another layer does.

        Args:
            source: a built quantizer.

        Returns:
            Pairs (variable, new value). Nothing is assigned yet.

        Raises:
            ValueError: for another kind of layer or other shapes; a phrase that
                begins with "must".
        """
        kinds = [type(each).__name__ for each in (source, self)]
        if kinds[0] != kinds[1]:
            raise ValueError(f"must be of one kind. Received: {' and '.join(kinds)}")
        if (source.num_codes, source.num_groups) != (self.num_codes, self.num_groups):
            raise ValueError(
                f"must have as many codes in as many groups. Received: "
                f"{source.num_codes} in {source.num_groups} and {self.num_codes} in "
                f"{self.num_groups}"
            )
        shapes = [[tuple(w.shape) for w in each.weights] for each in (source, self)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"must have the same shapes. Received: {shapes}")
        return list(zip(self.weights, source.weights, strict=True))

    def channels_read(self, channels: Sequence[int]) -> np.ndarray:
        """The channels of the input that decide some channels of the output.

        Args:
            channels: positions in [0, depth), increasing.

        Returns:
            Positions in increasing order, among them all of `channels`. All of them,
            unless a subclass knows better.
        """
        return np.arange(self.input_spec.axes[-1])

    def for_inference(self, channels: Sequence[int], name: str) -> keras.layers.Layer:
        """A layer that gives some channels of "quantized", and learns nothing.

        Args:
            channels: positions in [0, depth), increasing.
            name: of the layer.

        Returns:
            A built layer from `(batch, ..., read)`, the channels that `channels_read`
            names, to `(batch, ..., len(channels))` float32.
        """
        read = self.channels_read(channels)
        copy = type(self).from_config(self.get_config())
        positions = np.searchsorted(read, channels).tolist()
        layer = QuantizedChannels(copy, positions, dtype="float32", name=name)
        layer.build((None, len(read)))
        for old, new in zip(self.weights, copy.weights, strict=True):
            new.assign(old)
        return layer

    def in_doubt(self, vectors: np.ndarray) -> np.ndarray:
        """Where float32's rounding can choose another code; nowhere, unless a subclass
        knows better.

        Args:
            vectors: `(batch, ..., depth)`, a numpy array.

        Returns:
            `(batch, ...)` bool, numpy.
        """
        return np.zeros(vectors.shape[:-1], bool)


@keras.saving.register_keras_serializable("cmvq_keras")
class QuantizedChannels(keras.layers.Layer):
    """Some channels of what a quantizer gives at inference: for exported models.

    Args:
        quantizer: a `Quantizer`; nothing of it moves.
        channels: positions of the channels that are handed on.

    Input shape:
        `(batch, ..., depth)`, any float type.

    Output shape:
        `(batch, ..., len(channels))` float32.
    """

    def __init__(
        self, quantizer: Quantizer, channels: Sequence[int], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.quantizer = quantizer
        self.channels = list(channels)

    def build(self, input_shape):
        self.quantizer.build(input_shape)

    def call(self, inputs):
        found = ops.cast(self.quantizer(inputs)["quantized"], "float32")
        if len(self.channels) == found.shape[-1]:
            return found
        return ops.take(found, self.channels, axis=-1)

    def get_config(self):
        quantizer = keras.saving.serialize_keras_object(self.quantizer)
        config = {"quantizer": quantizer, "channels": self.channels}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        quantizer = keras.saving.deserialize_keras_object(config["quantizer"])
        return cls(**{**config, "quantizer": quantizer})


def names():
    """The names of all quantizers that recipes can choose."""
    return registry.names(*REGISTRY)


def get(name):
    """The class of a quantizer by its name.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    return registry.load(*REGISTRY, name)


def codes_of(settings):
    """How many codes a recipe's quantizer has: their number a group, and groups.

    Args:
        settings: `cmvq_keras.recipe.ModelSettings`.
    """
    return get(settings.quantizer_kind).describe_codes(settings)
