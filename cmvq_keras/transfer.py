"""From one run to the next: what a training takes over from an earlier one.

As in the published code (METHOD, Section 7, Table 6) encoders, decoders,
pre-quantization and codebooks are copied, moving averages included; the task solver
and the mask start anew.
"""

import dataclasses

import numpy as np
from keras import ops

from cmvq_keras.building import effective
from cmvq_keras.data import npy
from cmvq_keras.run import Run

#: What decides the shapes of the copied weights, beside the modalities' own.
_SIZES = (
    "backbone",
    "hidden_channels",
    "residual_channels",
    "residual_layers",
    "grid",
    "embedding_dim",
    "num_embeddings",
)
_OF_THE_SOLVER = ("solver_units",)
_OF_THE_MASK = ("mask_mode", "threshold")


@dataclasses.dataclass(frozen=True)
class Origin:
    """The run that a training starts from. Use `Origin.open`.

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
            run: the run folder (or an open `Run`); None for no origin.
            recipe: the `Recipe` that is to be trained.
            keep_solver, keep_mask: as in the class.

        Returns:
            The `Origin`, or None.

        Raises:
            FileNotFoundError: when the folder is no finished run.
            ValueError: for modalities or settings that differ; it lists them and
                says how to set them.
        """
        if run is None:
            if keep_solver or keep_mask:
                raise ValueError("keep_solver and keep_mask need a run in init_from.")
            return None
        run = run if isinstance(run, Run) else Run.open(run)
        check_fit(run.recipe, recipe, run.directory, keep_solver, keep_mask)
        return cls(run, keep_solver, keep_mask)

    def note(self):
        """What environment.json says about it, as a dict."""
        recipe = self.run.recipe
        return {
            "folder": str(self.run.directory.resolve()),
            "recipe": recipe.name,
            "classes": list(recipe.classes),
            "weights": npy.checksum(self.run.weights_path),
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


def transfer(source, target, keep_solver=False, keep_mask=False):
    """Copies what two models share: encoders, decoders and codebooks.

    The pre-quantization is the encoders' last layer. A codebook that was copied
    counts as started: no batch replaces it. Random number states are not copied.

    Args:
        source: a built `CMVQVAE`.
        target: another one, with the same modalities or some of them. Nothing of
            it changes when an error is raised.
        keep_solver: whether to copy the task solver, but for its last layer.
        keep_mask: whether to copy the weights of the mask.

    Raises:
        ValueError: for a modality that `source` lacks, and for layers of other
            weights.
    """
    copies = []
    for name in target.modalities:
        if name not in source.modalities:
            raise ValueError(
                f"The source must have the modality {name}. It has "
                f"{', '.join(source.modalities)}."
            )
        for kind in ("encoders", "decoders"):
            old, new = (
                getattr(model, kind)[name].weights for model in (source, target)
            )
            copies += _matched(f"{kind}.{name}", old, new)
        copies += _codebook(name, source.quantizers[name], target.quantizers[name])
    if keep_solver:
        old, new = (_all_but_last(model.solver) for model in (source, target))
        copies += _matched("solver", old, new)
    if keep_mask:
        copies.append((target.mask.channel_weights, _mask_weights(source, target)))
    for variable, value in copies:
        variable.assign(value)


def _matched(what, old, new):
    """Pairs (variable, new value) of two lists of weights, checked."""
    shapes = [
        [(weight.name, tuple(weight.shape)) for weight in side] for side in (old, new)
    ]
    if shapes[0] != shapes[1]:
        odd = next(
            (pair for pair in zip(*shapes, strict=False) if pair[0] != pair[1]), None
        )
        told = f"{odd[0]} and {odd[1]}" if odd else f"{len(old)} and {len(new)} weights"
        raise ValueError(f"{what} must be the same layers in both models: {told}.")
    return list(zip(new, old, strict=True))


def _codebook(name, source, target):
    averaged = source.decay is not None
    if averaged != (target.decay is not None):
        raise ValueError(
            f"quantizers.{name} must both learn by moving averages, or both by "
            f"gradient. Received: decay={source.decay} and decay={target.decay}"
        )
    codes = source.codebook()
    if tuple(codes.shape) != tuple(target.embeddings.shape):
        raise ValueError(
            f"quantizers.{name} must have as many codes of the same depth. Received: "
            f"{tuple(codes.shape)} and {tuple(target.embeddings.shape)}"
        )
    copies = [(target.embeddings, codes)]
    if averaged:
        for state in ("ema_cluster_size", "ema_embeddings"):
            copies.append((getattr(target, state), getattr(source, state)))
    # Only a start from data has these two: a flag, and codes beside the learned ones.
    if hasattr(target, "initialized"):
        copies.append((target.initialized, getattr(source, "initialized", 1.0)))
    if hasattr(target, "start_offset"):
        copies.append((target.start_offset, ops.zeros(codes.shape)))
    return copies


def _all_but_last(solver):
    """The weights of a solver without those of its last layer that has any."""
    layers = getattr(solver, "parts", None) or getattr(solver, "layers", None)
    if not layers:
        raise ValueError(
            "keep_solver needs a solver of layers in a row, as keras.Sequential has. "
            f"Received: {type(solver).__name__}"
        )
    last = [layer for layer in layers if layer.weights][-1]
    left_out = {id(weight) for weight in last.weights}
    return [weight for weight in solver.weights if id(weight) not in left_out]


def _mask_weights(source, target):
    weights = ops.convert_to_numpy(source.mask.channel_weights)
    parts = dict(
        zip(source.modalities, np.split(weights, len(source.modalities)), strict=True)
    )
    kept = np.concatenate([parts[name] for name in target.modalities])
    if kept.shape != tuple(target.mask.channel_weights.shape):
        raise ValueError(
            "The mask must have as many channels a modality in both models. Received: "
            f"{len(kept)} and {target.mask.channel_weights.shape[0]}"
        )
    return kept


def check_fit(origin, recipe, where, keep_solver=False, keep_mask=False):
    """Raises ValueError, in one line, when a recipe cannot start from another's run.

    Encoders expect inputs as they were trained on: a modality's normalization has to
    be the run's too.

    Args:
        origin: the run's `Recipe`.
        recipe: the one to train.
        where: the run's folder, for the message.
        keep_solver, keep_mask: as in `Origin`.
    """
    origin, recipe = effective(origin), effective(recipe)
    faults = _modality_faults(origin, recipe)
    if keep_solver:
        faults += _solver_faults(origin, recipe)
    differing = _differing(origin, recipe, keep_solver, keep_mask)
    faults += [f"{name} is {old} there, {new} here" for name, old, new in differing]
    if not faults:
        return
    hint = " ".join(f"--set {name}={old}" for name, old, _ in differing)
    raise ValueError(
        f"{where} (recipe {origin.name}) does not fit recipe {recipe.name}: "
        + "; ".join(faults)
        + (f". To take the run's: {hint}" if hint else "")
    )


def _modality_faults(origin, recipe):
    faults = []
    for name, modality in recipe.modalities.items():
        other = origin.modalities.get(name)
        if other is None:
            faults.append(f"it lacks the modality {name} (it has {_names(origin)})")
        elif (other.shape, other.kind) != (modality.shape, modality.kind):
            faults.append(
                f"{name} is {other.shape} {other.kind} there, {modality.shape} "
                f"{modality.kind} here"
            )
    return faults


def _solver_faults(origin, recipe):
    faults = []
    if origin.task != recipe.task:
        faults.append(f"its task is {origin.task}")
    if _seen(origin) != _seen(recipe):
        faults.append(f"its solver sees {', '.join(_seen(origin))}")
    return faults


def _differing(origin, recipe, keep_solver, keep_mask):
    """Triples (setting, value there, value here) of what has to be equal."""
    names = [f"model.{name}" for name in _SIZES]
    names += [f"model.{name}" for name in _OF_THE_SOLVER if keep_solver]
    names += [f"model.{name}" for name in _OF_THE_MASK if keep_mask]
    for name in recipe.modalities:
        if name in origin.modalities:
            names += [f"modalities.{name}.{key}" for key in ("offset", "scale")]
    if bool(origin.model.decay) != bool(recipe.model.decay):
        names.append("model.decay")
    old, new = origin.settings(), recipe.settings()
    return [
        (name, *("none" if side[name] is None else side[name] for side in (old, new)))
        for name in names
        if old[name] != new[name]
    ]


def _seen(recipe):
    return recipe.task_modalities or tuple(recipe.modalities)


def _names(recipe):
    return ", ".join(recipe.modalities)
