"""JAX: Keras's DataParallel over the devices of one process or of several."""

import contextlib
import inspect
import os

import jax
import keras
import numpy as np

from cmvq_keras.distribution.base import (
    PATIENCE,
    Replicas,
    cores,
    enough,
    is_of_a_connection,
)
from cmvq_keras.errors import PeerLostError


class _DataParallel(keras.distribution.DataParallel):
    """Keras's; while `whole` is set, every device reads the whole of each batch."""

    whole = False

    def get_data_layout(self, data_shape):
        if not self.whole:
            return super().get_data_layout(data_shape)
        axes = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


class JaxReplicas(Replicas):
    """The devices of a mesh.

    A step is one program over the whole batch, which XLA divides among the devices:
    sums, statistics and draws are those of one device as they stand.
    """

    _data_parallel = None

    @contextlib.contextmanager
    def _started(self, devices):
        several = _join()
        if devices in (None, 1) and not several:
            yield
            return
        if isinstance(devices, int) and not several:
            _make_processors(devices)
        found = jax.devices()
        count = enough(devices or "all", len(found), f"this machine ({found[0]})")
        if several and count < len(found):
            raise ValueError(
                f"Several processes train on all of their {len(found)} devices. "
                f"Received: {devices}"
            )
        self.count, self.processes = count, jax.process_count()
        self.index = jax.process_index()
        names = [f"{device.platform}:{device.id}" for device in found[:count]]
        # Each process reads its own rows: Keras shards tf.data alone.
        distribution = _DataParallel(devices=names, auto_shard_dataset=False)
        self._data_parallel = distribution
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(distribution)
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
            self._data_parallel = None

    def splits(self, size, last=False):
        return size % self.count == 0

    @property
    def can_read_whole(self):
        return True

    @contextlib.contextmanager
    def reading(self, data):
        if self._data_parallel is None:
            yield
            return
        self._data_parallel.whole = getattr(data, "whole", False)
        try:
            yield
        finally:
            self._data_parallel.whole = False

    def all_reduce_sum(self, numbers):
        numbers = super().all_reduce_sum(numbers)
        if self.processes == 1:
            return numbers
        from jax.experimental import multihost_utils

        # As bytes: JAX would round float64 to float32.
        with _peer_loss_reported():
            found = multihost_utils.process_allgather(
                np.frombuffer(np.ascontiguousarray(numbers).tobytes(), "uint8")
            )
        parts = np.frombuffer(np.asarray(found).tobytes(), "float64")
        return parts.reshape(self.processes, *numbers.shape).sum(axis=0)

    def peer_loss_reported(self):
        return _peer_loss_reported() if self.processes > 1 else contextlib.nullcontext()


def _join():
    """Joins the processes that the environment names, once; whether there are several.

    JAX itself reads the coordinator's address there, and all the rest on Slurm, MPI
    and TPUs.
    """
    if not os.environ.get("JAX_COORDINATOR_ADDRESS"):
        return False
    if not jax.distributed.is_initialized():
        own = {
            "num_processes": os.environ.get("JAX_NUM_PROCESSES"),
            "process_id": os.environ.get("JAX_PROCESS_ID"),
        }
        given = {name: int(text) for name, text in own.items() if text}
        jax.distributed.initialize(**given, **_patience(jax.distributed.initialize))
    return jax.process_count() > 1


def _patience(initialize):
    """How long JAX's function is to wait, as far as this version of it can be told."""
    names = ("heartbeat_timeout_seconds", "shutdown_timeout_seconds")
    known = inspect.signature(initialize).parameters
    return {name: PATIENCE for name in names if name in known}


def _make_processors(count):
    """Where there is no other device, makes so many of the processor: for a try."""
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    # Too late when JAX has computed already.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", min(count, cores()))


@contextlib.contextmanager
def _peer_loss_reported():
    try:
        yield
    # To fetch an array whose program failed is a ValueError.
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if not is_of_a_connection(error):
            raise
        raise PeerLostError.from_error(error) from error
