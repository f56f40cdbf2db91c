"""From a run folder to a file."""

# pyright: reportArgumentType=false

import dataclasses
import os
import pathlib

import keras

from cmvq_keras import __version__
from cmvq_keras.data import kinds
from cmvq_keras.data.split import normalize
from cmvq_keras.exporting import checking, cutting, formats, writing
from cmvq_keras.fileio import replacing_path, to_json, write_atomically
from cmvq_keras.old_names import keyword_only
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run, as_run


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the file, or the folder of a SavedModel.
        facts: what stands in the JSON file beside it.
        depth: channels of a modality in the run's model.
        parameters: of the run's model and of the exported one, with codebooks.
        difference: the largest one of their logits, on made-up samples.
        differing: how many of these differ by more than 1e-5 of the largest logit,
            for a feature that lies as near to two codes.
    """

    path: pathlib.Path
    facts: dict
    depth: int
    parameters: tuple[int, int]
    difference: float
    differing: int


@keyword_only
def export(
    run: str | os.PathLike | Run,
    path: str | os.PathLike,
    *,
    format: str = "keras",
    force: bool = False,
) -> Exported:
    """Writes the way from a run's inputs to its logits as one file.

    The file takes raw values: the recipe's normalization is inside. It computes in
    float32, also where the run was trained in half precision. Its logits are compared
    with the run's, in float32, before it gets its name. See docs/export.md.

    Args:
        run: the run folder (or an open `Run`).
        path: the file to write, or for "saved-model" the folder. Beside it a JSON file
            of the same name and `.json` says what it takes and gives.
        format: "keras" (on every backend), "onnx" (PyTorch writes it) or
            "saved-model" (TensorFlow).
        force: whether a file that is there is replaced.

    Returns:
        An `Exported`.

    Raises:
        FileNotFoundError: when the run or the folder above `path` is missing.
        FileExistsError: when `path` is there and not to be replaced.
        ImportError: for packages that the format needs, with what to install.
        ValueError: for a format that this backend does not write, when the mask lets
            no channel through, and when the file does not give the run's logits.
    """
    run = as_run(run)
    path = formats.check_path(format, path, force)
    formats.check_backend(format, keras.config.backend())
    recipe = run.recipe
    model = load_model(run, precision="float32")
    small = cutting.cut(model, recipe.modalities)
    facts = describe(recipe, model, small)
    x = checking.made_up(recipe.modalities, model.task_modalities)
    with replacing_path(path) as temporary:
        writing.write(small, format, temporary, facts)
        taken = {name: x[name] for name in small.input}
        logits = writing.logits_of(format, temporary, taken)
        normal = {name: normalize(x[name], recipe.modalities[name]) for name in x}
        difference, differing = checking.compare(model, normal, logits)
        write_atomically(formats.facts_path(path), to_json(facts))
    counts = model.count_params(), small.count_params()
    return Exported(path, facts, model.depth, counts, difference, differing)


def describe(recipe, model, small):
    """What an exported model takes and gives, plain values for JSON.

    Args:
        recipe: the run's `Recipe`.
        model: its `CMVQVAE`.
        small: the exported model.
    """
    kept = cutting.kept_channels(model)
    return {
        "made_by": f"cmvq-keras {__version__}",
        "recipe": recipe.name,
        "task": recipe.task,
        **({"targets": list(recipe.targets)} if recipe.targets else {}),
        "classes": list(recipe.classes),
        "inputs": {
            name: {
                "shape": ["batch", *recipe.modalities[name].shape],
                "dtype": "float32",
                "kind": recipe.modalities[name].kind,
                "values": _values(recipe.modalities[name]),
            }
            for name in kept
        },
        "outputs": {
            cutting.LOGITS: {
                "shape": ["batch", *small.output[cutting.LOGITS].shape[1:]],
                "dtype": "float32",
            }
        },
        "channels": {name: kept[name].tolist() for name in kept},
        "dropped": [name for name in model.modalities if name not in kept],
    }


def _values(modality):
    text = "raw, as in a prepared store"
    counts_bytes = kinds.get(modality.kind).counts_bytes
    return f"{text}; bytes / 255" if counts_bytes else text
