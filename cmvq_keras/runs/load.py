"""The model of a run."""

import contextlib
import os
import pathlib

import keras

from cmvq_keras import fileio, methods, recipe_file
from cmvq_keras.models.build import build_model
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.runs import weights
from cmvq_keras.runs.run import Run, as_run


def load_model(
    run: str | os.PathLike | Run, precision: str | None = None
) -> MultimodalClassifier:
    """A model with its weights: of a run folder, or of a .keras file.

    Args:
        run: the run folder (or an open `Run`) of a training, or the path of what
            `model.save` wrote.
        precision: dtype policy of a run's model; None for that of its training.

    Returns:
        A `CMVQVAE`, or another `MultimodalClassifier`.

    Raises:
        FileNotFoundError: when there is no such run or file.
        ValueError: when the weights are damaged or of another recipe, and when the
            networks come from a recipe file that was not named.
    """
    if isinstance(run, (str, os.PathLike)) and pathlib.Path(run).suffix == ".keras":
        with fileio.opened(run, ".keras file") as file:
            fileio.check_stored(file)
        methods.register_models()
        return keras.saving.load_model(run)
    run = as_run(run)
    recipe_file.check_encoders(run)
    with precision_policy(precision or run.recipe.training.precision):
        model = build_model(run.recipe)
    weights.load(model, run.weights_path, run.directory)
    return model


@contextlib.contextmanager
def precision_policy(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
