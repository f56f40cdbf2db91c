"""The numbers on what each modality is worth: as a value, for JSON and as tables."""

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

#: What is estimated, by its field, as texts name it.
TITLES = {
    "added": "bits added",
    "shapley": "Shapley bits",
    "shapley_accuracy": "Shapley accuracy",
    "interactions": "interaction",
}
#: A table: its header and its rows of cells.
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Args:
        value: the number.
        interval: its two ends: over samples, or over trainings where that is said.
    """

    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        return f"{_fixed(self.value)} ({between(self.interval)})"

    def in_points(self) -> str:
        """A share as a text, in points of a hundred."""
        return f"{_fixed(100 * self.value, 1)} ({between(self.interval, 100, 1)})"


@dataclasses.dataclass(frozen=True)
class DecompositionResult:
    """A partial information decomposition of two modalities' own predictions.

    Args:
        kind: "posteriors", probabilities in clusters; "predictions", classes; or
            "batches", probabilities as they are.
        cells: how many of them each modality has; None for batches.
        redundant, synergistic: bits; the intervals come from resampled samples, or
            from the batches.
        unique: bits by modality.
        bias: bits by which the four parts together are too large, roughly, as the
            samples are finite; see `cmvq_keras.evaluation.decomposition.bias`. None
            for batches.
        batches: how many there were; None for cells.
    """

    kind: str
    cells: tuple[int, int] | None
    redundant: Estimate
    unique: dict[str, Estimate]
    synergistic: Estimate
    bias: float | None
    batches: int | None = None

    def note(self) -> str:
        """What it was made of, a sentence or two."""
        if self.cells is None:
            return (
                f"Decomposition of posteriors as they are, in {self.batches} batches. "
                "What both tell together is what the model makes of both."
            )
        return (
            f"Decomposition of {self.kind} in {' x '.join(map(str, self.cells))} "
            f"cells. Chance adds about {self.bias:.3f} bits to their sum. It sees what "
            "each modality's own predictions say: where neither predicts anything "
            "alone, as in an XOR, all parts are 0. The interaction shows that, and so "
            "does the decomposition in batches."
        )

    def estimates(self) -> dict[str, Estimate]:
        """The four parts by name, in bits."""
        unique = {f"unique to {name}": each for name, each in self.unique.items()}
        return {
            "redundant": self.redundant,
            **unique,
            "synergistic": self.synergistic,
        }


@dataclasses.dataclass(frozen=True)
class Contribution:
    """What each modality of a classifier is worth; see
    `cmvq_keras.evaluation.contribution.contribution`.

    All bits and accuracies are per label. Intervals are of 95 % over the samples.

    Args:
        modalities: their names.
        samples: how many there were.
        without: what stood in for a modality that was left out.
        cross_entropy: bits by subset, a tuple of names; () knows no modality.
        accuracy: in [0, 1] by subset.
        added: bits by modality.
        shapley: bits by modality; they sum to those of all modalities.
        shapley_accuracy: the same in accuracy, in [-1, 1].
        interactions: bits by pair "a,b"; none for more than 6 modalities.
        orders: how many orders the Shapley values are averaged over; None where they
            are exact.
        orders_interval: by "shapley" and "shapley_accuracy" and modality the interval
            over these orders, which is no interval over samples.
        per_sample: by "added", "shapley", "shapley_accuracy", "interactions", then by
            modality or pair, `(n,)`: sums over a sample's labels.
        decomposition: of two modalities; None where it was not asked for.
        cautions: what to know before the numbers are believed, a sentence each.
        names: `(n,)` the samples' names; None where nobody gave them.
    """

    modalities: tuple[str, ...]
    samples: int
    without: str
    cross_entropy: dict[tuple[str, ...], float]
    accuracy: dict[tuple[str, ...], float]
    added: dict[str, Estimate]
    shapley: dict[str, Estimate]
    shapley_accuracy: dict[str, Estimate]
    interactions: dict[str, Estimate]
    orders: int | None
    orders_interval: dict[str, dict[str, tuple[float, float]]]
    per_sample: dict[str, dict[str, np.ndarray]] = dataclasses.field(
        repr=False, compare=False
    )
    decomposition: DecompositionResult | None
    cautions: tuple[str, ...]
    names: np.ndarray | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def as_dict(self) -> dict[str, Any]:
        """The numbers for JSON, without those of single samples.

        Subsets are named "a,b", the empty one "none".
        """
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("per_sample", "names")
        }
        return _plain(fields)

    def estimates(self) -> dict[str, Estimate]:
        """All estimates by a name of their own, such as "image: bits added"."""
        found = {
            f"{name}: {title}": each
            for field, title in TITLES.items()
            for name, each in getattr(self, field).items()
        }
        if self.decomposition is not None:
            found |= self.decomposition.estimates()
        return found

    def tables(self) -> Iterator[Table]:
        """The tables that a person reads, with their numbers as texts."""
        yield (
            ("Modality", "Bits added", "Shapley bits"),
            [
                (name, str(self.added[name]), str(self.shapley[name]))
                for name in self.modalities
            ],
        )
        yield (
            ("Modality", "Shapley accuracy, points"),
            [
                (name, self.shapley_accuracy[name].in_points())
                for name in self.modalities
            ],
        )
        if self.orders is not None:
            bits, accuracies = self.orders_interval.values()
            yield (
                (f"Over {self.orders} orders", "Shapley bits", "Shapley accuracy"),
                [
                    (name, between(bits[name]), between(accuracies[name], 100, 1))
                    for name in self.modalities
                ],
            )
        yield (
            ("Known", "Cross entropy (bits)", "Accuracy"),
            [
                (named(subset), f"{bits:.3f}", f"{100 * self.accuracy[subset]:.2f} %")
                for subset, bits in self.cross_entropy.items()
            ],
        )
        if self.interactions:
            yield (
                ("Pair", "Interaction (bits)"),
                [(pair, str(each)) for pair, each in self.interactions.items()],
            )
        if self.decomposition is not None:
            parts = self.decomposition.estimates()
            rows = [(name, str(each)) for name, each in parts.items()]
            yield ("Decomposition", "Bits"), rows

    def notes(self) -> Iterator[str]:
        """What stands under the tables, a sentence each."""
        yield "In brackets: 95 % over the samples, not over other trainings."
        if self.decomposition is not None:
            yield self.decomposition.note()
        yield from self.cautions

    def __str__(self) -> str:
        blocks = [_aligned(header, rows) for header, rows in self.tables()]
        blocks += [textwrap.fill(note, 80) for note in self.notes()]
        return "\n\n".join(blocks)


def between(interval: tuple[float, float], factor: float = 1, digits: int = 3) -> str:
    """An interval as a text."""
    return " to ".join(_fixed(factor * end, digits) for end in interval)


def _fixed(value, digits=3):
    # + 0.0: no "-0.000".
    return f"{round(value, digits) + 0.0:.{digits}f}"


def named(subset: tuple[str, ...]) -> str:
    """A subset of the modalities as one name."""
    return ",".join(subset) or "none"


def _plain(value) -> Any:
    if isinstance(value, dict):
        return {
            named(key) if isinstance(key, tuple) else key: _plain(each)
            for key, each in value.items()
        }
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _aligned(header, rows):
    """A table as wide as its cells: a script's text knows no terminal, which rich's
    tables are laid out for."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)
