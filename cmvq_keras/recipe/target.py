"""One number that a recipe for regression learns."""

import dataclasses
import math
import typing

from cmvq_keras.recipe.fields import AUTO, automatic, setting


@dataclasses.dataclass(frozen=True)
class Target:
    """A target, in its own unit.

    The loss compares (v - offset) / scale; scores and predictions are in the target's
    unit. "auto" takes the mean and the standard deviation of the training data.
    """

    offset: float | typing.Literal["auto"] = setting(
        AUTO, automatic(math.isfinite), "a finite number, or auto"
    )
    scale: float | typing.Literal["auto"] = setting(
        AUTO, automatic(lambda value: 0 < value < math.inf), "a number > 0, or auto"
    )
