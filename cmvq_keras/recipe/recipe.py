"""A recipe: everything that defines a run, as one frozen value.

A `Recipe` is data only. It can be printed, changed with `with_settings`,
written as JSON and read back. The functions that read a recipe's raw files
live in the module of the same name in `cmvq_keras.recipes`.
"""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from cmvq_keras.fileio import notebook
from cmvq_keras.recipe import checks, fields, parsing
from cmvq_keras.recipe.modality import Modality
from cmvq_keras.recipe.model_settings import ModelSettings
from cmvq_keras.recipe.target import Target
from cmvq_keras.recipe.training_settings import TrainingSettings

FORMAT = 1
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


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """What to train on what, and how.

    Args:
        name: the recipe's name in kebab-case. It becomes the name of files, as do those
            of modalities: letters, digits, _ and -.
        title: one line on the data.
        modalities: `Modality` by name, in the order of concatenation.
        classes: class names; the label of a sample is an index into them. None for
            regression.
        model: `ModelSettings`.
        training: `TrainingSettings`.
        data: settings of the recipe's own reader, plain values by name.
        task: "classification", "multi-label" (any number of classes a sample),
            "segmentation" (one label a pixel) or "regression" (one number or several).
        preset: the preset that the settings came from.
        task_modalities: the modalities whose features the task solver sees;
            None for all. The published unimodal runs keep the whole model and
            feed one part to the solver (docs/method.md, Section 6).
        method: how it is trained, one of `cmvq_keras.methods.names()`.
        method_settings: the method's own settings that were changed, plain values by
            name; `with_settings` takes them as "method.NAME". The method checks them.
        targets: under regression `Target` by name.

    Raises:
        ValueError: with every invalid setting, one a line.
    """

    name: str
    title: str
    modalities: dict[str, Modality]
    classes: tuple[str, ...] = ()
    model: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    data: dict = dataclasses.field(default_factory=dict)
    task: str = "classification"
    preset: str = "default"
    task_modalities: tuple[str, ...] | None = None
    method: str = "ours"
    method_settings: dict = dataclasses.field(default_factory=dict)
    targets: dict[str, Target] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if wrong := checks.faults(self):
            raise ValueError(f"Recipe {self.name}: " + "\n".join(wrong))

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each of the model's outputs stands for: the classes or targets."""
        return tuple(self.targets or self.classes)

    def __eq__(self, other):
        # A recipe and a resolved one of the same content are equal.
        if not isinstance(other, Recipe):
            return NotImplemented
        return all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in dataclasses.fields(self)
        )

    def _repr_html_(self) -> str:
        """The recipe as a notebook shows it."""
        shapes = (
            f"{name} ({each.kind}, {' x '.join(map(str, each.shape))})"
            for name, each in self.modalities.items()
        )
        rows = [
            ("Task", self.task),
            ("Method", self.method),
            ("Modalities", ", ".join(shapes)),
            ("Targets" if self.targets else "Classes", ", ".join(self.outputs)),
        ]
        valid = self.valid_ranges()
        settings = [
            (name, "none" if value is None else value, valid.get(name, ""))
            for name, value in self.settings().items()
        ]
        table = notebook.table(settings, ("Setting", "Value", "Valid"))
        title = f"Recipe {self.name} ({self.preset}): {self.title}"
        shown = notebook.table(rows), notebook.folded("Settings", table)
        return notebook.titled(title, *shown)

    def differences(self, other: "Recipe") -> list[tuple[str, Any, Any]]:
        """What differs from another recipe: triples (name, value here, value there)."""
        names = ("name", "preset", "method", "method_settings", "task", "classes")
        names += ("task_modalities",)
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        pairs.append(("modalities", list(self.modalities), list(other.modalities)))
        pairs.append(("targets", list(self.targets), list(other.targets)))
        for name in self.modalities.keys() & other.modalities.keys():
            here, there = self.modalities[name], other.modalities[name]
            pairs.append((f"modalities.{name}.shape", here.shape, there.shape))
            pairs.append((f"modalities.{name}.kind", here.kind, there.kind))
        here, there = self.settings(), other.settings()
        pairs += [
            (name, here.get(name), there.get(name)) for name in sorted({*here, *there})
        ]
        return [(name, old, new) for name, old, new in pairs if old != new]

    def sections(self) -> dict[str, Any]:
        """The dataclasses of settings, by the prefix of their dotted names."""
        sections = {"model": self.model, "training": self.training}
        for name, modality in self.modalities.items():
            sections[f"modalities.{name}"] = modality
        for name, target in self.targets.items():
            sections[f"targets.{name}"] = target
        return sections

    def with_settings(self, settings: Mapping[str, Any]) -> "Recipe":
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
                    parsing.plain_value(value)
                )
                continue
            if name not in known:
                faults.append(parsing.unknown(name, known))
                continue
            section, _, key = name.rpartition(".")
            try:
                value = parsing.read(value, self._type_of(name), name)
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
        targets = {
            name: dataclasses.replace(target, **changes.get(f"targets.{name}", {}))
            for name, target in self.targets.items()
        }
        return dataclasses.replace(
            self,
            modalities=modalities,
            targets=targets,
            model=dataclasses.replace(self.model, **changes.get("model", {})),
            training=dataclasses.replace(self.training, **changes.get("training", {})),
            data={**self.data, **changes.get("data", {})},
            method_settings={**self.method_settings, **changes.get("method", {})},
        )

    def check_data(self, known: Mapping[str, Any]) -> None:
        """Raises ValueError unless `data` has known settings, of the known types.

        Args:
            known: values by name, as in the recipe's own module.
        """
        faults = [f"data.{name} is missing" for name in known if name not in self.data]
        for name, value in self.data.items():
            if name not in known:
                names = [f"data.{each}" for each in known]
                faults.append(parsing.unknown(f"data.{name}", names))
            elif not fields.has_type(value, type(known[name])):
                faults.append(
                    f"data.{name} must be of type {type(known[name]).__name__}. "
                    f"Received: {value!r}"
                )
        if faults:
            raise ValueError(f"Recipe {self.name}: " + "\n".join(faults))

    def settings(self) -> dict[str, Any]:
        """Every setting's value by its dotted name.

        A modality's shape and kind are its data's and cannot be set.
        """
        values = {
            f"{prefix}.{field.name}": getattr(section, field.name)
            for prefix, section in self.sections().items()
            for field in dataclasses.fields(section)
            if field.name not in ("shape", "kind")
        }
        values |= {f"data.{key}": value for key, value in self.data.items()}
        own = self.method_settings.items()
        return {**values, **{f"{_OF_METHOD}{key}": value for key, value in own}}

    def valid_ranges(self) -> dict[str, str | None]:
        """What each setting may be, in words, by its dotted name; None where that is
        not noted. Settings of the data are not among them."""
        return {
            f"{prefix}.{field.name}": field.metadata.get("expected")
            for prefix, section in self.sections().items()
            for field in dataclasses.fields(section)
        }

    def _type_of(self, name):
        section, _, key = name.rpartition(".")
        if section == "data":
            return type(self.data[key])
        return typing.get_type_hints(type(self.sections()[section]))[key]

    def with_modality(self, name: str) -> "Recipe":
        """A copy for one modality alone.

        Under preset "code" the model stays whole and only its task solver is
        cut off from the other modalities, as published; else the other
        modalities are not built at all and their data need not exist.
        """
        if name not in self.modalities:
            raise ValueError(parsing.unknown(name, self.modalities, "modality"))
        if self.preset == "code":
            return dataclasses.replace(self, task_modalities=(name,))
        return dataclasses.replace(self, modalities={name: self.modalities[name]})

    def with_method(
        self, name: str, settings: Mapping[str, Any] | None = None
    ) -> "Recipe":
        """A copy that is trained by another method; see `cmvq_keras.methods`.

        Args:
            name: of the method.
            settings: its own settings, by name without "method."; None for none.
        """
        return dataclasses.replace(self, method=name, method_settings=settings or {})

    def to_json(self) -> str:
        """The recipe as JSON text; `Recipe.from_json` reads it."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        if not self.targets:
            # Files of other tasks stay readable by version 0.1.0.
            del content["targets"]
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Recipe":
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
            content[key] = parsing.from_dict(section, content.get(key), key)
        modalities = parsing.mapping(content.get("modalities"), "modalities")
        content["modalities"] = {
            name: parsing.from_dict(Modality, value, f"modalities.{name}")
            for name, value in modalities.items()
        }
        targets = parsing.mapping(content.get("targets", {}), "targets")
        content["targets"] = {
            name: parsing.from_dict(Target, value, f"targets.{name}")
            for name, value in targets.items()
        }
        if "method_settings" not in content and content.get("method") in _ONCE_RESNET18:
            content["model"] = dataclasses.replace(
                content["model"], backbone="resnet18"
            )
        return parsing.from_dict(cls, content, "recipe")
