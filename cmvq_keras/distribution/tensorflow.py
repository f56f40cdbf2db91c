"""TensorFlow: MirroredStrategy over the devices of one machine."""

import contextlib
import functools

import tensorflow as tf

from cmvq_keras.distribution.base import SeparateReplicas, cores, enough


class TensorFlowReplicas(SeparateReplicas):
    """The devices of a MirroredStrategy.

    Variables that a step assigns are the same everywhere because all replicas compute
    them from the same sums: no `aggregation` of TensorFlow's would make them right.
    """

    @contextlib.contextmanager
    def _started(self, devices):
        if devices in (None, 1):
            yield
            return
        found = tf.config.list_physical_devices("GPU") or _processors(devices)
        count = enough(devices, len(found), f"this machine ({found[0].device_type})")
        names = tuple(f"{found[0].device_type}:{index}" for index in range(count))
        self.count = count
        with _strategy(names).scope():
            yield

    def sums(self, *tensors):
        context = tf.distribute.get_replica_context()
        if not self.are_separate or context is None:
            return tensors
        return tuple(context.all_reduce(tf.distribute.ReduceOp.SUM, list(tensors)))

    @property
    def position(self):
        context = tf.distribute.get_replica_context()
        return context.replica_id_in_sync_group if context else 0

    @property
    def loops_with_sums(self):
        return not self.are_separate

    def share(self, loss):
        # Keras sums gradients over replicas, and multiplies what it logs.
        return loss / self.count if self.are_separate else loss

    def unshared(self, loss):
        return loss * self.count if self.are_separate else loss

    def splits(self, size, last=False):
        # Keras takes the mean of the first batch's parts, to build the model.
        return last or size % self.count == 0

    @property
    def may_be_empty(self):
        # TensorFlow fills the replicas in turn, and leaves the last ones without any.
        return self.are_separate

    def check_settings(self, settings):
        if not self.are_separate:
            return
        where = f"on {self.count} devices with TensorFlow"
        if settings.accumulation_steps > 1:
            raise ValueError(
                f"training.accumulation_steps must be 1 {where}: its "
                "devices cannot gather gradients over several steps. Take another "
                f"backend. Received: {settings.accumulation_steps}"
            )
        if settings.precision == "mixed_float16":
            raise ValueError(
                f"training.precision must be float32 or mixed_bfloat16 {where}: each "
                "device would clip and check its own gradients by themselves. "
                "Received: mixed_float16"
            )

    def _prepare(self, optimizer):
        limits = {
            name: getattr(optimizer, name)
            for name in ("clipnorm", "global_clipnorm", "clipvalue")
            if getattr(optimizer, name, None)
        }
        if not limits:
            return
        # Keras clips what each replica has, then sums: it gets a share of the sum.
        for name, limit in limits.items():
            setattr(optimizer, name, limit / self.count)
        apply = optimizer.apply

        def apply_share(grads, trainable_variables=None):
            return apply(self._shares(list(grads)), trainable_variables)

        optimizer.apply = apply_share

    def _shares(self, gradients):
        """An equal share for each replica of what they are together."""
        there = [each for each in gradients if each is not None]
        found = iter(self.sums(*map(tf.convert_to_tensor, there)))
        return [
            None if each is None else next(found) / self.count for each in gradients
        ]


@functools.cache
def _strategy(names):
    """One for all trainings of a process: a second one on the same devices would number
    its sums as the first did, and TensorFlow would take them for the same."""
    return tf.distribute.MirroredStrategy(names)


def _processors(devices):
    """Logical processors, as many as are asked for: for a try without a GPU."""
    (processor, *_) = tf.config.list_physical_devices("CPU")
    if devices != "all":
        count = min(devices, cores())
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        # Too late when TensorFlow has computed already.
        with contextlib.suppress(RuntimeError):
            tf.config.set_logical_device_configuration(processor, parts)
    return tf.config.list_logical_devices("CPU")
