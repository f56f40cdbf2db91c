"""What a long training takes: memory, open files, threads, and its run folder.

    OMP_NUM_THREADS=1 python -m benchmarks.endurance --backend torch

trains a small `planted` for 5,000 steps in this process, with a validation and a
checkpoint every 50 steps, and prints lines of a Markdown table. Memory is what the
process holds (RSS) after a garbage collection, at step 200 and at the last; the peak
is the system's own. The folder is looked at whenever a file of it is about to be
replaced: that is when it is largest. Linux only.
"""

import argparse
import gc
import os
import pathlib
import tempfile

FIRST, STEPS, EPOCH, BATCH = 200, 5000, 50, 4
#: Few channels, so that a step is short; a wide layer, so that weights outweigh HDF5's
#: own bytes.
SETTINGS = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 8,
    "model.num_embeddings": 64,
    "model.solver_units": 4096,
    "model.residual_layers": 0,
}


def main():
    """Trains on one backend and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(pathlib.Path(folder) / "run", options.steps)
    for step, taken in found["series"].items():
        print(f"step {step}: {taken['memory'] / 2**20:.1f} MB", flush=True)
    first, last = found["series"][FIRST], found["series"][options.steps]
    change = 100 * (last["memory"] / first["memory"] - 1)
    print(
        f"| {options.backend} | {first['memory'] / 2**20:.1f} | "
        f"{last['memory'] / 2**20:.1f} | {change:+.2f} % | "
        f"{found['peak'] / 2**20:.1f} | {first['files']} / {last['files']} | "
        f"{first['threads']} / {last['threads']} | {found['rest'] / found['state']:.2f}"
        f" | {found['largest'] / found['state']:.2f} |"
    )


def measure(folder, steps=STEPS, epoch=EPOCH, batch=BATCH, at=None):
    """Trains `planted` and looks at the process on the way.

    Args:
        folder: the run folder.
        steps: of training.
        epoch: steps of one epoch; `steps` is a multiple of it.
        batch: samples of a step.
        at: the steps to look at; None for step 200 and every 500th.

    Returns:
        A dict of bytes: "series", by step what `taken` gives; "peak" of the process's
        memory; "state", the weights and the optimizer's; the folder's "largest" size,
        and its size at "rest", when the training is over.
    """
    import cmvq_keras as cmvq

    at = at or [FIRST, *range(500, steps + 1, 500)]
    watch = watcher(at)
    settings = {
        **SETTINGS,
        "training.limit": epoch * batch,
        "training.batch_size": batch,
        "training.epochs": steps // epoch,
    }
    recipe = cmvq.recipes.get("planted").with_settings(settings)
    with _Sizes(folder) as sizes:
        cmvq.train(recipe, out=folder, callbacks=[watch], verbose=False)
    return {
        "series": watch.series,
        "peak": _status("VmHWM") * 1024,
        "state": watch.held,
        "largest": max(sizes.found),
        "rest": size_of(folder),
    }


def taken():
    """What this process holds: "memory" (bytes), open "files", "threads"."""
    gc.collect()
    return {
        "memory": _status("VmRSS") * 1024,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": _status("Threads"),
    }


def watcher(at):
    """A Keras callback that keeps `taken` of some steps, counted from 1.

    Its `held` is the bytes of the model's and the optimizer's variables.
    """
    import keras

    class Watcher(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.step, self.series, self.held = 0, {}, 0

        def on_train_begin(self, logs=None):
            variables = [*self.model.variables, *self.model.optimizer.variables]
            self.held = sum(
                keras.ops.convert_to_numpy(each).nbytes for each in variables
            )

        def on_train_batch_end(self, batch, logs=None):
            self.step += 1
            if self.step in at:
                self.series[self.step] = taken()

    return Watcher()


class _Sizes:
    """Notes the size of a folder whenever a file is about to get its name."""

    def __init__(self, folder):
        self.folder = folder
        self.found = []

    def __enter__(self):
        self._replace = os.replace
        os.replace = self._noted
        return self

    def __exit__(self, *error):
        os.replace = self._replace

    def _noted(self, *arguments, **options):
        self.found.append(size_of(self.folder))
        return self._replace(*arguments, **options)


def size_of(folder):
    """Bytes of all files below a folder."""
    files = (path for path in pathlib.Path(folder).rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files)


def _status(name):
    """A number of /proc/self/status."""
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0])


if __name__ == "__main__":
    main()
