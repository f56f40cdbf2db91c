"""Equal tuning: each method chooses one number from four by validation alone.

The trainings lie in a comparison of their own, in the folder `tuning` of the one that
they are for, so that they go on after a kill and their tables can be read. Their seeds
are none of the comparison's.
"""

import dataclasses

import numpy as np

from cmvq_keras import methods, recipes
from cmvq_keras.experiments import plan, runner
from cmvq_keras.experiments.study import COMPARE, begin
from cmvq_keras.methods.method import DROPOUT, WEIGHT_DECAY

FOLDER = "tuning"


def seeds_of(count, seeds):
    """The tuning seeds.

    Args:
        count: how many.
        seeds: those of the comparison.

    Raises:
        ValueError: when a seed would be in both.
    """
    found = range(plan.FIRST_TUNING_SEED, plan.FIRST_TUNING_SEED + count)
    if shared := sorted(set(found) & set(seeds)):
        raise ValueError(
            f"Seeds must not be those of the tuning, {found[0]} to {found[-1]}. "
            f"Received: {', '.join(map(str, shared))}"
        )
    return found


def tuned(variant):
    """The name of the number that a variant chooses, and its values.

    Args:
        variant: a `plan.Variant`.
    """
    found = methods.get(variant.method).tuned
    # A segmentation's head has no dropout.
    is_segmentation = variant.recipe.task == "segmentation"
    return WEIGHT_DECAY if is_segmentation and found == DROPOUT else found


def candidates(variant):
    """The variants among which one chooses: by value, in the method's order.

    Args:
        variant: a `plan.Variant`.
    """
    name, values = tuned(variant)
    found = {}
    for value in values:
        text = f"{name}={plan.shown(value)}"
        found[value] = dataclasses.replace(
            variant,
            label=f"{variant.label},{text}",
            title=f"{variant.title}, {text}",
            recipe=recipes.resolve(variant.recipe.with_settings({name: value})),
        )
    return found


def choose(variants, seeds, study, source, reporter=None, jobs=1, cluster=None):
    """Trains each variant with each of its values, and keeps the best.

    Args:
        variants: `plan.Variant`s, rows of the study.
        seeds: of the tuning.
        study: the `cmvq_keras.experiments.study.Study` that the choice is for. It is
            written, with the choice in its rows.
        source, reporter, jobs, cluster: as in `runner.train`.

    Returns:
        The variants with the values that they chose, in `Variant.chosen`.

    Raises:
        ValueError: when all trainings of a method fail, and as in `runner.train`.
    """
    with study.lock():
        study.write()
    among = {variant.label: candidates(variant) for variant in variants}
    every = [each for own in among.values() for each in own.values()]
    inner = begin(study.out / FOLDER, COMPARE, study.recipe, study.backend, every)
    results = runner.train(inner, every, seeds, source, reporter, jobs, cluster)
    found = [_chosen(variant, among[variant.label], results) for variant in variants]
    study.note_chosen({variant.label: variant.chosen for variant in found})
    return found


def _chosen(variant, among, results):
    """A variant with its best value: of equal ones the first."""
    scores = {}
    for value, candidate in among.items():
        own = [each for each in results if each.label == candidate.label]
        if not any(each.failure for each in own):
            scores[value] = np.mean([each.measured["validation"] for each in own])
    if not scores:
        raise ValueError(f"{variant.title}: all trainings of its tuning failed.")
    value = max(scores, key=scores.__getitem__)
    name, _ = tuned(variant)
    recipe = among[value].recipe
    return dataclasses.replace(variant, recipe=recipe, chosen={name: value})
