"""Everything that a report tells of a run, as numbers."""

import dataclasses

import numpy as np
from keras import ops

from cmvq_keras.data.datasets import pairing
from cmvq_keras.reporting import pooled_features, probes, summary
from cmvq_keras.runs.evaluate import evaluate

LOOKED_AT = 1000  # samples of a split, for probes and t-SNE
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
        words: `(n,)` the attribute of the looked-at samples.
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


def find(opened, attribute=None, seed=0):
    """Measures what a report tells.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`.
        attribute: a column of the store's meta.csv; None for the label.
        seed: of probes and projections.

    Returns:
        `Analysis`.

    Raises:
        ValueError: for an attribute that the store does not have, or that no two
            words share among the samples.
    """
    recipe, model = opened.recipe, opened.model
    named = _words(opened, attribute)
    metrics = opened.run.metrics.get(opened.name)
    measured = model.complementarity()
    points, found = {}, {}
    if named is not None:
        rows = _rows(len(named), seed)
        named = named[rows]
        parts = pooled_features.of_samples(model, opened.inputs(rows))
        points = _by_part(parts, lambda values: probes.project(values, seed))
        samples = np.asarray(opened.split.samples)[rows]
        raw = pairing.raw_samples(samples, list(recipe.modalities))
        found = {
            name: {
                part: probes.probe(values, named, seed, groups=raw[name])
                for part, values in by_part.items()
            }
            for name, by_part in parts.items()
        }
        if any(None in by_part.values() for by_part in found.values()):
            found = {}
        if attribute and not found:
            raise ValueError(
                f"--attribute {attribute} must have two words with at least "
                f"{probes.MIN_OF_A_CLASS} samples each."
            )
    segments = recipe.task == "segmentation"
    sentences = [
        *summary.summary(measured),
        *summary.information(_information(metrics)),
    ]
    codes = recipe.model.num_embeddings
    return Analysis(
        metrics=metrics,
        complementarity=measured,
        summary=sentences,
        cautions=list(summary.cautions(measured, metrics, codes, segments)),
        weights=mask_weights(model),
        attribute=None if named is None else attribute or LABEL,
        words=named,
        points=points,
        probes=found,
    )


def _information(metrics):
    return (metrics or {}).get("information")


def measure_if_needed(run, split, data_dir=None, store=None):
    """Measures a run on a split that its metrics.json does not have yet."""
    if split not in run.metrics:
        evaluate(run, split, data_dir, store)


def mask_weights(model):
    """The mask's real weights by modality, `(channels,)` float32."""
    weights = ops.convert_to_numpy(model.mask.channel_weights)
    parts = np.split(weights, len(model.modalities))
    return dict(zip(model.modalities, parts, strict=True))


def pairwise_matrix(complementarity):
    """`(names, matrix)` of zeta by pair, NaN on the diagonal; None for fewer than
    three modalities."""
    if "pairwise_zeta" not in complementarity:
        return None
    names = list(complementarity["counts"])
    matrix = np.full((len(names), len(names)), np.nan)
    for pair, value in complementarity["pairwise_zeta"].items():
        first, second = (names.index(name) for name in pair.split(","))
        matrix[first, second] = matrix[second, first] = value
    return names, matrix


def _words(opened, attribute):
    if attribute is not None and attribute != LABEL:
        if attribute not in opened.attributes:
            known = ", ".join((LABEL, *opened.attributes))
            raise ValueError(
                f"--attribute must be one of {known}. Received: {attribute}"
            )
        return np.asarray(opened.attributes[attribute])
    if opened.recipe.task == "segmentation":
        return None
    return np.asarray(opened.recipe.classes)[np.asarray(opened.split.y)]


def _rows(count, seed):
    if count <= LOOKED_AT:
        return np.arange(count)
    drawn = np.random.default_rng(seed).choice(count, LOOKED_AT, replace=False)
    return np.sort(drawn)


def _by_part(parts, function):
    return {
        name: {part: function(values) for part, values in by_part.items()}
        for name, by_part in parts.items()
    }
