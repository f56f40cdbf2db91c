"""The base of every model that is trained here: encoders, a fusion, a task head."""

# pyright: reportCallIssue=false, reportArgumentType=false

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

import cmvq_keras.networks  # noqa: F401  (registers what a saved model is made of)
from cmvq_keras import fileio
from cmvq_keras import metrics as method_metrics
from cmvq_keras.layers import ModalityDropout
from cmvq_keras.models import inputs as model_inputs
from cmvq_keras.models import saved_weights
from cmvq_keras.models.channels import FusedChannels
from cmvq_keras.models.task_model import TaskModel
from cmvq_keras.validation import modality_name_faults


@keras.saving.register_keras_serializable("cmvq_keras")
class MultimodalClassifier(TaskModel):
    """An encoder a modality, their features concatenated, a task head.

    The loss is the softmax cross entropy of the labels. `compile` needs an optimizer
    alone.

    Not a good choice where one modality suffices: train it alone first.

    Subclasses change what the fusion does (`fuse`) and what the task sees of a modality
    (`call`, `task_features`), and add outputs and loss terms (`extra_outputs`,
    `loss_terms`, `tracked_terms`).

    Args:
        encoders: by modality, a layer from an input to a grid
            `(batch, ..., depth)`; the same grid and depth for all.
        solver: a layer from the fused grid to logits `(batch, ..., classes)`.
        task_modalities: names of those that the solver sees; None for all.
        modalities: order of concatenation; by default that of `encoders`.
        ignore_class: label that counts neither in the loss nor in accuracy.
        modality_dropout: share of the training samples for which the solver misses
            one of its modalities, in [0, 1). See `ModalityDropout`.
        task, units: see `cmvq_keras.models.task_model.TaskModel`: "classification"
            (also a label a pixel), "multi-label" or "regression".
        parts: for subclasses: further layers by the name of their attribute, or
            dictionaries of them by modality.

    Call arguments:
        inputs: dictionary by modality, `(batch, ...)` float each.
        training: whether statistics move.

    Returns (of a call):
        A dictionary: "task", logits `(batch, ..., classes)`, and what a subclass
        adds.

    Raises:
        ValueError: when names, grids or depths do not match.
    """

    #: What `reconstruct` and `mix` can decode.
    reconstructions = ()
    # Layers in a config: dictionaries by modality, and single ones.
    _by_modality_keys = ("encoders",)
    _layer_keys = ("solver",)

    def __init__(
        self,
        encoders: Mapping[str, keras.layers.Layer],
        solver: keras.layers.Layer,
        *,
        task_modalities: Sequence[str] | None = None,
        modalities: Sequence[str] | None = None,
        ignore_class: int | None = None,
        modality_dropout: float = 0.0,
        parts: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.modalities = tuple(modalities or encoders)
        if not self.modalities:
            raise ValueError("`encoders` must hold at least one modality. Received: {}")
        for fault in modality_name_faults(self.modalities):
            raise ValueError(f"`encoders`: {fault}. Received: {list(encoders)}")
        self.channels = FusedChannels(self.modalities)
        # Weights files name layers by this order: encoders, a subclass's, solver.
        self._set_part("encoders", encoders)
        self.decoders, self.quantizers = {}, {}
        for attribute, part in (parts or {}).items():
            self._set_part(attribute, part)
        self.solver = solver
        self.task_modalities = tuple(task_modalities or self.modalities)
        unknown = set(self.task_modalities) - set(self.modalities)
        if unknown:
            raise ValueError(
                f"`task_modalities` must be some of {', '.join(self.modalities)}. "
                f"Received: {', '.join(self.task_modalities)}"
            )
        self.modality_dropout = modality_dropout
        self._left_out = None
        if modality_dropout:
            count = len(self.task_modalities)
            self._left_out = ModalityDropout(modality_dropout, count, name="left_out")
        self.depth = None
        self._make_trackers()

    def _set_part(self, attribute, part):
        if isinstance(part, dict):
            # Dictionaries of layers are stored by position: one order for all.
            part = _by_modality(attribute, part, sorted(self.modalities))
        setattr(self, attribute, part)

    def build(self, input_shape):
        model_inputs.check_names(input_shape, self.modalities)
        grids = {}
        for name in self.modalities:
            shape = tuple(input_shape[name])
            grid = self.encoders[name](keras.KerasTensor(shape))
            grids[name] = tuple(grid.shape[1:])
            self.build_modality(name, grid, shape)
        if len(set(grids.values())) > 1:
            raise ValueError(
                "The encoders must all give the same grid and depth. Received: "
                + ", ".join(f"{name} {grid}" for name, grid in grids.items())
            )
        grid = next(iter(grids.values()))
        self.depth = grid[-1]
        logits = self.solve({name: keras.KerasTensor((None, *grid)) for name in grids})
        self._outputs_shape = tuple(logits.shape)
        self._input_shapes = {m: tuple(input_shape[m]) for m in self.modalities}
        self._exclude_from_weight_decay()

    def build_modality(self, name: str, grid: keras.KerasTensor, shape: tuple) -> None:
        """Builds and checks what a subclass has for a modality.

        Args:
            name: the modality.
            grid: the encoder's output, a `keras.KerasTensor`.
            shape: of the input, batch axis included.
        """

    def build_from_config(self, config):
        # Keras's own swallows what build() raises and goes on with random weights.
        if config:
            self.build(config["input_shape"])

    def load_own_variables(self, store):
        super().load_own_variables(store)
        saved_weights.check_complete(self, store)

    def call(self, inputs, training=False):
        features = self.encode(inputs, training)
        return {
            "task": self.solve(features, training=training),
            **self.extra_outputs(features, training),
        }

    def encode(
        self, inputs: Mapping[str, Any], training: bool = False
    ) -> dict[str, Any]:
        """The encoders' outputs by modality; arguments as in `call`."""
        inputs = self.prepared(inputs)
        return {
            name: self.encoders[name](inputs[name], training=training)
            for name in self.modalities
        }

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a call, checked, as the encoders take them."""
        self.check_inputs(inputs)
        return model_inputs.prepared(inputs, self._input_shapes)

    def task_features(self, name: str, inputs: Any) -> Any:
        """What the task may see of a modality, at inference: `(batch, ..., depth)`.

        Args:
            name: the modality.
            inputs: `(batch, ...)`.
        """
        return self.encoders[name](inputs)

    def extra_outputs(
        self, features: Mapping[str, Any], training: bool
    ) -> dict[str, Any]:
        """What `call` gives besides; for subclasses whose loss needs it.

        Args:
            features: the encoders' outputs by modality.
            training: as in `call`.
        """
        return {}

    def fuse(self, grids: Mapping[str, Any], training: bool = False) -> Any:
        """The grids of all modalities as one, `(batch, ..., modalities * depth)`."""
        return self.channels.join(grids)

    def solve(self, grids: Mapping[str, Any], training: bool = False) -> Any:
        """Logits from the grids; a modality that is not there counts as zeros."""
        absent = ops.zeros_like(next(iter(grids.values())))
        grids = {name: grids.get(name, absent) for name in self.modalities}
        fused = self.fuse(grids, training)
        if self.task_modalities != self.modalities:
            seen = FusedChannels(self.task_modalities)
            fused = seen.join(self.channels.split(fused))
        if self._left_out is not None:
            fused = self._left_out(fused, training=training)
        outputs = self.solver(fused, training=training)
        return outputs if self.units is None else self.units(outputs)

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Keras's `export`; arguments as there.

        Raises:
            ValueError: for a format whose writer does not take a whole model, with its
                nested outputs, on this backend. `inference_model` goes to all of them.
        """
        try:
            return super().export(filepath, format=format, **kwargs)
        except ImportError:
            raise
        except Exception as error:
            # Each writer has types of its own, and messages of many lines.
            reason = fileio.printable(str(error).strip().partition("\n")[0])
            raise ValueError(
                f"Keras does not write this whole model as {format}: export "
                "inference_model(), which takes the task's modalities and gives the "
                f"logits. Received: {type(error).__name__}: {reason}"
            ) from error

    def inference_model(self, without: Sequence[str] = ()) -> keras.Model:
        """A plain Keras model from the inputs to the same logits, without decoders.

        It shares this model's weights and takes the task's modalities alone.

        Args:
            without: modalities that it does not take: zeros in their channels.

        Raises:
            ValueError: where none is left.
        """
        self.check_built()
        shapes = self.get_build_config()["input_shape"]
        left = [name for name in self.task_modalities if name not in without]
        if not left:
            raise ValueError(
                "`without` must leave one of the task's modalities "
                f"{', '.join(self.task_modalities)}. Received: {without}"
            )
        inputs, seen = {}, {}
        for name in left:
            inputs[name] = keras.Input(tuple(shapes[name])[1:], name=name)
            seen[name] = self.task_features(name, inputs[name])
        return keras.Model(inputs, self.solve(seen), name=f"{self.name}_inference")

    @property
    def trained_without(self) -> bool:
        """Whether its training also did without a modality, as `inference_model`
        can."""
        return self.modality_dropout > 0

    # What the channels count for: all of them, where nothing is masked.

    def channel_weights(self) -> dict[str, Any]:
        """By modality what the task learned of each channel, `(depth,)` float32."""
        return self.channel_values()

    def channel_values(self, complement: bool = False) -> dict[str, Any]:
        """By modality the factors of each channel at inference, `(depth,)` float32.

        Args:
            complement: those that leave what is kept from the task.
        """
        self.check_built()
        value = np.full(self.depth, 0.0 if complement else 1.0, "float32")
        return dict.fromkeys(self.modalities, value)

    def channel_shares(self) -> dict[str, Any]:
        """By modality how much of each channel counts as complementary,
        `(depth,)` float32."""
        return self.channel_values()

    def complementarity(self) -> dict[str, Any]:
        """Shares of the channels that the task uses, and zeta.

        Returns:
            See `cmvq_keras.metrics.complementarity`.
        """
        return method_metrics.complementarity(self.channel_shares())

    def parts_of(self, name: str) -> dict[str, Any]:
        """What belongs to a modality and is handed on to another model: layers by
        the attribute that holds them.

        Args:
            name: the modality.
        """
        return {"encoders": self.encoders[name]}

    # Decoding: not without decoders.

    def check_can_decode(self) -> None:
        """Raises ValueError for a model without decoders."""
        raise ValueError(
            "The model must have decoders to rebuild its inputs. Received: one without "
            "(model.reconstruction is false)"
        )

    def reconstruct(self, x: Any, features: str = "all", batch_size: int = 128) -> Any:
        """Raises ValueError: see `CMVQVAE.reconstruct`."""
        self.check_can_decode()

    def mix(self, x: Any, batch_size: int = 128) -> Any:
        """Raises ValueError: see `CMVQVAE.mix`."""
        self.check_can_decode()

    def check_built(self) -> None:
        """Raises ValueError for a model without weights."""
        if not self.built:
            raise ValueError(
                "The model has no weights yet: call it on a batch, fit it, or call "
                "build({modality: shape}) first."
            )

    def get_config(self):
        def serialized(layers):
            return {
                name: keras.saving.serialize_keras_object(layers[name])
                for name in self.modalities
            }

        return {
            **super().get_config(),
            **{key: serialized(getattr(self, key)) for key in self._by_modality_keys},
            **{
                key: keras.saving.serialize_keras_object(getattr(self, key))
                for key in self._layer_keys
            },
            "task_modalities": list(self.task_modalities),
            "modalities": list(self.modalities),
            "ignore_class": self.ignore_class,
            "modality_dropout": self.modality_dropout,
            **self._task_config(),
        }

    def _task_config(self):
        if self.task == "classification":
            # As version 0.1.0 wrote it.
            return {}
        units = self.units and keras.saving.serialize_keras_object(self.units)
        return {"task": self.task, "units": units}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = _without_former_keys(cls, config)
        for key in cls._by_modality_keys:
            config[key] = {
                name: keras.saving.deserialize_keras_object(layer, custom_objects)
                for name, layer in config[key].items()
            }
        for key in (*cls._layer_keys, *(["units"] if config.get("units") else ())):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects
            )
        return cls(**config)


def _without_former_keys(kind, config):
    """The config without what version 0.1.0 had in every model: layers (none, or a
    mask that lets everything through), and a choice to compute activations twice."""
    known = (*kind._by_modality_keys, *kind._layer_keys)
    former = {"decoders", "quantizers", "mask", "recompute"}.difference(known)
    return {key: value for key, value in config.items() if key not in former}


def _by_modality(argument, layers, order):
    if sorted(layers) != order:
        raise ValueError(
            f"`{argument}` must have exactly the modalities {', '.join(order)}. "
            f"Received: {', '.join(sorted(layers))}"
        )
    return {name: layers[name] for name in order}
