"""What to be careful about when a report is read, in words."""

from cmvq_keras import tasks
from cmvq_keras.evaluation.intervals import accuracy_interval
from cmvq_keras.layers import quantizer

FEW = 200  # samples: a 95 % interval of an accuracy is then up to 14 points wide
COLLAPSED = 0.05  # share of the codes that is in use


def cautions(recipe, complementarity, metrics, probes=None, attribute="label"):
    """Sentences on what to be careful about.

    Args:
        recipe: the run's `Recipe`.
        complementarity: see `cmvq_keras.metrics.complementarity`.
        metrics: of a split, see `cmvq_keras.evaluate`; empty where unmeasured.
        probes: see `cmvq_keras.reporting.probes.probe`, by modality and part.
        attribute: what the probes read.
    """
    task = tasks.get(recipe.task)
    masked = recipe.model.mask_mode != "none"
    if masked and len(complementarity["counts"]) > 1:
        yield (
            "Zeta counts channels of one trained mask, not what they are worth. It "
            "depends on the penalty, the threshold, the optimizer and the seed. Train "
            "several seeds before you draw a conclusion."
        )
    yield from _of_samples(recipe, metrics)
    yield from unseen(complementarity)
    if masked and attribute == "label":
        # Of several labels the accuracy is another one than a probe's.
        yield from hidden(probes or {}, metrics if task.one_class else {})
    yield from collapsed(metrics, quantizer.codes_of(recipe.model)[0])
    if task.has_targets:
        yield from _of_numbers(metrics)
    else:
        yield from accuracy(metrics, task.has_maps, task.one_class or task.has_maps)


def _of_samples(recipe, metrics):
    if "information" in metrics:
        yield (
            "The intervals of the bits cover the drawn samples, not the training: "
            "another seed may differ by more."
        )
    if metrics.get("without") and not recipe.model.modality_dropout:
        yield (
            "The run was trained without modality dropout. A loss without a modality "
            "says how much this model relies on it, not what the others could provide. "
            "Preset calibrated trains for that."
        )


def unseen(complementarity):
    """A sentence a modality without any complementary channel."""
    for name, count in complementarity["counts"].items():
        if count == 0:
            yield (
                f"Modality {name} has no complementary channel. The task does not see "
                "it, and its pictures from complementary features show nothing of the "
                "sample."
            )


def hidden(probes, metrics):
    """Sentences on contradictory features that hold the label after all.

    Args:
        probes: see `cmvq_keras.reporting.probes.probe`, by modality and part.
        metrics: of a split, see `cmvq_keras.evaluate`.
    """
    _, run_high = accuracy_interval(metrics.get("accuracy", 1.0), metrics.get("n"))
    for name, parts in probes.items():
        probe = parts["contradictory"]
        low, _ = accuracy_interval(probe["accuracy"], probe["n_test"])
        chance = max(probe["permuted_interval"][1], probe["most_frequent"])
        if low <= chance:
            continue
        share = f"{100 * probe['accuracy']:.0f} %"
        yield (
            f"A linear probe reads the label from the contradictory features of {name} "
            f"at {share} (chance: at most {100 * chance:.0f} %). Contradictory means "
            "that the task does not see them, not that they hold nothing."
        )
        if low > run_high:
            yield (
                f"That is more than the run's {100 * metrics['accuracy']:.0f} %: the "
                f"mask hides features of {name} that would help the task."
            )


def collapsed(metrics, num_codes):
    """A sentence a codebook of which next to nothing is in use."""
    for name, used in metrics.get("codes_used", {}).items():
        if used <= max(1, COLLAPSED * num_codes):
            yield (
                f"The codebook of {name} has collapsed: {used} of {num_codes} "
                "codes are in use."
            )


def _of_numbers(metrics):
    """A sentence on what R2 is measured on."""
    if metrics.get("r2") is None:
        yield "The split has not been measured. Do: cmvq evaluate RUN"
        return
    few = "The samples are few. " if metrics["n"] < FEW else ""
    yield (
        f"{few}R2 is {metrics['r2']:.3f} on n = {metrics['n']} samples: 0 is as good "
        "as their mean. It depends on how much these samples vary."
    )
    if "information" in metrics:
        yield (
            "The bits count errors as Gaussian, with one variance a target. Errors of "
            "another form can hold more."
        )


def accuracy(metrics, segments=False, one_class=True):
    """A sentence on how exactly the accuracy is known.

    Args:
        metrics: of a split, see `cmvq_keras.evaluate`.
        segments: whether the labels are of pixels, which are not independent.
        one_class: whether a sample has one class, so that it is right or wrong.
    """
    count, share = metrics.get("n"), metrics.get("accuracy")
    if count is None or share is None:
        yield "The split has not been measured. Do: cmvq evaluate RUN"
    elif segments:
        yield f"The scores are of {count} pictures. Their pixels are not independent."
    elif not one_class:
        yield (
            f"The scores are of n = {count} samples. Accuracy counts each class of a "
            "sample; where classes are rare, a high accuracy says little: see F1."
        )
    else:
        low, high = accuracy_interval(share, count)
        few = "The samples are few. " if count < FEW else ""
        yield (
            f"{few}The accuracy is {100 * share:.1f} % on n = {count} samples (exact "
            f"95 % interval: {100 * low:.1f} to {100 * high:.1f} %)."
        )
