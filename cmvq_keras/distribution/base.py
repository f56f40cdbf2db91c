"""Several devices that train one model: what is the same on every backend.

A replica is a device with a copy of the model; a process drives one of them or more.
"""

import contextlib
import os

import numpy as np
from keras import ops

from cmvq_keras.backend.selection import number_of_devices
from cmvq_keras.errors import LeaderRefusedError

#: Seconds after which a process that does not answer counts as lost.
PATIENCE = 50
_TEXT_BYTES = 4096
_YES, _NO = "yes ", "no "


class Replicas:
    """One device: a sum over it is the tensor itself. Backends override what differs.

    Attributes:
        count: replicas, in all processes together.
        processes: how many there are.
        index: which of them this one is; 0 is the one that writes and prints.
    """

    count = 1
    processes = 1
    index = 0

    @property
    def are_separate(self):
        """Whether a replica sees its own part of a batch alone."""
        return False

    # Starting

    @contextlib.contextmanager
    def over(self, devices):
        """A context in which models are built and trained on several devices.

        Args:
            devices: how many, in all processes together; "all"; None for one device,
                or for those of the launcher that started this process.

        Raises:
            ValueError: when there are not so many.
        """
        devices = None if devices is None else number_of_devices(devices)
        try:
            with self._started(devices):
                yield
        finally:
            for name in ("count", "processes", "index"):
                self.__dict__.pop(name, None)

    @contextlib.contextmanager
    def _started(self, devices):
        """Sets the attributes; `devices` is as in `over`, a number or "all"."""
        yield

    # Tensors

    def sums(self, *tensors):
        """The sums of tensors over all replicas, each with its own; a tuple. Their
        gradients are sums, too."""
        return tensors

    def rows(self, tensor):
        """How many rows the tensors of all replicas have together."""
        return ops.shape(tensor)[0]

    def take(self, tensor, positions):
        """Rows of the tensors of all replicas, as if they were one."""
        return ops.take(tensor, positions, axis=0)

    def local_shard(self, tensor):
        """This replica's part of the rows of a tensor that all have whole."""
        return tensor

    def share(self, loss):
        """A replica's loss as the backend wants it, to train on the mean of all."""
        return loss

    def unshared(self, loss):
        """What a Keras loss is before Keras has applied `share`, where it does."""
        return loss

    @property
    def loops_with_sums(self):
        """Whether `sums` may stand in a loop or a branch of a traced step."""
        return True

    # Data

    def splits(self, size, last=False):
        """Whether a batch of so many samples can be shared out among all; the last one
        of an epoch may be another matter."""
        return size >= self.count

    @property
    def may_be_empty(self):
        """Whether a replica may get no sample of an evaluation's last batch."""
        return False

    @property
    def can_read_whole(self):
        """Whether `reading` can give every replica the whole of a batch."""
        return False

    def reading(self, data):
        """A context in which a model reads some batches, each whole on every replica
        where their attribute `whole` says so."""
        return contextlib.nullcontext()

    # Training

    def check_settings(self, settings):
        """Raises ValueError for `TrainingSettings` that several devices cannot take."""

    def prepare(self, optimizer):
        """Lets an optimizer take its steps by the mean gradient of all replicas."""

    def vary_draws(self):
        """Gives each process random numbers of its own, where those of dropout are the
        process's."""

    def metrics_of_all(self, model):
        """A context in which a model's metrics are those of all processes."""
        return contextlib.nullcontext()

    # Processes

    @property
    def is_first(self):
        """Whether this process is the one that writes and prints."""
        return self.index == 0

    def all_reduce_sum(self, numbers):
        """Sums numbers over the processes; all have to ask. A numpy array, float64.

        Raises:
            PeerLostError: when one does not answer.
        """
        return np.asarray(numbers, "float64")

    def broadcast_from_first(self, act):
        """What `act()` gives in the first process, which alone calls it; all have to
        ask. A text of at most 4,000 bytes.

        Raises:
            LeaderRefusedError: in the others, where the first one raised an exception.
        """
        if not self.is_first:
            answer = self._text_of_first("")
            if answer.startswith(_NO):
                raise LeaderRefusedError(answer.removeprefix(_NO))
            return answer.removeprefix(_YES)
        try:
            text = act()
        except Exception as error:
            self._text_of_first(_NO + str(error))
            raise
        self._text_of_first(_YES + text)
        return text

    def _text_of_first(self, text):
        numbers = np.zeros(_TEXT_BYTES)
        if self.is_first:
            encoded = text.encode()[:_TEXT_BYTES]
            numbers[: len(encoded)] = list(encoded)
        found = self.all_reduce_sum(numbers).astype("uint8").tobytes()
        return found.rstrip(b"\0").decode(errors="ignore")

    def all_gather(self, array):
        """One uint8 array of each process, `(processes, *shape)`."""
        places = np.zeros((self.processes, *array.shape))
        places[self.index] = array
        return self.all_reduce_sum(places).astype("uint8")

    def peer_loss_reported(self):
        """A context whose errors are `PeerLostError` where a lost peer causes them."""
        return contextlib.nullcontext()


class SeparateReplicas(Replicas):
    """Each replica runs a step of its own, on its own part of the batch.

    A subclass gives `sums`, `position` and `_prepare`.
    """

    @property
    def are_separate(self):
        return self.count > 1

    @property
    def position(self):
        """Which replica this is, from 0: an integer or a scalar tensor."""
        return self.index

    def prepare(self, optimizer):
        # A model may be compiled with the same optimizer again.
        if self.are_separate and "apply" not in vars(optimizer):
            self._prepare(optimizer)

    def _prepare(self, optimizer):
        """Gives an optimizer an `apply` of its own, where it needs one."""
        raise NotImplementedError

    def rows(self, tensor):
        return super().rows(tensor) * self.count

    def take(self, tensor, positions):
        if not self.are_separate:
            return super().take(tensor, positions)
        size = ops.shape(tensor)[0]
        places = positions - self.position * size
        inside = ops.logical_and(places >= 0, places < size)
        found = ops.take(tensor, ops.clip(places, 0, size - 1), axis=0)
        (found,) = self.sums(ops.where(inside[:, None], found, 0.0))
        return found

    def local_shard(self, tensor):
        if not self.are_separate:
            return tensor
        size = ops.shape(tensor)[0] // self.count
        return ops.take(tensor, self.position * size + ops.arange(size), axis=0)


def enough(devices, found, where):
    """How many devices to take.

    Args:
        devices: a number, or "all".
        found: how many there are.
        where: what has them, for the message.

    Raises:
        ValueError: when there are fewer.
    """
    if devices == "all":
        return found
    if devices > found:
        raise ValueError(
            f"The number of devices must be at most {found}, as {where} has. "
            f"Received: {devices}"
        )
    return devices


def cores():
    """How many devices a processor may be divided into, for a try without others."""
    return os.cpu_count() or 1


def is_of_a_connection(error):
    """Whether a backend's error means that a process does not answer."""
    words = ("connection", "timed out", "timeout", "deadline", "unavailable", "gloo")
    return any(word in str(error).lower() for word in words)
