"""The run folder: what one training leaves behind.

    recipe.json       the recipe, with every setting
    environment.json  versions, devices, command line
    history.csv       one line an epoch
    metrics.json      the numbers of the kept epoch
    model.weights.h5  the weights of the kept epoch
    backup/           until it is finished: what `cmvq train --resume` goes on from

JSON and CSV are written by our own code and weights by Keras; no pickle is read or
written. A killed run never leaves half a file.
"""

import contextlib
import datetime
import functools
import hashlib
import os
import pathlib

from cmvq_keras import fileio, recipes
from cmvq_keras.fileio import MAX_BYTES, to_json
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs import environment_schema, locking, metrics_schema
from cmvq_keras.runs.environment import describe

RECIPE = "recipe.json"
ENVIRONMENT = "environment.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
WEIGHTS = "model.weights.h5"
BACKUP = "backup"
FORMAT = 1  # of the folder; a recipe has its own
#: Of methods without a mask in version 0.1.0: 0 in every line.
_FORMER_COLUMNS = {"mask_penalty", "val_mask_penalty"}
CHECKSUMS = "checksums"  # the entry of metrics.json on other files
VALIDATION = "val_"  # the start of a column of validation data, Keras's own
_MAX_TOLD = 3  # lines that were changed
_RESTORE = "Restore it, or train again in another folder."
_KEPT_EPOCH = "best_epoch"  # the entry of metrics.json that only a finished run has


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
        with cls.created(directory, recipe, backend, notes) as run:
            return run

    @classmethod
    @contextlib.contextmanager
    def created(cls, directory, recipe, backend, notes=None):
        """`create` as a context that keeps other processes away from the folder."""
        cls.check_free(directory)
        if directory is None:
            directory = _new_directory(recipe.name, backend)
        run = cls(directory)
        run.directory.mkdir(parents=True, exist_ok=True)
        with locking.alone(directory):
            run._begin(recipe, backend, notes)
            yield run

    def _begin(self, recipe, backend, notes):
        self.check_links()
        if (self.directory / RECIPE).exists():
            raise FileExistsError(f"{self.directory} already holds a run ({RECIPE}).")
        about = describe(backend, recipe.training)
        environment = {"format": FORMAT, **about, **(notes or {})}
        # The recipe last: with it the folder is a run.
        self.write(ENVIRONMENT, to_json(environment))
        self.write(RECIPE, recipe.to_json())

    @classmethod
    @contextlib.contextmanager
    def resumed(cls, directory):
        """Opens a run that may not be finished, and keeps other processes away.

        What a killed process left half written is removed.

        Raises:
            FileNotFoundError: when the folder is missing or is no run.
            FileExistsError: when another process works on it.
            ValueError: when one of its files is damaged or of a later version.
        """
        run = cls.open_begun(directory)
        with locking.alone(directory):
            for folder in (run.directory, run.directory / BACKUP):
                for pattern in (".*.tmp", f".*.{WEIGHTS}"):
                    for path in folder.glob(pattern):
                        path.unlink()
            yield run

    @classmethod
    def check_free(cls, directory):
        """Raises FileExistsError when a folder already holds a run, even one that is
        still in its first epoch."""
        if directory is None:
            return
        run = cls(directory)
        # environment.json alone is left by a process that was killed before its
        # training began: without a recipe there is nothing to lose.
        for name in (RECIPE, HISTORY, METRICS, WEIGHTS, BACKUP):
            if (run.directory / name).exists():
                locking.check_alone(directory)
                todo = "Choose another folder, or remove this one."
                if run.is_resumable:
                    todo = (
                        f"Continue it: cmvq train --resume {directory}. Or choose "
                        "another folder."
                    )
                raise FileExistsError(
                    f"{directory} already holds a run ({name}). {todo}"
                )

    @classmethod
    def open(cls, directory):
        """Opens the folder of a finished run.

        Raises:
            FileNotFoundError: when the folder is missing, is no run, or holds no
                weights.
            ValueError: when one of its JSON files is damaged.
        """
        run = cls.open_begun(directory)
        if not os.path.lexists(run.weights_path):
            raise FileNotFoundError(
                f"{run.directory} holds no {WEIGHTS}: its training did not finish an "
                "epoch"
            )
        return run

    @classmethod
    def open_begun(cls, directory):
        """Opens the folder of a run that may have no weights yet.

        Raises:
            FileNotFoundError, ValueError: as `open`, also for a folder of a later
                version.
        """
        run = cls(directory)
        run._check()
        return run

    def _check(self):
        # All is read now, so that a damaged file is reported before a model is built.
        if not self.directory.is_dir():
            raise FileNotFoundError(f"There is no run folder {self.directory}")
        if not os.path.lexists(self.directory / RECIPE):
            raise FileNotFoundError(
                f"{self.directory} is not a run folder: it holds no {RECIPE}"
                + self._hint_without_recipe()
            )
        self.check_links()
        recipe, metrics = self.recipe, self.metrics
        with self._form_of(METRICS):
            metrics_schema.check(metrics, recipe)
        noted = self.environment
        with self._form_of(ENVIRONMENT):
            environment_schema.check(noted)
        # Runs of the first versions do not state their format: it was this one.
        found = noted.get("format", FORMAT)
        if found != FORMAT:
            raise ValueError(
                f"{self.directory} has format {found} and needs a later version of "
                f"cmvq-keras. This one reads format {FORMAT}."
            )

    @contextlib.contextmanager
    def _form_of(self, name):
        """A context in which a ValueError gets the name of one of the run's files."""
        try:
            yield
        except ValueError as error:
            reason = fileio.one_line(error)
            raise ValueError(
                f"{self.directory / name} is not readable: {reason}"
            ) from None

    def _hint_without_recipe(self):
        names = HISTORY, METRICS, WEIGHTS, BACKUP, ENVIRONMENT
        found = [name for name in names if (self.directory / name).exists()]
        if found != [ENVIRONMENT]:
            return ""
        return (
            f". Its training was stopped before it began: cmvq train ... --out "
            f"{self.directory} starts it"
        )

    def _repr_html_(self):
        from cmvq_keras.runs import summary

        return summary.html(self)

    def check_links(self):
        """Raises ValueError for a link or a pipe: what is read or written here lies
        here, whoever made the folder."""
        for folder in (self.directory, self.directory / BACKUP):
            if folder.is_dir():
                fileio.check_no_links(folder)

    def write(self, name, content):
        """Replaces a file of the folder.

        Args:
            name: the file's.
            content: bytes, or a text.
        """
        path = self.directory / name
        fileio.write_atomically(path, content, self.directory)

    def _read(self, name, what):
        path = self.directory / name
        with fileio.opened(path, what, MAX_BYTES, self.directory) as file:
            return file.read()

    def _json(self, name):
        path = self.directory / name
        # A link to nowhere is there, too.
        if not os.path.lexists(path):
            return {}
        return fileio.read_json(path, root=self.directory)

    @functools.cached_property
    def recipe(self):
        """The run's `ResolvedRecipe`, read once: nothing changes it in a run folder."""
        path = self.directory / RECIPE
        with fileio.opened(path, "recipe", MAX_BYTES, self.directory) as file:
            recipe = Recipe.from_json(file.read().decode("utf-8"))
        return recipes.resolve(recipe)

    @property
    def environment(self):
        """Versions, devices and command line of the run, as a dict."""
        return self._json(ENVIRONMENT)

    @property
    def metrics(self):
        """What `write_metrics` wrote, or an empty dict."""
        return self._json(METRICS)

    @property
    def history(self):
        """One dict an epoch: numbers by column, None where a cell is empty."""
        path = self.directory / HISTORY
        if not os.path.lexists(path):
            return []
        with fileio.opened(path, "history", MAX_BYTES, self.directory) as file:
            (_, columns), *rows = fileio.csv_rows(file.read())
            columns = [fileio.unquoted(name) for name in columns]
            return [
                {
                    key: float(cell) if cell else None
                    for key, cell in zip(columns, row, strict=True)
                }
                for _, row in rows
            ]

    @property
    def is_finished(self):
        """Whether it is trained to its end and measured."""
        return _KEPT_EPOCH in self.metrics

    @property
    def is_resumable(self):
        """Whether its training has begun, and is not finished."""
        if not (self.directory / RECIPE).is_file() or self.is_finished:
            return False
        # Weights alone, without a backup, are those of `cmvq convert`.
        return (self.directory / BACKUP).is_dir() or not self.weights_path.exists()

    @property
    def weights_path(self):
        """Where the weights of the kept epoch lie."""
        return self.directory / WEIGHTS

    def write_metrics(self, metrics):
        """Replaces metrics.json. NaN and infinity become null."""
        self.write(METRICS, to_json(metrics))

    def finish(self, metrics):
        """Writes the metrics of a training that is over; removes its backup.

        Args:
            metrics: as for `write_metrics`, with "best_epoch".
        """
        self.write_metrics({**metrics, CHECKSUMS: self._checksums()})
        # The run is whole without: what cannot be removed is left.
        with contextlib.suppress(OSError, ValueError):
            fileio.remove_folder(self.directory / BACKUP, self.directory)

    def _checksums(self):
        """By name those of the files that a training wrote and evaluations leave."""
        return {
            name: hashlib.sha256(self._read(name, name)).hexdigest()
            if os.path.lexists(self.directory / name)
            else None
            for name in (RECIPE, HISTORY)
        }

    def check_finished_unchanged(self):
        """Raises ValueError when a file of a finished run is not as it was left.

        Runs of version 0.1.0 noted nothing to compare with.
        """
        now = self._checksums()
        for name, noted in self.metrics.get(CHECKSUMS, {}).items():
            if noted is not None and noted != now.get(name):
                what = "is missing" if now.get(name) is None else "has changed"
                raise ValueError(
                    f"{self.directory / name} {what} since the training ended. "
                    f"{_RESTORE}"
                )

    def history_checksums(self):
        """One for each line of history.csv, its header's first."""
        return [hashlib.sha256(line).hexdigest()[:32] for line in self._history_lines()]

    def check_history_unchanged(self, noted):
        """Raises ValueError when a line of history.csv is not what it was.

        Args:
            noted: `history_checksums` of before; later lines are not looked at.
        """
        pairs = zip(noted, self.history_checksums(), strict=False)
        changed = [number for number, (old, new) in enumerate(pairs) if old != new]
        if changed:
            lines = ", ".join(
                f"the line of epoch {number}" if number else "its header"
                for number in changed[:_MAX_TOLD]
            )
            raise ValueError(
                f"{self.directory / HISTORY} has changed since the training began: "
                f"{lines}. {_RESTORE}"
            )

    def cut_history(self, epochs):
        """Drops the lines of history.csv after an epoch, even one that is half."""
        path = self.directory / HISTORY
        lines = self._history_lines()
        if not lines:
            if epochs:
                raise ValueError(
                    f"{path} is missing; the checkpoint is after epoch {epochs}. "
                    f"{_RESTORE}"
                )
            return
        if epochs == 0:
            path.unlink()
        elif len(lines) > epochs + 1:
            self.write(HISTORY, b"".join(lines[: epochs + 1]))
        elif len(lines) < epochs + 1:
            raise ValueError(
                f"{path} holds {len(lines) - 1} of the {epochs} trained epochs"
            )

    def _history_lines(self):
        if not os.path.lexists(self.directory / HISTORY):
            return []
        return self._read(HISTORY, "history").splitlines(keepends=True)

    def append_history(self, row):
        """Adds one epoch to history.csv; on disk when this returns.

        Args:
            row: numbers by column; the first row fixes the columns. Of a later epoch
                that was not validated the columns val_... stay empty.

        Raises:
            ValueError: when a later row brings other columns.
        """
        lines, columns = self._history_lines(), list(row)
        header = next(fileio.csv_rows(lines[0])) if lines else (1, columns)
        known = [fileio.unquoted(name) for name in header[1]]
        if not _FORMER_COLUMNS & set(columns):
            row = {**row, **dict.fromkeys(_FORMER_COLUMNS & set(known), 0.0)}
        if not any(name.startswith(VALIDATION) for name in columns):
            blanks = [name for name in known if name.startswith(VALIDATION)]
            row = {**dict.fromkeys(blanks), **row}
        if set(known) != set(row):
            raise ValueError(
                f"{self.directory / HISTORY} has the columns {', '.join(known)}. "
                f"Received: {', '.join(columns)}"
            )
        if not lines:
            lines = [fileio.csv_line(columns).encode()]
        cells = [fileio.plain(row[name]) for name in known]
        # As a whole: an epoch's line is there, or it is not.
        self.write(HISTORY, b"".join([*lines, fileio.csv_line(cells).encode()]))

    def save_weights(self, model):
        """Saves a Keras model's weights under `weights_path`, whole or not at all."""
        from cmvq_keras.runs import weights  # imports Keras

        self.write(WEIGHTS, weights.to_bytes(model))


def as_run(run):
    """The open `Run` of a finished run.

    Args:
        run: its folder, or the `Run` itself.

    Raises:
        FileNotFoundError, ValueError: as `Run.open`.
    """
    return run if isinstance(run, Run) else Run.open(run)


class Follower(Run):
    """A run folder for a process that is not the first of its training: it reads."""

    def write_metrics(self, metrics):
        """Nothing: the first process does it. So in all that write."""

    def finish(self, metrics):
        """Nothing."""

    def cut_history(self, epochs):
        """Nothing."""

    def append_history(self, row):
        """Nothing."""

    def save_weights(self, model):
        """Saves them for nobody: on JAX all processes have to take part."""
        from cmvq_keras.runs import weights  # imports Keras

        weights.to_bytes(model)


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
