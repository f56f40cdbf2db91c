"""Several trainings of a comparison at a time, each in a process of its own.

The processes are those of `concurrent.futures`, started anew (no fork: backends have
threads), and hold what a training needs alone: the folder's notes and tables stay with
the process that starts them.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time

from cmvq_keras.backend.selection import import_keras


def recipe_file_of(recipe):
    """The path of the file that a comparison's `Recipe` is from; None for none."""
    from cmvq_keras import recipe_file

    file = recipe_file.loaded(recipe.name)
    return str(file.path.resolve()) if file else None


class Workers:
    """Processes that train. Use it as a context: at its end none is left.

    Ctrl-C is for the process that has started them. It stops each training as a
    SIGTERM does: the step is finished and saved.

    Args:
        jobs: how many.
        recipe_file_path: whose code is run in each process; None for none.

    Attributes:
        size: how many there are.
    """

    def __init__(self, jobs, recipe_file_path=None):
        self.size = jobs
        self._pool = concurrent.futures.ProcessPoolExecutor(
            jobs,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(recipe_file_path,),
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.stop()
        self._pool.shutdown(cancel_futures=True)

    def stop(self):
        """Saves what is trained and stops it after the step."""
        for process in multiprocessing.active_children():
            process.terminate()

    def results(self, trials, out, source):
        """Yields `(trial, result)` as the trainings end.

        Args:
            trials: `plan.Trial`s, begun in this order.
            out: the folder of the comparison.
            source: a `cmvq_keras.runs.data_source.DataSource`.

        Raises:
            OSError: when a process dies.
            Exception: what is wrong with the machine, as `trial.do`.
        """
        found = {self._pool.submit(_do, each, out, source): each for each in trials}
        try:
            for future in concurrent.futures.as_completed(found):
                result = future.result()
                if result is None:
                    raise KeyboardInterrupt
                yield found[future], result
        except concurrent.futures.process.BrokenProcessPool as error:
            raise OSError(
                "A training process died, perhaps out of memory. Give the same command "
                "to continue, with fewer --jobs."
            ) from error

    def submit(self, trial, out, source):
        """A future of one training: what it measured and why it failed, or None where
        it was stopped. Both are plain values, which nothing of Keras is needed for.

        Args:
            trial, out, source: as in `results`.
        """
        return self._pool.submit(_do_plainly, trial, out, source)


class _Signal:
    """Takes SIGTERM outside of a training, which takes it itself."""

    def __init__(self):
        self.has_come = False
        self.is_working = False

    def take(self, signum, frame):
        """Ends what is being done. One that waits lives on: the pool would kill the
        others, while they saved, when it died."""
        self.has_come = True
        if self.is_working:
            raise KeyboardInterrupt


_signal = _Signal()


def _begin(recipe_file_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _signal.take)
    threading.Thread(target=_follow, daemon=True).start()
    import_keras()
    if recipe_file_path:
        from cmvq_keras import recipes

        recipes.module(recipe_file_path)


def _follow():
    """Ends this process after the one that has started it, however that ended."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
    while _signal.is_working:
        time.sleep(0.1)
    os._exit(1)


def _do(trial, out, source):
    """Trains one; its `trial.Result`, or None where it was stopped and saved."""
    from cmvq_keras.experiments import trial as trainings

    if _signal.has_come:
        return None
    try:
        _signal.is_working = True
        return trainings.do_alone(trial, out, source)
    except KeyboardInterrupt:
        _signal.has_come = True
        return None
    finally:
        _signal.is_working = False


def _do_plainly(trial, out, source):
    result = _do(trial, out, source)
    return result and (result.measured, result.failure)
