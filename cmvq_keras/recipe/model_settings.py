"""Settings of a recipe's model."""

import dataclasses
import math
import typing

from cmvq_keras import registry
from cmvq_keras.recipe.fields import (
    AUTO,
    automatic,
    choice,
    declared_in,
    optional,
    positive_integer,
    setting,
)

#: Share of what the learning rates of a training sum to, before which an automatic mask
#: closes no channel.
MASK_DELAY = 0.6


@dataclasses.dataclass(frozen=True)
@declared_in("layers", "SETTINGS")
class ModelSettings:
    """The network (docs/method.md, Sections 5 and 6) and its mask (Section 2).

    The settings of the quantizers stand in their own files, as `SETTINGS`.
    """

    if typing.TYPE_CHECKING:

        def __init__(self, **settings: typing.Any) -> None: ...

        def __getattr__(self, name: str) -> typing.Any: ...

    backbone: str = choice("vqvae", "vqvae", "conv", "resnet18")
    head: str = choice("flat", "flat", "pooled")
    hidden_channels: int = setting(
        128,
        lambda value: 8 <= value <= 4096 and value % 4 == 0,
        "a multiple of 4 from 8 to 4096",
    )
    residual_channels: int = setting(
        32, lambda value: 4 <= value <= 4096, "from 4 to 4096"
    )
    residual_layers: int = setting(2, lambda value: 0 <= value <= 100, "from 0 to 100")
    grid: int | typing.Literal["auto"] = setting(
        AUTO, automatic(lambda value: 1 <= value < 2**31), "an integer >= 1, or auto"
    )
    embedding_dim: int = setting(
        64,
        lambda value: 2 <= value <= 4096 and value % 2 == 0,
        "an even integer from 2 to 4096",
    )
    quantizer: str = choice("ema", *registry.names("layers", "QUANTIZERS"))
    reconstruction: bool = setting(True, lambda value: True, "true or false")
    reconstruction_weight: float = setting(
        1.0, lambda value: 0 <= value < math.inf, "a number >= 0"
    )
    mask_mode: str = choice(
        "binary", "binary", "ternary", "attention", "random", "none"
    )
    mask_start: float | typing.Literal["auto"] = setting(
        0.01, automatic(math.isfinite), "a finite number, or auto"
    )
    mask_freeze: float | None = setting(
        None, optional(lambda value: 0 < value < 1), "a number in (0, 1), or none"
    )
    threshold: float = setting(0.005, math.isfinite, "a finite number")
    penalty: str = choice("sum", "sum", "l1")
    penalty_weight: float = setting(
        1e-4, lambda value: 0 <= value < math.inf, "a number >= 0"
    )
    mask_clamp: float | None = setting(
        None, optional(lambda value: 0 < value < math.inf), "a number > 0, or none"
    )
    modality_loss_weight: float = setting(
        0.0, lambda value: 0 <= value < math.inf, "a number >= 0"
    )
    modality_dropout: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    solver_units: int = positive_integer(256)
    dropout: float = setting(0.5, lambda value: 0 <= value < 1, "in [0, 1)")

    @property
    def quantizer_kind(self) -> str:
        """The quantizer that is built: without a decay the codes of "ema" learn by
        gradient. A decay of 0 is the published code's word for none."""
        if self.quantizer == "ema" and not self.decay:
            return "gradient"
        return self.quantizer
