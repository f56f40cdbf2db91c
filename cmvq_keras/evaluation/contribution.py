"""What each modality of a classifier is worth: bits and accuracy of every subset."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from cmvq_keras import validation
from cmvq_keras.evaluation import batch_decomposition, contribution_input, shapley
from cmvq_keras.evaluation import decomposition as pid
from cmvq_keras.evaluation.contribution_result import (
    Contribution,
    DecompositionResult,
    Estimate,
)
from cmvq_keras.evaluation.intervals import NORMAL, standard_error
from cmvq_keras.evaluation.subset_outputs import SubsetOutputs
from cmvq_keras.evaluation.subsets import Subsets
from cmvq_keras.models.multimodal import MultimodalClassifier

#: Up to so many modalities every subset is measured: 64 predictions of all samples.
MOST_EXACT = 6
PAIRS = 32  # of orders, beyond that
RESAMPLES = 20  # for the decomposition's interval
TASKS = ("classification", "segmentation")
_SEED = 0

NOT_TRAINED = (
    "This model was not trained to do without a modality (no modality dropout): the "
    "numbers say how much the model leans on each one, not what the data holds."
)
UNKNOWN = (
    "Unless this model was trained to do without a modality in this way, the numbers "
    "say how much it leans on each one, not what the data holds. If it was, pass "
    "trained_without=True."
)
ONE_AT_A_TIME = (
    "Modality dropout leaves out one modality at a time: Shapley values and "
    "interactions also count subsets that lack more, which the model was not trained "
    "for."
)


def contribution(
    model: keras.Model | Callable[[dict[str, Any]], Any],
    x: Mapping[str, Any],
    y: Any,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    without: str
    | Callable[[dict[str, Any], tuple[str, ...]], dict[str, Any]]
    | None = None,
    decomposition: str | None = None,
    cells: int | None = None,
    from_logits: bool | None = None,
    trained_without: bool | None = None,
    batch_size: int = 128,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Contribution:
    """Measures what each modality of a trained classifier is worth.

    The classifier predicts the same labelled samples with every subset of its
    modalities. A subset's value is its cross entropy in bits, at the temperature that
    is best on the other half of the samples, or its accuracy. The empty subset knows
    only how often each class occurs. Of these values:

    - Bits added: the cross entropy without a modality minus that with all of them. In
      a classifier that knows the right probabilities this is I(label; modality |
      others). It is below 0 where the modality misleads.
    - Shapley values: what a modality adds to those before it, over all orders of the
      modalities. They sum to what all of them are worth together.
    - Interactions: what a pair adds beyond what each of the two adds. Below 0 the two
      tell the same.

    A bad choice for samples that the model was trained on: take test samples.

    Args:
        model: a classifier, built and trained: any Keras model whose input is a
            dictionary, or a callable like one. Its outputs are logits or
            probabilities `(batch, ..., classes)`; one column is that of class 1 of
            two; of several outputs "task" is read.
        x: by input, `(n, ...)`, two samples or more.
        y: labels `(n, ...)`, whole numbers.
        groups: by modality, its inputs, left out together; None for a modality an
            input. Inputs in no group are never left out.
        without: what stands in for a modality that is left out. "zeros"; "mean", of
            the input over `x`; "shuffle", another sample's; a function of a batch
            (a dictionary) and the names of the missing inputs, to the batch that the
            model gets; "model", a cmvq_keras model's own way: zeros in its channels.
            None for "model" where there is one, else "zeros".
        decomposition: a partial information decomposition of two modalities.
            "posteriors" or "predictions" take cells, see
            `cmvq_keras.evaluation.decomposition`, and need the extra `decomposition`;
            "batches" takes each sample as it is, see
            `cmvq_keras.evaluation.batch_decomposition`.
        cells: of "posteriors", in [2, 20]; None for one more than there are classes.
        from_logits: whether the outputs are logits; None to see by their values.
        trained_without: whether the model was trained to do without a modality in
            this way; None for what a cmvq_keras model knows of itself, else unknown.
        batch_size: samples a batch.
        pairs: of orders that are drawn for more than 6 modalities, >= 2.
        seed: of "shuffle" and of the orders, an integer >= 0.

    Returns:
        A `Contribution`: printed it is a table, `as_dict()` is for JSON.

    Raises:
        ImportError: for a decomposition without cvxpy, with what to install.
        InputError: for inputs and labels that do not fit the model or each other.
        ValueError: for fewer than two modalities, unknown names, arguments out of
            range, and a model whose outputs are not finite.

    Reference: Shapley 1953; Covert et al., Understanding global feature contributions
    with additive importance measures, NeurIPS 2020 (the loss as the game's value);
    Bertschinger et al., Entropy 2014.
    """
    validation.in_range(batch_size, "`batch_size`", "[1, inf)", int)
    validation.in_range(pairs, "`pairs`", "[2, inf)", int)
    validation.in_range(seed, "`seed`", "[0, inf)", int)
    own = isinstance(model, MultimodalClassifier)
    if own and model.task not in TASKS:  # pyright: ignore
        raise ValueError(
            "The model must give one class per label, as in classification and "
            f"segmentation. Received: a model of the task {model.task}"  # pyright: ignore
        )
    groups = contribution_input.groups(model, x, groups)
    y = contribution_input.labels(x, y)
    contribution_input.check_decomposition(decomposition, cells, groups)
    without = without or ("model" if own else "zeros")
    outputs = SubsetOutputs(
        model,
        x,
        y,
        groups=groups,
        without=without,
        batch_size=batch_size,
        seed=seed,
    )
    subsets = Subsets(
        outputs,
        from_logits=True if own else from_logits,
        ignore_class=getattr(model, "ignore_class", None),
    )
    names = tuple(groups)
    return Contribution(
        modalities=names,
        samples=len(y),
        without=without if isinstance(without, str) else "function",
        **_of_subsets(subsets, names, pairs, seed),
        decomposition=(
            _decomposed(subsets, names, y, decomposition, cells)
            if decomposition
            else None
        ),
        cautions=_cautions(model, without, names, trained_without),
    )


def _of_subsets(subsets, names, pairs, seed):
    """The fields of a `Contribution` that the subsets' outcomes give."""

    def known_bits(subset):
        return -subsets[subset].bits

    def right(subset):
        return np.asarray(subsets[subset].hits, np.float64)

    exact = len(names) <= MOST_EXACT
    found, orders_interval = {"added": shapley.added(known_bits, names)}, {}
    labels = max(subsets[names].sizes.sum(), 1.0)
    for key, value in (("shapley", known_bits), ("shapley_accuracy", right)):
        if exact:
            found[key] = shapley.values(value, names)
            continue
        found[key], sums = shapley.permutation_values(
            value, names, pairs=pairs, seed=seed
        )
        orders_interval[key] = {
            name: _mean_interval(each / labels) for name, each in sums.items()
        }
    pairs_bits = shapley.interactions(known_bits, names) if exact else {}
    found["interactions"] = {",".join(pair): v for pair, v in pairs_bits.items()}
    sizes = subsets[names].sizes
    listed = [
        each
        for each in shapley.subsets(names)
        if exact or len(each) in (0, 1, len(names) - 1, len(names))
    ]
    return {
        **{
            key: {name: _estimate(each, sizes) for name, each in values.items()}
            for key, values in found.items()
        },
        "per_sample": found,
        "orders": None if exact else 2 * pairs,
        "orders_interval": orders_interval,
        "cross_entropy": {
            each: float(subsets[each].bits.sum() / labels) for each in listed
        },
        "accuracy": {each: float(subsets[each].hits.sum() / labels) for each in listed},
    }


def _estimate(values, sizes):
    """The mean a label with its interval over samples."""
    labels = max(sizes.sum(), 1.0)
    mean = float(values.sum() / labels)
    spread = NORMAL * standard_error(values - mean * sizes, labels)
    return Estimate(mean, (mean - spread, mean + spread))


def _mean_interval(values):
    mean = float(values.mean())
    spread = NORMAL * standard_error(values - mean, len(values))
    return mean - spread, mean + spread


def _decomposed(subsets, names, y, kind, cells):
    alone = [subsets[name,].probabilities for name in names]
    if alone[0] is None:
        raise ValueError(
            "A decomposition needs one label per sample. Received: a model with "
            "several, such as one per pixel"
        )
    if kind == pid.BATCHES:
        first, second = alone
        return _in_batches(first, second, subsets[names].probabilities, names)
    first, second = (pid.cells(each, kind=kind, most=cells) for each in alone)
    y = y.reshape(-1).astype(np.int64)
    counts = pid.joint_counts(first, second, y)
    generator = np.random.default_rng(_SEED)
    draws = [
        pid.decompose(pid.joint_counts(first[rows], second[rows], y[rows]))
        for rows in generator.integers(len(y), size=(RESAMPLES, len(y)))
    ]
    whole = pid.decompose(counts)

    def estimate(part):
        value = part(whole)
        spread = NORMAL * float(np.std([part(each) for each in draws], ddof=1))
        return Estimate(value, (value - spread, value + spread))

    return DecompositionResult(
        kind=kind,
        cells=(counts.shape[0], counts.shape[1]),
        redundant=estimate(lambda each: each.redundant),
        unique={
            name: estimate(lambda each, place=place: each.unique[place])
            for place, name in enumerate(names)
        },
        synergistic=estimate(lambda each: each.synergistic),
        bias=pid.bias(counts),
    )


def _in_batches(first, second, both, names):
    sizes, found = zip(
        *batch_decomposition.decompose_batches(first, second, both, _SEED), strict=True
    )
    shares = np.array(sizes) / sum(sizes)

    def estimate(part):
        values = np.array([part(each) for each in found])
        value = float(shares @ values)
        spread = NORMAL * standard_error(values - value, len(values))
        return Estimate(value, (value - spread, value + spread))

    return DecompositionResult(
        kind=pid.BATCHES,
        cells=None,
        redundant=estimate(lambda each: each.redundant),
        unique={
            name: estimate(lambda each, place=place: each.unique[place])
            for place, name in enumerate(names)
        },
        synergistic=estimate(lambda each: each.synergistic),
        bias=None,
        batches=len(found),
    )


def _cautions(model, without, names, trained_without):
    if trained_without is None:
        if without != "model":
            return (UNKNOWN,)
        trained_without = model.trained_without
    if not trained_without:
        return (NOT_TRAINED,)
    # Of more than two modalities, subsets that lack two were never seen in training.
    is_dropout = getattr(model, "modality_dropout", 0) > 0 and without == "model"
    return (ONE_AT_A_TIME,) if is_dropout and len(names) > 2 else ()
