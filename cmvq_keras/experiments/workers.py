"""Several trainings of a comparison at a time, each in a process of its own.

The processes are those of `concurrent.futures`, started anew (no fork: backends have
threads), and hold what a training needs alone: the folder's notes and tables stay with
the process that starts them.
"""

import concurrent.futures
import gc
import multiprocessing
import os
import signal
import threading
import time

from cmvq_keras.backend.selection import import_keras


class Workers:
    """Processes that train. Use it as a context: at its end none is left.

    Ctrl-C is for the process that has started them. It stops each training as a
    SIGTERM does: the step is finished and saved.

    Args:
        jobs: how many.
        recipe: the comparison's `Recipe`; a recipe file's code is run in each process.
    """

    def __init__(self, jobs, recipe):
        from cmvq_keras import recipe_file

        file = recipe_file.loaded(recipe.name)
        self._pool = concurrent.futures.ProcessPoolExecutor(
            jobs,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(str(file.path) if file else None,),
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self._stop()
        self._pool.shutdown(cancel_futures=True)

    def _stop(self):
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
    import keras

    from cmvq_keras.experiments import sample_check
    from cmvq_keras.experiments import trial as trainings
    from cmvq_keras.experiments.progress import ProgressReporter

    def test(planned):
        variant = planned.variant
        return sample_check.load(variant.full, variant.recipe, source)

    if _signal.has_come:
        return None
    try:
        _signal.is_working = True
        return trainings.do(trial, out, source, test, ProgressReporter())
    except KeyboardInterrupt:
        _signal.has_come = True
        return None
    finally:
        _signal.is_working = False
        keras.backend.clear_session()
        gc.collect()
