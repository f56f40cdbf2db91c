"""What a comparison has measured, by its part in the verdict."""

import dataclasses

from cmvq_keras.experiments import paired, score_words, table_content
from cmvq_keras.experiments.paired import Difference
from cmvq_keras.experiments.plan import SHALLOW
from cmvq_keras.experiments.score_words import ScoreWords
from cmvq_keras.experiments.table_content import Number, Row
from cmvq_keras.runs import learning
from cmvq_keras.runs.run import Run

ENSEMBLE = "ensemble"


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The rows that the rules of `cmvq_keras.experiments.findings` look at.

    Args:
        score: what the score is called, e.g. "accuracy".
        words: how it is written.
        alone: the row of each modality alone, by modality.
        fusion, ensemble, ours, shallow: plain fusion, the mean of the modalities'
            probabilities, CM-VQVAE and kernel ridge; None where not trained.
        chance: the score of always naming the commonest class (the mean, for numbers);
            None where it is not known.
        rises: by label how far the validation score, the mean over seeds, rose at the
            end of the training, in points; 0 where it did not.
        epochs: of the trainings.
        n: test samples.
        seeds: how many seeds the rows have, at most.
    """

    score: str
    alone: dict[str, Row]
    fusion: Row | None = None
    ensemble: Row | None = None
    ours: Row | None = None
    shallow: Row | None = None
    chance: float | None = None
    rises: dict[str, float] = dataclasses.field(default_factory=dict)
    epochs: int = 0
    n: int = 0
    seeds: int = 0
    words: ScoreWords = score_words.PERCENT

    @property
    def joint(self) -> list[Row]:
        """The rows that see all modalities and are networks, the best one first."""
        rows = [row for row in (self.fusion, self.ensemble, self.ours) if row]
        return sorted(rows, key=lambda row: -_mean(row))

    @property
    def best_alone(self) -> str | None:
        """The modality with the highest score alone; None without any."""
        return max(self.alone, key=lambda name: _mean(self.alone[name]), default=None)

    @property
    def networks(self) -> list[Row]:
        """All rows of networks, the best one first."""
        return sorted([*self.alone.values(), *self.joint], key=lambda row: -_mean(row))

    def shallow_difference(self) -> Difference | Number | None:
        """Kernel ridge minus the best network; None where they share no seeds."""
        if self.shallow is None or not self.networks:
            return None
        best = self.networks[0]
        if best is self.ours:
            return self.shallow.difference
        if best is self.fusion:
            return self.shallow.against.get("fusion")
        return self.shallow.against.get("alone") if best not in self.joint else None


def _mean(row):
    return row.score.mean


def of_study(study, rows, results) -> Evidence:
    """The `Evidence` of a comparison.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        rows: its `table_content.Row`s with a finished training.
        results: its `trial.Result`s.
    """
    method = {row["label"]: row["method"] for row in study.rows}
    by_label = {row.label: row for row in rows}
    modalities = study.recipe.modalities
    alone = {
        name: by_label[f"{name}-alone"]
        for name in modalities
        if method.get(f"{name}-alone") == paired.ALONE and f"{name}-alone" in by_label
    }
    finished = [each for each in results if not each.failure]
    score, _ = table_content.score_names(study)
    return Evidence(
        score=score_words.title(score),
        alone=alone,
        fusion=by_label.get(paired.FUSION),
        ensemble=by_label.get(ENSEMBLE),
        ours=by_label.get(paired.OURS),
        shallow=by_label.get(SHALLOW),
        chance=_chance(study, finished),
        rises=_rises(finished),
        epochs=study.recipe.training.epochs,
        n=rows[0].n if rows else 0,
        seeds=max((len(row.seeds) for row in rows), default=0),
        words=score_words.of_task(study.recipe.task),
    )


def _chance(study, finished):
    """The score of chance on the test samples."""
    if not finished:
        return None
    return finished[0].outcomes(study.recipe_of(finished[0].label)).chance()


def _rises(finished):
    runs = {}
    for each in finished:
        runs.setdefault(each.label, []).append(Run(each.folder))
    return {label: learning.mean_rise_at_end(own) for label, own in runs.items()}
