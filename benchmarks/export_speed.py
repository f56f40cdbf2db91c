"""How fast an exported model predicts, against the run's own model in the same process.

    OMP_NUM_THREADS=1 python -m benchmarks.export_speed crema-d 17,17 --backend torch

builds a recipe's model with the weights of its start and a mask that keeps so many
channels of each modality, in the recipe's order, and exports it as Keras file and, on
PyTorch, as ONNX, on TensorFlow as SavedModel. Prints lines of a Markdown table:
milliseconds of processor time a batch, medians over rounds in which all take their
turn, on one core.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

import numpy as np


def main():
    """Measures one mask and prints a line for each size of a batch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("kept", help="channels a modality, such as 17,17")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["KERAS_BACKEND"] = arguments.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from cmvq_keras import recipes
    from cmvq_keras.exporting import checking
    from cmvq_keras.models.build import build_model

    recipe = recipes.get(arguments.recipe)
    model = build_model(recipe)
    kept = [int(count) for count in arguments.kept.split(",")]
    model.mask.channel_weights.assign(_mask(kept, recipe.model.embedding_dim))
    one = checking.made_up(recipe.modalities, recipe.modalities)
    with tempfile.TemporaryDirectory() as folder:
        predictors = _predictors(model, recipe, pathlib.Path(folder))
        for size in (1, 32):
            x = {name: np.resize(v, (size, *v.shape[1:])) for name, v in one.items()}
            medians = _medians(predictors, x, arguments.rounds)
            text = " | ".join(f"{1000 * seconds:.1f}" for seconds in medians)
            gains = " / ".join(f"{medians[0] / each:.1f}" for each in medians[1:])
            name = f"{recipe.name} {arguments.kept}"
            print(f"| {name} | {size} | {text} | {gains} |")


def _mask(kept, depth):
    weights = [[1.0] * count + [-1.0] * (depth - count) for count in kept]
    return np.array(weights, np.float32).reshape(-1)


def _predictors(model, recipe, folder):
    """Functions of a batch: the run's model, without its decoders, and the files."""
    import keras

    from cmvq_keras.exporting import cutting, writing

    small = cutting.cut(model, recipe.modalities)
    names = list(small.input)
    writing.write(small, "keras", folder / "model.keras", {})
    loaded = keras.saving.load_model(folder / "model.keras")
    found = [
        model.predict_on_batch,
        model.inference_model().predict_on_batch,
        lambda x: loaded.predict_on_batch({name: x[name] for name in names}),
    ]
    if keras.config.backend() == "torch":
        import onnxruntime

        writing.write(small, "onnx", folder / "model.onnx", {})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        found.append(lambda x: session.run(None, {name: x[name] for name in names}))
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        writing.write(small, "saved-model", folder / "model", {})
        saved = tf.saved_model.load(str(folder / "model"))
        found.append(lambda x: saved.serve({name: x[name] for name in names}))
    return found


def _medians(predictors, x, rounds):
    """Seconds a batch; the first round compiles and does not count."""
    seconds = [[] for _ in predictors]
    for _ in range(rounds + 1):
        for predict, found in zip(predictors, seconds, strict=True):
            start = time.process_time()
            predict(x)
            found.append(time.process_time() - start)
    return [statistics.median(found[1:]) for found in seconds]


if __name__ == "__main__":
    main()
