"""The trainings of a comparison on the workers of a Dask scheduler, each as a task.

The scheduler gives the task of a lost worker to another one, which goes on from the
run's checkpoint. The folder's notes and tables stay with the process that asks for the
trainings.
"""

import concurrent.futures
import dataclasses
import importlib.util
import multiprocessing
import os
import pathlib
import time
import uuid

from cmvq_keras import fileio
from cmvq_keras.backend.selection import select_backend
from cmvq_keras.experiments.workers import Workers, recipe_file_of
from cmvq_keras.runs import locking

_SECONDS = 0.5  # between two looks at a task's state
_TO_CONNECT = 10  # seconds
_TO_SAVE = 60  # seconds that a training which was stopped may hold its folder


def check_installed(address):
    """Raises ImportError, with what to install, when a scheduler's address is given
    and Dask is missing."""
    if address and importlib.util.find_spec("distributed") is None:
        raise ImportError(
            "A cluster needs Dask's distributed, which is not installed. Do: pip "
            "install 'cmvq-keras[cluster]'"
        )


class Cluster:
    """The workers of a Dask scheduler. Use it as a context: at its end the trainings
    that have not ended are saved and stopped.

    Args:
        address: of the scheduler, as "tcp://HOST:8786".
        study: the `cmvq_keras.experiments.study.Study`.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`.

    Raises:
        ImportError: without Dask; with what to install.
        OSError: when no scheduler answers.
    """

    def __init__(self, address, study, reporter):
        check_installed(address)
        self._options = {
            "backend": study.backend,
            "recipe_file_path": recipe_file_of(study.recipe),
        }
        self._address = address
        self._reporter = reporter
        self._client = _connected(address)

    @property
    def size(self):
        """How many workers there are now; more may come."""
        return len(self._client.nthreads())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # The scheduler cancels the tasks of a client that is gone.
        self._client.close()

    def results(self, trials, out, source):
        """Yields `(trial, result)` as the trainings end.

        Args:
            trials: `plan.Trial`s, begun in this order.
            out: the folder of the comparison.
            source: a `cmvq_keras.runs.data_source.DataSource`.

        Raises:
            OSError: when the scheduler is lost, when one training has ended several
                workers, and when they have other packages.
            Exception: what is wrong with a machine, as `trial.do`.
        """
        from distributed import CancelledError, KilledWorker, as_completed

        from cmvq_keras.experiments import trial

        if not self.size:
            self._reporter.planned(f"Waiting for workers of {self._address}.")
        found = {
            self._submit(each, out.resolve(), _absolute(source), -number): each
            for number, each in enumerate(trials)
        }
        for future in as_completed(found, loop=self._client.loop):
            planned = found[future]
            try:
                ended = future.result()
            except KilledWorker as error:
                raise OSError(
                    f"{planned.variant.title}, seed {planned.seed}: worker after "
                    "worker died in this training, perhaps out of memory. Give the "
                    "same command to continue."
                ) from error
            except CancelledError as error:
                raise OSError(
                    f"The scheduler {self._address} was lost. Give the same command to "
                    "continue."
                ) from error
            except RuntimeError as error:
                # Not the training's: that would be recorded.
                raise OSError(
                    f"The cluster {self._address} cannot train. Its scheduler and its "
                    "workers need cmvq-keras and what it needs, in the same versions "
                    f"as here. ({fileio.one_line(error)})"
                ) from error
            if ended is None:
                raise KeyboardInterrupt
            label, seed = planned.variant.label, planned.seed
            yield planned, trial.Result(label, seed, planned.folder(out), *ended)

    def _submit(self, planned, out, source, priority):
        name = f"{planned.variant.label}-seed-{planned.seed}"
        return self._client.submit(
            _do,
            planned,
            out,
            source,
            **self._options,
            # A result that another comparison left there is none of this one's.
            key=f"{name}-{uuid.uuid4().hex}",
            pure=False,
            priority=priority,
        )


def _connected(address):
    from distributed import Client

    try:
        return Client(address, timeout=_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(
            f"No Dask scheduler answers at {address}: give the address that `dask "
            "scheduler` prints, as tcp://HOST:8786."
        ) from error


def _absolute(source):
    """The source with absolute paths: a worker has a folder of its own."""
    places = {
        name: pathlib.Path(place).resolve()
        for name in ("data_dir", "store")
        if isinstance(place := getattr(source, name), str | os.PathLike)
    }
    return dataclasses.replace(source, **places)


def _do(planned, out, source, backend, recipe_file_path):
    """Trains one on a worker, in a process of its own: Dask's threads draw random
    numbers too, and Keras takes its seeds from Python's.

    Returns:
        As `Workers.submit`'s future.
    """
    from distributed import get_worker

    worker = get_worker()
    _check(worker, backend)
    _wait_for(planned.folder(out))
    key = worker.get_current_task()
    with Workers(1, recipe_file_path) as workers:
        future = workers.submit(planned, out, source)
        while not concurrent.futures.wait([future], _SECONDS).done:
            # After Ctrl-C, and when the process that asked is gone: Dask itself lets
            # the function run on.
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                workers.stop()
        try:
            return future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise OSError(
                f"A training process of the worker {worker.address} died, perhaps out "
                "of memory. Give the same command to continue."
            ) from error


def _check(worker, backend):
    """Raises OSError for a worker on which no training can run. The process that it
    starts has the backend."""
    if worker.state.nthreads > 1:
        raise OSError(
            f"The worker {worker.address} has {worker.state.nthreads} threads, and "
            "would train as many models at a time. Start workers with --nthreads 1."
        )
    if multiprocessing.current_process().daemon:
        raise OSError(
            f"The worker {worker.address} may not start processes. Start workers with "
            "--no-nanny."
        )
    try:
        select_backend(backend)
    except (ImportError, ValueError) as error:
        raise OSError(
            f"The worker {worker.address} cannot train: {fileio.one_line(error)}"
        ) from error


def _wait_for(folder):
    """Waits for a training into the same folder that is being stopped."""
    end = time.monotonic() + _TO_SAVE
    while time.monotonic() < end:
        try:
            locking.check_alone(folder)
        except FileExistsError:
            time.sleep(_SECONDS)
        else:
            return
