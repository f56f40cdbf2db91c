"""A Dask scheduler and workers on this machine, each a process."""

import os
import re
import subprocess
import sys
import time

_SECONDS = 120


class Cluster:
    """A scheduler and two workers on loopback. Use it as a context: at its end all
    processes are gone.

    Args:
        folder: for logs and the workers' scratch files.
    """

    def __init__(self, folder):
        self._folder = folder
        self._processes = []

    def __enter__(self):
        try:
            loopback = ("--host", "127.0.0.1")
            words = (*loopback, "--port", "0", "--no-dashboard")
            scheduler = self._started("scheduler", *words)
            self.address = _said(scheduler, r"Scheduler at: +(tcp://127\.0\.0\.1:\d+)")
            own = ("--no-nanny", "--nthreads", "1", "--memory-limit", "0", *loopback)
            place = ("--no-dashboard", "--local-directory", str(self._folder))
            workers = [
                self._started("worker", self.address, *own, *place) for _ in range(2)
            ]
            for log in workers:
                _said(log, r"(Registered to)")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for process in self._processes:
            process.kill()
            process.wait()

    def _started(self, kind, *words):
        log = self._folder / f"{kind}-{len(self._processes)}.log"
        module = f"distributed.cli.dask_{kind}"
        with log.open("wb") as file:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", module, *words],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
                )
            )
        return log


def _said(log, pattern):
    """What a group of a pattern matches in a process's output, once it does."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if match := re.search(pattern, log.read_text()):
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(log.read_text()[-2000:])
