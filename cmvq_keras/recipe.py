"""A recipe: everything that defines a run, as one frozen value.

A `Recipe` is data only. It can be printed, changed with `with_settings`,
written as JSON and read back. The functions that read a recipe's raw files
live in the module of the same name in `cmvq_keras.recipes`.
"""

import dataclasses
import json
import math
import re
import sys
import types
import typing

from cmvq_keras import registry, validation

FORMAT = 1
TASKS = ("classification", "segmentation")
#: Axes of a sample, where they are not those of a picture.
AXES = {"sequence": ("steps", "features"), "pose": ("steps", "joints", "features")}
MAX_VALUES = 2**28  # of one sample; what a damaged file states must not fill the memory
PRESETS = ("default", "paper", "code", "calibrated")
# In files of version 0.1.0 these trained a ResNet18 whatever model.backbone said.
_ONCE_RESNET18 = (
    "late-fusion",
    "late-fusion-linear",
    "gradient-blending",
    "ogm",
    "ogm-ge",
    "pmr",
)
_OF_METHOD = "method."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def setting(default, test, expected):
    """A dataclass field that knows its valid range."""
    return dataclasses.field(
        default=default, metadata={"test": test, "expected": expected}
    )


def choice(default, *allowed):
    """A dataclass field that takes one of some words (or None)."""
    words = ", ".join("none" if word is None else word for word in allowed)
    return setting(default, lambda value: value in allowed, f"one of {words}")


def positive_integer(default):
    """A dataclass field for a whole number from 1 up."""
    return setting(default, lambda value: 1 <= value < 2**31, "an integer >= 1")


def optional(test):
    """A test that None passes too."""
    return lambda value: value is None or test(value)


@dataclasses.dataclass(frozen=True)
class Modality:
    """One input: its shape without the batch axis, its kind, its normalization.

    A raw value v enters the network as (v - offset) / scale.
    """

    shape: tuple[int, ...]
    kind: str = choice("image", "image", "audio", "pose", "depth", "sequence")
    offset: float = setting(0.0, math.isfinite, "a finite number")
    scale: float = setting(1.0, lambda value: 0 < value < math.inf, "a number > 0")


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """The network (docs/method.md, Sections 5 and 6) and its mask (Section 2)."""

    backbone: str = choice("vqvae", "vqvae", "conv", "resnet18")
    head: str = choice("flat", "flat", "pooled")
    hidden_channels: int = setting(
        128,
        lambda value: 8 <= value <= 4096 and value % 4 == 0,
        "a multiple of 4 from 8 to 4096",
    )
    residual_channels: int = setting(
        32, lambda value: 4 <= value <= 4096, "from 4 to 4096"
    )
    residual_layers: int = setting(2, lambda value: 0 <= value <= 100, "from 0 to 100")
    grid: int = positive_integer(32)
    embedding_dim: int = setting(
        64,
        lambda value: 2 <= value <= 4096 and value % 2 == 0,
        "an even integer from 2 to 4096",
    )
    quantizer: str = choice("ema", *registry.names("layers", "QUANTIZERS"))
    num_embeddings: int = setting(
        512, lambda value: 2 <= value <= 2**20, "from 2 to 1048576"
    )
    groups: int = positive_integer(1)
    levels: int = setting(8, lambda value: 2 <= value <= 2**16, "from 2 to 65536")
    commitment_cost: float = setting(
        0.25, lambda value: 0 <= value < math.inf, "a number >= 0"
    )
    decay: float | None = setting(
        0.99, optional(lambda value: 0 <= value < 1), "in [0, 1), or none"
    )
    codebook_start: str = choice("batch", "reference", "batch", "kmeans")
    revival_threshold: float = setting(0.01, lambda value: 0 <= value < 1, "in [0, 1)")
    reconstruction: bool = setting(True, lambda value: True, "true or false")
    mask_mode: str = choice(
        "binary", "binary", "ternary", "attention", "random", "none"
    )
    mask_start: float = setting(0.01, math.isfinite, "a finite number")
    threshold: float = setting(0.005, math.isfinite, "a finite number")
    penalty: str = choice("sum", "sum", "l1")
    penalty_weight: float = setting(
        1e-4, lambda value: 0 <= value < math.inf, "a number >= 0"
    )
    mask_clamp: float | None = setting(
        None, optional(lambda value: 0 < value < math.inf), "a number > 0, or none"
    )
    modality_dropout: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    solver_units: int = positive_integer(256)
    dropout: float = setting(0.5, lambda value: 0 <= value < 1, "in [0, 1)")

    @property
    def quantizer_kind(self) -> str:
        """The quantizer that is built: without a decay the codes of "ema" learn by
        gradient. A decay of 0 is the published code's word for none."""
        if self.quantizer == "ema" and not self.decay:
            return "gradient"
        return self.quantizer


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Optimizer, schedule, batches, and how the kept epoch is chosen.

    `limit` takes the first samples of each split in a seeded order, in training
    and in evaluation alike. `mirror` is the share of training samples that are
    mirrored left to right, drawn anew in every epoch. `accumulation_steps` batches give
    one step of the optimizer, by their mean gradient; batch norms and moving codebooks
    still see, and follow, each batch by itself. `recompute` takes less memory and more
    time.
    """

    optimizer: str = choice("adam", "adam", "adamw", "sgd")
    learning_rate: float = setting(
        1e-3, lambda value: 0 < value < math.inf, "a number > 0"
    )
    momentum: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    schedule: str = choice("constant", "constant", "cosine", "one-cycle")
    weight_decay: float | None = setting(
        None, optional(lambda value: 0 <= value < math.inf), "a number >= 0, or none"
    )
    label_smoothing: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    augmentation: bool = setting(False, lambda value: True, "true or false")
    clip_norm: float | None = setting(
        None, optional(lambda value: 0 < value < math.inf), "a number > 0, or none"
    )
    class_weight: str | None = choice(None, None, "balanced")
    batch_size: int = positive_integer(128)
    accumulation_steps: int = positive_integer(1)
    recompute: bool = setting(False, lambda value: True, "true or false")
    epochs: int = positive_integer(100)
    early_stopping: int | None = setting(
        None, optional(lambda value: value >= 1), "epochs >= 1, or none"
    )
    select_by: str = choice("accuracy", "accuracy", "task_loss", "mean_iou")
    mirror: float = setting(0.0, lambda value: 0 <= value <= 1, "in [0, 1]")
    precision: str = choice("float32", "float32", "mixed_float16", "mixed_bfloat16")
    limit: int | None = setting(
        None, optional(lambda value: value >= 1), "samples >= 1, or none"
    )
    seed: int = setting(0, lambda value: 0 <= value < 2**31, "in [0, 2**31)")


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """What to train on what, and how.

    Args:
        name: the recipe's name in kebab-case. It becomes the name of files, as do those
            of modalities: letters, digits, _ and -.
        title: one line on the data.
        modalities: `Modality` by name, in the order of concatenation.
        classes: class names; the label of a sample is an index into them.
        model: `ModelSettings`.
        training: `TrainingSettings`.
        data: settings of the recipe's own reader, plain values by name.
        task: "classification" or "segmentation" (one label a pixel).
        preset: the preset that the settings came from.
        task_modalities: the modalities whose features the task solver sees;
            None for all. The published unimodal runs keep the whole model and
            feed one part to the solver (docs/method.md, Section 6).
        method: how it is trained, one of `cmvq_keras.methods.names()`.
        method_settings: the method's own settings that were changed, plain values by
            name; `with_settings` takes them as "method.NAME". The method checks them.

    Raises:
        ValueError: with every invalid setting, one a line.
    """

    name: str
    title: str
    modalities: dict[str, Modality]
    classes: tuple[str, ...]
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    data: dict = dataclasses.field(default_factory=dict)
    task: str = "classification"
    preset: str = "default"
    task_modalities: tuple[str, ...] | None = None
    method: str = "ours"
    method_settings: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        named = {"a recipe": [self.name], "a modality": self.modalities}
        wrong = [
            f"{what} needs a name of letters, digits, _ and -. Received: {name!r}"
            for what, names in named.items()
            for name in names
            if not (isinstance(name, str) and _NAME.fullmatch(name))
        ]
        # Keras's history holds the validation values of X under val_X.
        wrong += [
            f"a modality must not have the name val_{name} beside {name}: they would "
            "share columns of the history"
            for name in self.modalities
            if f"val_{name}" in self.modalities
        ]
        for prefix, section in self._sections().items():
            wrong += faults(section, prefix)
        for name, allowed in (("task", TASKS), ("preset", PRESETS)):
            if getattr(self, name) not in allowed:
                wrong.append(
                    f"{name} must be one of {', '.join(allowed)}. Received: "
                    f"{getattr(self, name)!r}"
                )
        if self.training.select_by == "mean_iou" and self.task != "segmentation":
            wrong.append(
                "training.select_by must be accuracy or task_loss for "
                f"{self.task}. Received: 'mean_iou'"
            )
        if self.training.label_smoothing and self.task == "segmentation":
            wrong.append(
                "training.label_smoothing must be 0 for segmentation. Received: "
                f"{self.training.label_smoothing}"
            )
        groups, depth = self.model.groups, self.model.embedding_dim
        if all(isinstance(each, int) and each > 0 for each in (groups, depth)) and (
            depth % groups
        ):
            wrong.append(
                f"model.groups must divide model.embedding_dim {depth}. Received: "
                f"{groups}"
            )
        if not isinstance(self.data, dict):
            wrong.append(f"data must hold settings by name. Received: {self.data!r}")
        if not _are_plain(self.method_settings):
            wrong.append(
                "method_settings must hold plain values by name. "
                f"Received: {self.method_settings!r}"
            )
        if not isinstance(self.title, str):
            wrong.append(f"title must be a line of text. Received: {self.title!r}")
        listed = isinstance(self.classes, (tuple, list))
        if not listed or not all(isinstance(name, str) for name in self.classes):
            wrong.append(f"classes must be names. Received: {self.classes!r}")
        if not self.modalities:
            wrong.append("a recipe needs at least one modality. Received: none")
        if listed and len(self.classes) < 2:
            wrong.append(
                f"a recipe needs at least two classes. Received: {self.classes}"
            )
        unknown = set(self.task_modalities or ()) - set(self.modalities)
        if unknown or self.task_modalities == ():
            wrong.append(
                f"task_modalities must name some of {', '.join(self.modalities)}. "
                f"Received: {self.task_modalities}"
            )
        if wrong:
            raise ValueError(f"Recipe {self.name}: " + "\n".join(wrong))

    def __eq__(self, other):
        # A recipe and a resolved one of the same content are equal.
        if not isinstance(other, Recipe):
            return NotImplemented
        return all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in dataclasses.fields(self)
        )

    def differences(self, other):
        """What differs from another recipe: triples (name, value here, value there)."""
        names = ("name", "preset", "method", "method_settings", "task", "classes")
        names += ("task_modalities",)
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        pairs.append(("modalities", list(self.modalities), list(other.modalities)))
        for name in self.modalities.keys() & other.modalities.keys():
            here, there = self.modalities[name], other.modalities[name]
            pairs.append((f"modalities.{name}.shape", here.shape, there.shape))
            pairs.append((f"modalities.{name}.kind", here.kind, there.kind))
        here, there = self.settings(), other.settings()
        pairs += [
            (name, here.get(name), there.get(name)) for name in sorted({*here, *there})
        ]
        return [(name, old, new) for name, old, new in pairs if old != new]

    def _sections(self):
        sections = {"model": self.model, "training": self.training}
        for name, modality in self.modalities.items():
            sections[f"modalities.{name}"] = modality
        return sections

    def with_settings(self, settings):
        """A copy with some settings changed.

        Args:
            settings: values by dotted name, e.g. `{"model.threshold": 0.01,
                "training.epochs": 5, "data.seed": 1}`. A string is read as the
                setting's own type, so that command line values work.

        Raises:
            ValueError: for unknown names (with the nearest known one) and for
                values out of range, all of them together.
        """
        changes, faults = {}, []
        known = self.settings()
        for name, value in settings.items():
            if name.startswith(_OF_METHOD):
                changes.setdefault("method", {})[name.removeprefix(_OF_METHOD)] = (
                    _plain_value(value)
                )
                continue
            if name not in known:
                faults.append(_unknown(name, known))
                continue
            section, _, key = name.rpartition(".")
            try:
                value = _read(value, self._type_of(name), name)
            except ValueError as error:
                faults.append(str(error))
            else:
                changes.setdefault(section, {})[key] = value
        if faults:
            raise ValueError("\n".join(faults))
        modalities = {
            name: dataclasses.replace(modality, **changes.get(f"modalities.{name}", {}))
            for name, modality in self.modalities.items()
        }
        return dataclasses.replace(
            self,
            modalities=modalities,
            model=dataclasses.replace(self.model, **changes.get("model", {})),
            training=dataclasses.replace(self.training, **changes.get("training", {})),
            data={**self.data, **changes.get("data", {})},
            method_settings={**self.method_settings, **changes.get("method", {})},
        )

    def check_data(self, known):
        """Raises ValueError unless `data` has known settings, of the known types.

        Args:
            known: values by name, as in the recipe's own module.
        """
        faults = [f"data.{name} is missing" for name in known if name not in self.data]
        for name, value in self.data.items():
            if name not in known:
                names = [f"data.{each}" for each in known]
                faults.append(_unknown(f"data.{name}", names))
            elif not _has_type(value, type(known[name])):
                faults.append(
                    f"data.{name} must be of type {type(known[name]).__name__}. "
                    f"Received: {value!r}"
                )
        if faults:
            raise ValueError(f"Recipe {self.name}: " + "\n".join(faults))

    def settings(self):
        """Every setting's value by its dotted name.

        A modality's shape and kind are its data's and cannot be set.
        """
        values = {
            f"{prefix}.{field.name}": getattr(section, field.name)
            for prefix, section in self._sections().items()
            for field in dataclasses.fields(section)
            if field.name not in ("shape", "kind")
        }
        values |= {f"data.{key}": value for key, value in self.data.items()}
        own = self.method_settings.items()
        return {**values, **{f"{_OF_METHOD}{key}": value for key, value in own}}

    def valid_ranges(self):
        """What each setting may be, in words, by its dotted name; None where that is
        not noted. Settings of the data are not among them."""
        return {
            f"{prefix}.{field.name}": field.metadata.get("expected")
            for prefix, section in self._sections().items()
            for field in dataclasses.fields(section)
        }

    def _type_of(self, name):
        section, _, key = name.rpartition(".")
        if section == "data":
            return type(self.data[key])
        return typing.get_type_hints(type(self._sections()[section]))[key]

    def with_modality(self, name):
        """A copy for one modality alone.

        Under preset "code" the model stays whole and only its task solver is
        cut off from the other modalities, as published; else the other
        modalities are not built at all and their data need not exist.
        """
        if name not in self.modalities:
            raise ValueError(_unknown(name, self.modalities, "modality"))
        if self.preset == "code":
            return dataclasses.replace(self, task_modalities=(name,))
        return dataclasses.replace(self, modalities={name: self.modalities[name]})

    def with_method(self, name, settings=None):
        """A copy that is trained by another method; see `cmvq_keras.methods`.

        Args:
            name: of the method.
            settings: its own settings, by name without "method."; None for none.
        """
        return dataclasses.replace(self, method=name, method_settings=settings or {})

    def to_json(self):
        """The recipe as JSON text; `Recipe.from_json` reads it."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text):
        """Reads what `to_json` wrote.

        Raises:
            ValueError: for text that is no recipe, unknown keys, wrong types
                and values out of range.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ValueError(f"A recipe must be JSON. Received: {error}") from None
        found = content.pop("format", None) if isinstance(content, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise ValueError(
                f"A recipe of format {found} needs a later version of cmvq-keras. This "
                f"one reads format {FORMAT}."
            )
        if found != FORMAT:
            raise ValueError(
                f'A recipe must be a JSON object with "format": {FORMAT}; this file '
                "comes from another tool or another version."
            )
        sections = {"model": ModelSettings, "training": TrainingSettings}
        for key, section in sections.items():
            content[key] = _from_dict(section, content.get(key), key)
        modalities = _mapping(content.get("modalities"), "modalities")
        content["modalities"] = {
            name: _from_dict(Modality, value, f"modalities.{name}")
            for name, value in modalities.items()
        }
        if "method_settings" not in content and content.get("method") in _ONCE_RESNET18:
            content["model"] = dataclasses.replace(
                content["model"], backbone="resnet18"
            )
        return _from_dict(cls, content, "recipe")


def faults(section, prefix):
    """One line for each invalid setting of a dataclass.

    Args:
        section: an instance whose fields `setting` made.
        prefix: of the settings' dotted names.
    """
    wrong = []
    hints = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if field.name == "shape":
            axes = AXES.get(section.kind, ("height", "width", "channels"))
            listed = isinstance(value, (tuple, list)) and len(value) == len(axes)
            whole = listed and all(type(size) is int for size in value)
            valid = whole and min(value) > 0 and math.prod(value) <= MAX_VALUES
            expected = (
                f"({', '.join(axes)}), positive integers, {MAX_VALUES:,} values in all "
                "at most"
            )
        else:
            expected = field.metadata["expected"]
            valid = _has_type(value, hints[field.name]) and field.metadata["test"](
                value
            )
        if not valid:
            wrong.append(
                f"{prefix}.{field.name} must be {expected}. Received: {value!r}"
            )
    return wrong


def _are_plain(settings):
    """Whether these are plain values by name."""
    return isinstance(settings, dict) and all(
        isinstance(name, str)
        and (value is None or isinstance(value, (bool, int, float, str)))
        for name, value in settings.items()
    )


def _plain_value(value):
    """A command line's text as the number or word that it stands for."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "none":
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, (bool, int, float)) else value


def _alternatives(kind):
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _has_type(value, kind):
    for alternative in _alternatives(kind):
        if alternative is float and isinstance(value, int):
            # JSON's whole numbers may be larger than any float.
            return not isinstance(value, bool) and abs(value) <= sys.float_info.max
        if alternative is int and isinstance(value, bool):
            continue
        if isinstance(value, typing.get_origin(alternative) or alternative):
            return True
    return False


def _read(value, kind, name):
    """`value` as the type of its setting; strings are parsed."""
    alternatives = _alternatives(kind)
    if isinstance(value, str):
        if value.strip().lower() == "none" and type(None) in alternatives:
            return None
        if str not in alternatives:
            value = _parse_number(value, alternatives)
    if not any(_has_type(value, alternative) for alternative in alternatives):
        names = " or ".join(
            "none" if alternative is type(None) else alternative.__name__
            for alternative in alternatives
        )
        raise ValueError(f"{name} must be of type {names}. Received: {value!r}")
    return value


def _parse_number(text, alternatives):
    try:
        number = json.loads(text)
    except ValueError:
        return text
    if int in alternatives and isinstance(number, float) and number.is_integer():
        return int(number)
    return number


def _mapping(value, name):
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a JSON object. Received: {value!r}")
    return value


def _from_dict(cls, value, name):
    known = {field.name for field in dataclasses.fields(cls)}
    for key in _mapping(value, name):
        if key not in known:
            raise ValueError(_unknown(f"{name}.{key}", [f"{name}.{k}" for k in known]))
    # JSON has no tuples.
    frozen = {
        key: tuple(item) if isinstance(item, list) else item
        for key, item in value.items()
    }
    try:
        return cls(**frozen)
    except TypeError as error:
        raise ValueError(f"{name} is not complete: {error}") from None


def _unknown(name, known, what="setting"):
    return f"Unknown {what} {name}. {validation.did_you_mean(name, known)}"
