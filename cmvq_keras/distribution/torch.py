"""PyTorch: a process a device, started by torchrun or by `cmvq train`."""

import atexit
import contextlib
import datetime
import os

import numpy as np
import torch
import torch.distributed as dist

from cmvq_keras.distribution.base import (
    PATIENCE,
    SeparateReplicas,
    enough,
    is_of_a_connection,
)
from cmvq_keras.errors import PeerLostError


class TorchReplicas(SeparateReplicas):
    """The processes of torch.distributed.

    Keras's trainer calls the model itself, never a wrapper around it as
    DistributedDataParallel is one: gradients are averaged on their way to the
    optimizer, all of them in one message.
    """

    @contextlib.contextmanager
    def _started(self, devices):
        launched = int(os.environ.get("WORLD_SIZE", 1))
        if launched == 1 and devices not in (None, 1):
            raise ValueError(
                "PyTorch trains with one process per device. Start them with torchrun "
                f"--nproc-per-node {'gpu' if devices == 'all' else devices} -m "
                "cmvq_keras train ..."
            )
        if launched > 1:
            if devices is not None and enough(devices, launched, "torchrun") < launched:
                raise ValueError(
                    f"torchrun has started {launched} processes, one per device. "
                    f"Received: {devices} devices"
                )
            self._join()
        yield

    def _join(self):
        if not dist.is_initialized():
            _meet()
        self.index = dist.get_rank()
        self.count = self.processes = dist.get_world_size()

    def sums(self, *tensors):
        if self.count == 1 or tensors[0].device.type == "meta":
            return tensors
        flat = _Sum.apply(torch.cat([each.reshape(-1) for each in tensors]))
        parts = flat.split([each.numel() for each in tensors])
        return tuple(
            part.reshape(each.shape) for part, each in zip(parts, tensors, strict=True)
        )

    def _prepare(self, optimizer):
        apply = optimizer.apply

        def apply_mean(grads, trainable_variables=None):
            return apply(self._mean(list(grads)), trainable_variables)

        optimizer.apply = apply_mean

    def _mean(self, gradients):
        """The means of gradients over all processes, a list; None stays."""
        there = [each for each in gradients if each is not None]
        flat = torch.cat([each.float().reshape(-1) for each in there])
        flat = _all_reduce(flat) / self.count
        parts = iter(flat.split([each.numel() for each in there]))
        return [
            None if each is None else next(parts).reshape(each.shape).to(each.dtype)
            for each in gradients
        ]

    def vary_draws(self):
        if self.index:
            torch.manual_seed(torch.initial_seed() + self.index)

    @contextlib.contextmanager
    def metrics_of_all(self, model):
        if self.count == 1:
            yield
            return
        variables = [each.value for each in model.metrics_variables]
        own = [each.detach().clone() for each in variables]
        with torch.no_grad():
            flat = torch.cat([each.float().reshape(-1) for each in own])
            parts = _all_reduce(flat).split([each.numel() for each in own])
            for variable, values in zip(variables, parts, strict=True):
                variable.copy_(values.reshape(variable.shape))
        try:
            yield
        finally:
            with torch.no_grad():
                for variable, values in zip(variables, own, strict=True):
                    variable.copy_(values)

    def all_reduce_sum(self, numbers):
        if self.count == 1:
            return super().all_reduce_sum(numbers)
        return _all_reduce(torch.tensor(np.asarray(numbers, "float64"))).numpy()

    def peer_loss_reported(self):
        return _peer_loss_reported() if self.count > 1 else contextlib.nullcontext()


def _meet():
    """Meets the processes that torchrun has started; for good: they find each other
    once only."""
    if torch.cuda.is_available():
        own = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        enough(own, torch.cuda.device_count(), "this machine")
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    patience = datetime.timedelta(seconds=PATIENCE)
    # Both: gradients lie on the device, what processes agree on does not.
    kind = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _peer_loss_reported():
        dist.init_process_group(kind, timeout=patience)
    atexit.register(_part)


def _part():
    if dist.is_initialized():
        dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """A sum over all processes; so is its gradient."""

    @staticmethod
    def forward(context, tensor):
        return _all_reduce(tensor.clone())

    @staticmethod
    def backward(context, gradient):
        return _Sum.apply(gradient)


def _all_reduce(tensor):
    with _peer_loss_reported():
        dist.all_reduce(tensor)
    return tensor


@contextlib.contextmanager
def _peer_loss_reported():
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not is_of_a_connection(error):
            raise
        raise PeerLostError.from_error(error) from error
