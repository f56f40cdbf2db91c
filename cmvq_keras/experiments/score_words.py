"""How a comparison writes a task's score, its differences and its intervals."""

import dataclasses

from cmvq_keras import tasks

_TITLES = {"macro_f1": "macro-F1", "mean_iou": "mean IoU", "r2": "R2", "mae": "MAE"}


def title(name: str) -> str:
    """A score's name for a person."""
    return _TITLES.get(name, name)


@dataclasses.dataclass(frozen=True)
class ScoreWords:
    """The words of one score.

    Args:
        factor: from the score to the number that is written.
        digits: of such a number in a sentence; a table has one or two more.
        unit: what follows it.
        heading: what follows a column's title.
        points: what a difference counts, in a column's title.
        of: the same in a sentence, after the number.
        one: what `cmvq_keras.experiments.paired.MARGIN` is called.
        least, most: of the number that is written; None without an end.
        chance: who has the score of chance.
    """

    factor: float
    digits: int
    unit: str
    heading: str
    points: str
    of: str
    one: str
    least: float | None
    most: float
    chance: str

    def value(self, score: float) -> str:
        """A score in a sentence: "81.2 %" or "0.812"."""
        return f"{self.factor * score:.{self.digits}f}{self.unit}"

    def plain(self, score: float, sign: str = "", more: int = 0) -> str:
        """The number alone.

        Args:
            score: a score, or a difference.
            sign: "+" to write it always.
            more: further digits.
        """
        return f"{self.factor * score:{sign}.{self.digits + more}f}"

    def amount(self, difference: float) -> str:
        """A difference without its sign: "3.2 points" or "0.032 of R2"."""
        return f"{self.plain(abs(difference))} {self.of}"

    def between(self, interval: tuple[float, float], sign: str = "+") -> str:
        """An interval: "95 %: +2.0 to +6.0"."""
        low, high = (self.plain(edge, sign) for edge in interval)
        return f"95 %: {low} to {high}"

    def signed(self, difference) -> str:
        """A difference with its interval: "+3.2, 95 %: +2.0 to +4.4"."""
        mean = self.plain(difference.mean, "+")
        return f"{mean}, {self.between(difference.interval)}"


PERCENT = ScoreWords(
    factor=100,
    digits=1,
    unit=" %",
    heading=" (%)",
    points="points",
    of="points",
    one="one point",
    least=0,
    most=100,
    chance="the commonest class",
)
PERCENT_OF_LABELS = dataclasses.replace(
    PERCENT, chance="the commoner answer to each class"
)
R2 = ScoreWords(
    factor=1,
    digits=3,
    unit="",
    heading="",
    points="R2",
    of="of R2",
    one="0.01 of R2",
    least=None,
    most=1,
    chance="the mean of the test samples",
)


def of_task(name: str) -> ScoreWords:
    """The words of a task's score.

    Args:
        name: of the task.
    """
    task = tasks.get(name)
    if task.has_targets:
        return R2
    return PERCENT if task.one_class or task.has_maps else PERCENT_OF_LABELS
