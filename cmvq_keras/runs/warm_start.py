"""The run that a training starts from: opened, checked, noted."""

import dataclasses
import json
import shlex

from cmvq_keras import recipes
from cmvq_keras.data.formats import npy
from cmvq_keras.layers import quantizer
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.runs.run import Run, as_run

#: What decides the shapes of the copied weights, beside the modalities' own.
_SIZES = (
    "backbone",
    "hidden_channels",
    "residual_channels",
    "residual_layers",
    "grid",
    "embedding_dim",
)
_OF_THE_SOLVER = ("solver_units",)
_OF_THE_MASK = ("mask_mode", "threshold")


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """The run that a training starts from. Use `WarmStart.open`.

    Args:
        run: an open `Run`.
        keep_solver: whether the task solver is taken over, but for its last layer.
        keep_mask: whether the mask is taken over.
    """

    run: Run
    keep_solver: bool = False
    keep_mask: bool = False

    @classmethod
    def open(cls, run, recipe, keep_solver=False, keep_mask=False):
        """Opens a run and checks that a recipe's model can start from it.

        Args:
            run: the run folder (or an open `Run`); None for no such run.
            recipe: the `ResolvedRecipe` that is to be trained.
            keep_solver, keep_mask: as in the class.

        Returns:
            The `WarmStart`, or None.

        Raises:
            FileNotFoundError: when the folder is no finished run.
            ValueError: for modalities or settings that differ; it lists them and
                says how to set them.
        """
        if run is None:
            if keep_solver or keep_mask:
                raise ValueError("keep_solver and keep_mask need a run in init_from.")
            return None
        run = as_run(run)
        check_fit(run.recipe, recipe, run.directory, keep_solver, keep_mask)
        return cls(run, keep_solver, keep_mask)

    @classmethod
    def of_run(cls, run):
        """The warm start that a run notes in its environment.json, or None.

        Raises:
            FileNotFoundError, ValueError: when it is not there any more, or not what
                it was.
        """
        noted = run.environment.get("init_from")
        if noted is None:
            return None
        try:
            folder, weights = noted["folder"], noted["weights"]
            kept = bool(noted["keep_solver"]), bool(noted["keep_mask"])
        except (TypeError, KeyError):
            raise ValueError(
                f"{run.directory}: environment.json names no readable init_from"
            ) from None
        found = cls.open(folder, run.recipe, *kept)
        if npy.checksum(found.run.weights_path, found.run.directory) != weights:
            raise ValueError(
                f"{folder} has other weights now than those that {run.directory} "
                "started from"
            )
        return found

    def note(self):
        """What environment.json says about it, as a dict."""
        recipe = self.run.recipe
        return {
            "folder": str(self.run.directory.resolve()),
            "recipe": recipe.name,
            "classes": list(recipe.classes),
            "weights": npy.checksum(self.run.weights_path, self.run.directory),
            "keep_solver": self.keep_solver,
            "keep_mask": self.keep_mask,
        }


def noted_classes(run):
    """The classes of the run that a run was initialised from, or None.

    Args:
        run: an open `Run`; they stand in its environment.json.
    """
    noted = run.environment.get("init_from")
    classes = noted.get("classes") if isinstance(noted, dict) else None
    return classes if isinstance(classes, list) else None


def check_fit(earlier, recipe, where, keep_solver=False, keep_mask=False):
    """Raises ValueError, in one line, when a recipe cannot start from another's run.

    Encoders expect inputs as they were trained on: a modality's normalization has to
    be the run's too.

    Args:
        earlier: the run's `ResolvedRecipe`.
        recipe: the one to train, resolved too.
        where: the run's folder, for the message.
        keep_solver, keep_mask: as in `WarmStart`.
    """
    faults = _modality_faults(earlier, recipe)
    if keep_solver:
        faults += _solver_faults(earlier, recipe)
    differing = _differing(earlier, recipe, keep_solver, keep_mask)
    faults += [f"{name} is {old} there, {new} here" for name, old, new in differing]
    if not faults:
        return
    hint = " ".join(f"--set {_assigned(name, old)}" for name, old, _ in differing)
    raise ValueError(
        f"{where} (recipe {earlier.name}) does not fit recipe {recipe.name}: "
        + "; ".join(faults)
        + (f". To take the run's: {hint}" if hint else "")
    )


def _modality_faults(earlier, recipe):
    faults = []
    for name, modality in recipe.modalities.items():
        other = earlier.modalities.get(name)
        if other is None:
            faults.append(f"it lacks the modality {name} (it has {_names(earlier)})")
        elif (other.shape, other.kind) != (modality.shape, modality.kind):
            faults.append(
                f"{name} is {other.shape} {other.kind} there, {modality.shape} "
                f"{modality.kind} here"
            )
    return faults


def _solver_faults(earlier, recipe):
    faults = []
    if earlier.task != recipe.task:
        faults.append(f"its task is {earlier.task}")
    if _seen(earlier) != _seen(recipe):
        faults.append(f"its solver sees {', '.join(_seen(earlier))}")
    return faults


def _differing(earlier, recipe, keep_solver, keep_mask):
    """Triples (setting, value there, value here) of what has to be equal."""
    names = [f"model.{name}" for name in _SIZES]
    names += [f"model.{name}" for name in _OF_THE_SOLVER if keep_solver]
    names += [f"model.{name}" for name in _OF_THE_MASK if keep_mask]
    for name in recipe.modalities:
        if name in earlier.modalities:
            names += [f"modalities.{name}.{key}" for key in ("offset", "scale")]
    if recipe.model.reconstruction and not earlier.model.reconstruction:
        names.append("model.reconstruction")
    names += _of_the_quantizer(earlier.model, recipe.model)
    old, new = earlier.settings(), recipe.settings()
    return [
        (name, *("none" if side[name] is None else side[name] for side in (old, new)))
        for name in names
        if old[name] != new[name]
    ]


def _of_the_quantizer(old, new):
    kinds = old.quantizer_kind, new.quantizer_kind
    if kinds[0] != kinds[1]:
        # The same word with another decay is another kind.
        return ["model.decay" if old.quantizer == new.quantizer else "model.quantizer"]
    return [f"model.{key}" for key in quantizer.get(kinds[0]).size_settings]


def _seen(recipe):
    return recipe.task_modalities or tuple(recipe.modalities)


def _names(recipe):
    return ", ".join(recipe.modalities)


def with_normalization_of(earlier, recipe):
    """A resolved recipe; an earlier run's offset or scale where its own is "auto"."""
    changed = {
        f"modalities.{name}.{key}": getattr(earlier.modalities[name], key)
        for name, modality in recipe.modalities.items()
        if name in earlier.modalities
        for key in ("offset", "scale")
        if getattr(modality, key) == AUTO
    }
    return recipes.resolve(recipe.with_settings(changed)) if changed else recipe


def _assigned(name, value):
    text = f"{name}={json.dumps(value) if isinstance(value, tuple) else value}"
    return shlex.quote(text)
