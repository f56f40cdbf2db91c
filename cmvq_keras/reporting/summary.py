"""The numbers of a run in words, with what to be careful about."""

import math

import numpy as np

FEW = 200  # samples: a 95 % interval of an accuracy is then up to 14 points wide
COLLAPSED = 0.05  # share of the codes that is in use
BALANCED, LOPSIDED = 0.8, 0.2  # of zeta; ours


def summary(complementarity):
    """Sentences on which modality carries the task, and what zeta means here.

    Args:
        complementarity: see `cmvq_keras.metrics.complementarity`.
    """
    counts, zeta = complementarity["counts"], complementarity["zeta"]
    if len(counts) == 1:
        (name,) = counts
        yield (
            f"The run has one modality, {name}; the task sees {counts[name]:g} of its "
            f"{complementarity['channels']} channels. There is nothing to compare "
            "with: zeta is 0."
        )
        return
    order = sorted(counts, key=counts.get, reverse=True)
    shares = ", ".join(
        f"{name} {complementarity['compl'][name]:.1f} %" for name in order
    )
    yield f"Of all channels the task sees: {shares}."
    yield _leader(order, counts)
    if isinstance(zeta, dict):
        text = ", ".join(f"{name} {zeta[name]:.2f}" for name in order)
        balanced = 1 / (len(counts) - 1)
        yield (
            f"Zeta by modality is {text}: its complementary channels by those of all "
            f"others; {balanced:.2f} would be an equal share."
        )
    else:
        yield f"Zeta is {zeta:.2f}: {_meaning(zeta)}."


def information(measured):
    """Sentences on how many bits of the label each modality adds.

    Args:
        measured: see `cmvq_keras.evaluation.conditional_information.measure`; None
        where it was not.
    """
    if measured is None:
        return
    text = ", ".join(f"{name} {bits:.2f}" for name, bits in measured["bits"].items())
    yield f"Bits of the label that each modality adds to what the others know: {text}."
    zeta = measured["zeta"]
    if zeta is None:
        yield "None of them adds enough to compare: each knows what the others know."
    elif not isinstance(zeta, dict):
        yield f"Zeta of these bits is {zeta:.2f}."


def _leader(order, counts):
    first, second = order[:2]
    if counts[first] == 0:
        return "No channel is complementary: the task solver sees nothing."
    if counts[first] == counts[second]:
        equal = [name for name in order if counts[name] == counts[first]]
        return f"No modality leads: {' and '.join(equal)} have equally many channels."
    if 2 * counts[first] > sum(counts.values()):
        return f"Most of what the task uses comes from {first}."
    return f"No modality has the most of it; the largest share comes from {first}."


def _meaning(zeta):
    if zeta >= BALANCED:
        return "the modalities give the task about equally many channels"
    if zeta <= LOPSIDED:
        return "one modality gives nearly all of the channels that the task uses"
    return "both modalities serve the task, one more than the other"


def cautions(complementarity, metrics, num_embeddings, segments=False):
    """Sentences on what to be careful about.

    Args:
        complementarity: as in `summary`.
        metrics: of a split, see `cmvq_keras.evaluate`; empty where unmeasured.
        num_embeddings: codes of a codebook.
        segments: whether the task is segmentation, whose pixels are not independent.
    """
    yield (
        "Zeta counts channels of one trained mask. It depends on the penalty, the "
        "threshold, the optimizer and the seed: train several seeds before drawing a "
        "conclusion."
    )
    if "information" in metrics:
        yield (
            "The intervals of the bits are of the samples drawn, not of the training: "
            "another seed may differ by more."
        )
    for name, count in complementarity["counts"].items():
        if count == 0:
            yield (
                f"{name} has no complementary channel: the task does not see it, and "
                f"its pictures from complementary features hold nothing of the sample."
            )
    for name, used in metrics.get("codes_used", {}).items():
        if used <= max(1, COLLAPSED * num_embeddings):
            yield (
                f"The codebook of {name} has collapsed: {used} of {num_embeddings} "
                "codes are in use."
            )
    count, accuracy = metrics.get("n"), metrics.get("accuracy")
    if count is None or accuracy is None:
        yield "The split has not been measured: run cmvq evaluate first."
    elif segments:
        yield f"The scores are of {count} pictures, whose pixels are not independent."
    else:
        low, high = accuracy_interval(accuracy, count)
        few = "Few samples" if count < FEW else "The samples"
        yield (
            f"{few}: the accuracy of {100 * accuracy:.1f} % on n = {count} has a 95 % "
            f"bootstrap interval of {100 * low:.1f} to {100 * high:.1f} %."
        )


def accuracy_interval(accuracy, count, seed=0, draws=10_000):
    """The 95 % percentile bootstrap interval of an accuracy, in [0, 1].

    Drawing right and wrong answers with replacement is a binomial draw.
    """
    if not (count and math.isfinite(accuracy)):
        return 0.0, 1.0
    drawn = np.random.default_rng(seed).binomial(count, accuracy, draws) / count
    return tuple(np.quantile(drawn, (0.025, 0.975)).tolist())
