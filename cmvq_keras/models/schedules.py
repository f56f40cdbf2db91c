"""Learning rates that Keras has not."""

import math

import keras
from keras import ops

RISING = 0.3  # share of the steps
START, END = 1 / 25, 1e-4  # of the highest rate; of the rate at the start


@keras.saving.register_keras_serializable("cmvq_keras")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises from a 25th of its highest value, and then falls to almost 0.

    Both ways are half a cosine, as in PyTorch's `OneCycleLR`. The high rate in the
    middle regularizes; the low one at the end settles the weights, so that the last
    epoch is a good one.

    Args:
        highest: the learning rate at its top.
        steps: of the whole training. Afterwards the rate stays at its lowest.

    Reference: Smith and Topin, Super-convergence, 2018.
    """

    def __init__(self, highest, steps):
        self.highest = highest
        self.steps = steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        top = max(RISING * self.steps - 1, 1.0)
        last = max(self.steps - 1, top + 1)
        first = self.highest * START
        rising = _half_cosine(first, self.highest, step / top)
        falling = _half_cosine(self.highest, first * END, (step - top) / (last - top))
        return ops.where(step <= top, rising, falling)

    def get_config(self):
        return {"highest": self.highest, "steps": self.steps}


def _half_cosine(first, last, share):
    share = ops.clip(share, 0.0, 1.0)
    return last + (first - last) * 0.5 * (1.0 + ops.cos(math.pi * share))
