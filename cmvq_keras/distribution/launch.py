"""Starts a training's processes on this machine, one a device, as torchrun does.

torchrun itself ends in a report of its own after each error, stops the others of a
process that is lost before they can say so, and sends Ctrl-C on twice.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile

from cmvq_keras.backend.selection import number_of_devices

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(devices, words):
    """Runs a command in a process for each device and waits for them all.

    Only what the first one writes to stderr is shown; of another one only where the
    first could not tell what went wrong. Signals are handed on to all.

    Args:
        devices: the value of `--devices`: a number, or "all" for all GPUs.
        words: arguments of `cmvq`.

    Returns:
        The exit code of the process that reported what went wrong, or 0.

    Raises:
        ValueError: for no number, and for "all" without a GPU.
    """
    count = _count(devices)
    sys.stdout.flush()
    command = [sys.executable, "-m", "cmvq_keras.cli", *words]
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count)]
        processes = stack.enter_context(_handing_on())
        for index, environment in enumerate(_environments(count)):
            process = subprocess.Popen(
                command,
                env=environment,
                stderr=held[index] if index else None,
                # A terminal's Ctrl-C comes to this process alone, which hands it on.
                process_group=0,
            )
            processes.append(process)
        codes = [process.wait() for process in processes]
        teller = next((each for each, code in enumerate(codes) if code > 0), None)
        if teller:
            held[teller].seek(0)
            sys.stderr.write(held[teller].read().decode(errors="replace"))
    if teller is not None:
        return codes[teller]
    # Ended by signals, negative numbers, before any could say a word.
    return max(128 - code if code else 0 for code in codes)


def _count(devices):
    count = number_of_devices(devices)
    if count != "all":
        return count
    import torch

    if not torch.cuda.is_available():
        raise ValueError(
            "PyTorch finds no GPU here. To test on the processor, set the number of "
            "processes, e.g. --devices 2. Received: --devices all"
        )
    return torch.cuda.device_count()


def _environments(count):
    """What torchrun tells each process of one machine."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        port = found.getsockname()[1]
    own_cores = max(1, (os.cpu_count() or 1) // count)
    for index in range(count):
        yield {
            "OMP_NUM_THREADS": str(own_cores),
            **os.environ,
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "RANK": str(index),
            "LOCAL_RANK": str(index),
        }


@contextlib.contextmanager
def _handing_on():
    """Gives an empty list: signals go to the processes in it, and none outlives an
    error."""
    processes = []

    def hand_on(signum, frame):
        for process in processes:
            process.send_signal(signum)

    before = {signum: signal.signal(signum, hand_on) for signum in _SIGNALS}
    try:
        yield processes
    except BaseException:
        for process in processes:
            process.kill()
        raise
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
