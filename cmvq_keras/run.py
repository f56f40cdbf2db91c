"""The run folder: what one training leaves behind.

    recipe.json       the recipe, with every setting
    environment.json  versions, devices, command line
    history.csv       one line an epoch
    metrics.json      the numbers of the kept epoch
    model.weights.h5  the weights of the kept epoch

JSON and CSV are written by our own code and weights by Keras; no pickle is read or
written. A killed run never leaves half a file.
"""

import csv
import datetime
import json
import math
import os
import pathlib

from cmvq_keras.data import files, npy
from cmvq_keras.environment import describe
from cmvq_keras.recipe import Recipe

RECIPE = "recipe.json"
ENVIRONMENT = "environment.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
WEIGHTS = "model.weights.h5"
MAX_BYTES = 64_000_000  # of a file of text
_CHUNK = 1_000_000  # bytes that are written at once


class Run:
    """One run folder. Use `Run.create` for a new one and `Run.open` for an old one.

    Args:
        directory: the run folder.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    @classmethod
    def create(cls, directory, recipe, backend, notes=None):
        """Makes a run folder and writes its recipe and environment.

        Args:
            directory: the folder, made with its parents if it is missing; None
                for `runs/<recipe>-<backend>-<date>-<time>` in the working
                directory.
            recipe: the `Recipe` of the run.
            backend: "jax", "tensorflow" or "torch".
            notes: further entries of environment.json, a dict.

        Raises:
            FileExistsError: when the folder already holds a run; nothing is
                overwritten.
        """
        if directory is None:
            directory = _new_directory(recipe.name, backend)
        cls.check_free(directory)
        run = cls(directory)
        run.directory.mkdir(parents=True, exist_ok=True)
        environment = {**describe(backend, recipe.training), **(notes or {})}
        write_atomically(run.directory / RECIPE, recipe.to_json())
        write_atomically(run.directory / ENVIRONMENT, to_json(environment))
        return run

    @classmethod
    def check_free(cls, directory):
        """Raises FileExistsError when a folder already holds a run, even one that is
        still in its first epoch."""
        for name in (RECIPE, ENVIRONMENT, HISTORY, METRICS, WEIGHTS):
            if directory is not None and (pathlib.Path(directory) / name).exists():
                raise FileExistsError(
                    f"{directory} already holds a run ({name}). Choose another "
                    "folder, or remove this one."
                )

    @classmethod
    def open(cls, directory):
        """Opens the folder of a finished run.

        Raises:
            FileNotFoundError: when the folder is missing, is no run, or holds no
                weights.
            ValueError: when one of its JSON files is damaged.
        """
        run = cls(directory)
        if not run.directory.is_dir():
            raise FileNotFoundError(f"There is no run folder {run.directory}")
        if not (run.directory / RECIPE).is_file():
            raise FileNotFoundError(
                f"{run.directory} is no run folder: it holds no {RECIPE}"
            )
        # Read now, so that a damaged file is told before a model is built.
        _ = run.recipe, run.environment, run.metrics
        if not run.weights_path.is_file():
            raise FileNotFoundError(
                f"{run.directory} holds no {WEIGHTS}: its training did not finish an "
                "epoch"
            )
        return run

    @property
    def recipe(self):
        """The run's `Recipe`."""
        with files.opened(self.directory / RECIPE, "recipe", MAX_BYTES) as file:
            return Recipe.from_json(file.read().decode("utf-8"))

    @property
    def environment(self):
        """Versions, devices and command line of the run, as a dict."""
        return _read_json(self.directory / ENVIRONMENT)

    @property
    def metrics(self):
        """What `write_metrics` wrote, or an empty dict."""
        return _read_json(self.directory / METRICS)

    @property
    def history(self):
        """One dict an epoch: numbers by column, None where a cell is empty."""
        path = self.directory / HISTORY
        if not path.exists():
            return []
        with files.opened(path, "history", MAX_BYTES) as file:
            lines = file.read().decode("utf-8").splitlines()
            columns, *rows = csv.reader(lines, strict=True)
            return [
                {
                    key: float(cell) if cell else None
                    for key, cell in zip(columns, row, strict=True)
                }
                for row in rows
            ]

    @property
    def weights_path(self):
        """Where the weights of the kept epoch lie."""
        return self.directory / WEIGHTS

    def write_metrics(self, metrics):
        """Replaces metrics.json. NaN and infinity become null."""
        write_atomically(self.directory / METRICS, to_json(metrics))

    def append_history(self, row):
        """Adds one epoch to history.csv; on disk when this returns.

        Args:
            row: numbers by column; the first row fixes the columns.

        Raises:
            ValueError: when a later row brings other columns.
        """
        path = self.directory / HISTORY
        columns = list(row)
        with path.open("a+", newline="", encoding="utf-8") as file:
            file.seek(0)
            known = next(csv.reader(file), None)
            writer = csv.writer(file, lineterminator="\n")
            if known is None:
                writer.writerow(columns)
            elif set(known) != set(columns):
                raise ValueError(
                    f"{path} has the columns {', '.join(known)}. Received: "
                    f"{', '.join(columns)}"
                )
            writer.writerow([_plain(row[name]) for name in known or columns])
            file.flush()
            os.fsync(file.fileno())

    def save_weights(self, model):
        """Saves a Keras model's weights under `weights_path`, whole or not at all."""
        # Keras takes no other ending than .weights.h5.
        temporary = self.directory / f".{os.getpid()}.{WEIGHTS}"
        try:
            _reserve(temporary, _size_of_weights(model))
            model.save_weights(temporary)
            os.replace(temporary, self.weights_path)
        finally:
            temporary.unlink(missing_ok=True)


def _size_of_weights(model):
    """Bytes of a model's weights file, rather more than it will have."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    # HDF5 takes about 1,000 bytes a variable for itself.
    return sum(
        math.prod(each.shape) * (8 if each.dtype.endswith("64") else 4) + 2048
        for each in variables
    )


def _reserve(path, size):
    """Raises OSError unless a file of that size can be written.

    HDF5 that meets a full disk ends in tracebacks of its own, or the process in a
    crash.
    """
    with npy.naming(path), path.open("wb") as file:
        for start in range(0, size, _CHUNK):
            file.write(bytes(min(_CHUNK, size - start)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def write_atomically(path, content):
    """Writes a file so that readers see the old content or the new, never half.

    Args:
        path: the file; its folder must exist.
        content: bytes, or a text, written as UTF-8.
    """
    path = pathlib.Path(path)
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def to_json(content):
    """JSON text with sorted keys; numpy values become plain, NaN becomes null."""
    return json.dumps(_plain(content), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _new_directory(name, backend):
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    first = pathlib.Path("runs") / f"{name}-{backend}-{time}"
    directory, count = first, 1
    while True:
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            # Two runs can start within one second.
            count += 1
            directory = first.with_name(f"{first.name}-{count}")
        else:
            return directory


def _read_json(path):
    if not path.exists():
        return {}
    with files.opened(path, "JSON file", MAX_BYTES) as file:
        content = json.loads(file.read().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it must hold a JSON object")
        return content
