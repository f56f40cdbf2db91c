"""Everything that a report says of a run, as numbers and sentences."""

# pyright: reportArgumentType=false

import dataclasses

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data.datasets import pairing
from cmvq_keras.evaluation import missing_modality
from cmvq_keras.reporting import cautions, pooled_features, probes, summary
from cmvq_keras.runs.evaluate import evaluate_from
from cmvq_keras.runs.load import precision_policy

PROBED = 1000  # samples of a split, for probes
DRAWN = 500  # of those, for t-SNE, whose time grows faster than their number
LABEL = "label"


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The numbers of a report.

    Args:
        metrics: of the split, see `cmvq_keras.evaluate`.
        complementarity: see `cmvq_keras.metrics.complementarity`.
        summary, cautions: sentences.
        weights: the mask's `(channels,)` by modality.
        attribute: what the features are colored by and probed for; None where a
            sample has no single word, as under segmentation.
        words: `(n,)` the attribute of the drawn samples.
        points: t-SNE by modality and part, `(n, 2)` or None.
        probes: see `cmvq_keras.reporting.probes.probe`, by modality and part.
    """

    metrics: dict
    complementarity: dict
    summary: list[str]
    cautions: list[str]
    weights: dict[str, np.ndarray]
    attribute: str | None
    words: np.ndarray | None
    points: dict
    probes: dict

    def to_dict(self):
        """The numbers as a dict for JSON; points and weights as lists."""
        content = dataclasses.asdict(self)
        content["words"] = None if self.words is None else list(self.words)
        return content


def find(opened, attribute=None, seed=0, on_progress=None):
    """Measures what a report says.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`.
        attribute: a column of the store's meta.csv; None for the label.
        seed: of probes and projections.
        on_progress: function that takes the name of each step before it starts.

    Returns:
        `Analysis`.

    Raises:
        ValueError: for an attribute that the store does not have, or that no two
            words share among the samples.
    """
    report = on_progress or _silent
    recipe, model = opened.recipe, opened.model
    words = _words(opened, attribute)
    report("scores without each modality")
    metrics = with_missing_modalities(opened, opened.run.metrics.get(opened.name) or {})
    measured = model.complementarity()
    points, probed = {}, {}
    if words is not None:
        rows = _some_of(len(words), PROBED, seed)
        words = words[rows]
        parts = pooled_features.of_samples(model, opened.inputs(rows))
        report("t-SNE")
        drawn = _some_of(len(words), DRAWN, seed)
        points = _by_part(parts, lambda values: probes.project(values[drawn], seed))
        report("linear probes")
        probed = _probe(opened, rows, parts, words, seed)
        words = words[drawn]
        if attribute and not probed:
            raise ValueError(
                f"--attribute {attribute} must have two words with at least "
                f"{probes.MIN_OF_A_CLASS} samples each."
            )
    shown = None if words is None else attribute or LABEL
    return Analysis(
        metrics=metrics,
        complementarity=measured,
        summary=_summary(recipe, measured, metrics),
        cautions=list(cautions.cautions(recipe, measured, metrics, probed, shown)),
        weights=model.channel_weights(),
        attribute=shown,
        words=words,
        points=points,
        probes=probed,
    )


def _silent(step):
    """Reports nothing."""


def _summary(recipe, complementarity, metrics):
    return [
        *summary.channels(complementarity, recipe.model.mask_mode),
        *summary.information(metrics.get("information")),
        *summary.missing(metrics.get("without"), tasks.get(recipe.task).score_word),
        *summary.disagreement(complementarity, metrics),
    ]


def _probe(opened, rows, parts, words, seed):
    """Probes by modality and part; none where the words are too few."""
    samples = np.asarray(opened.split.samples)[rows]
    raw = pairing.raw_samples(samples, list(opened.recipe.modalities))
    found = {
        name: {
            part: probes.probe(values, words, seed, groups=raw[name])
            for part, values in by_part.items()
        }
        for name, by_part in parts.items()
    }
    fit = all(None not in by_part.values() for by_part in found.values())
    return found if fit else {}


def with_missing_modalities(opened, metrics):
    """Metrics of a split with the scores without each modality that the task sees.

    They are measured where they are not noted; the run folder is not written to.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`.
        metrics: of its split, see `cmvq_keras.evaluate`.
    """
    model, noted = opened.model, metrics.get("without") or {}
    names = model.task_modalities
    if len(names) < 2:
        return metrics
    if any("drop" not in noted.get(name, {}) for name in names):
        with precision_policy(opened.recipe.training.precision):
            noted = missing_modality.measure(model, opened.recipe, opened.split, names)
    return {**metrics, "without": {name: noted[name] for name in names}}


def measure_if_needed(run, split, source):
    """Measures a run on a split that its metrics.json does not have yet.

    Args:
        run: an open `Run`.
        split: the split's name.
        source: a `cmvq_keras.runs.data_source.DataSource`.
    """
    if split not in run.metrics:
        evaluate_from(source, run, split)


def _words(opened, attribute):
    if attribute is not None and attribute != LABEL:
        if attribute not in opened.attributes:
            known = ", ".join((LABEL, *opened.attributes))
            raise ValueError(
                f"--attribute must be one of {known}. Received: {attribute}"
            )
        return np.asarray(opened.attributes[attribute])
    task = tasks.get(opened.recipe.task)
    return task.words(opened.split.y, opened.recipe)


def _some_of(count, most, seed):
    """Places of at most so many of `count` samples, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _by_part(parts, function):
    return {
        name: {part: function(values) for part, values in by_part.items()}
        for name, by_part in parts.items()
    }
