"""Comparisons whose trials were never trained, for tests of what becomes of them."""

import dataclasses

import numpy as np

from cmvq_keras import recipes
from cmvq_keras.experiments import outcomes, plan, sample_check, trial
from cmvq_keras.experiments.study import COMPARE, begin
from cmvq_keras.fileio import to_json, write_atomically

VERSIONS = {"cmvq-keras": "0.1.0", "keras": "3.15.1"}


def study(out, variants, kind=COMPARE, left=(), recipe=None):
    """A comparison in a folder, without trials."""
    recipe = recipes.resolve(recipe or "planted")
    found = begin(out, kind, recipe, "torch", variants, left)
    found.write()
    return found


def about(n):
    """n of the 2,048 test samples of the planted recipe."""
    return sample_check.About(
        n=n, size=2048, left_out=0, checksum="ab" * 32, store=None
    )


def answers(rate, n, seed, classes=8):
    """`(n, 2)` labels and predictions, right with a probability."""
    generator = np.random.default_rng(seed)
    labels = np.random.default_rng(0).integers(classes, size=n)
    wrong = (labels + generator.integers(1, classes, size=n)) % classes
    predicted = np.where(generator.random(n) < rate, labels, wrong)
    return np.stack([labels, predicted], axis=1).astype(np.int32)


def finish(found, label, seed, pairs, compl=None, zeta=None, seconds=10.0, **added):
    """Writes a trial that has finished."""
    folder = plan.folder(found.out, label, seed)
    folder.mkdir(parents=True)
    recipe = found.recipe_of(label)
    outcomes.write(folder, pairs, recipe)
    kept = outcomes.kind(recipe)(pairs, len(recipe.classes))
    measured = {
        "score": float(kept.scores(np.ones((1, len(kept)), int))[0]),
        "second": kept.second(),
        "n": len(kept),
        "samples": about(len(kept)).checksum,
        "store": None,
        "parameters": 90194,
        "best_epoch": 7,
        "compl": compl or {},
        "zeta": {"": zeta},
        "seconds": seconds,
        "versions": VERSIONS,
        "commit": None,
        "devices": ["cpu"],
        **added,
    }
    write_atomically(folder / trial.FINISHED, to_json(measured))
    found.tests[label] = dataclasses.asdict(about(len(kept)))
    found.write()


def fail(found, label, seed, reason):
    """Writes a trial that has failed."""
    folder = plan.folder(found.out, label, seed)
    folder.mkdir(parents=True)
    write_atomically(folder / trial.FAILED, to_json({"reason": reason}))
