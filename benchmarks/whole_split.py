"""The runs of a comparison, measured again on a whole split.

    OMP_NUM_THREADS=1 python -m benchmarks.whole_split OUT --data-dir DATA

`cmvq compare --limit 400` trains on 400 samples, and tests on 400. Few training samples
are the question there; few test samples only make the answer less exact. OUT is the
folder of such a comparison. Each of its networks is measured on all samples of the test
split, or of `--split validation`: those of the run that has most modalities. A line of
CSV is printed for each: label, seed, the task's score and the number of samples.
Trainings that are not finished are passed over.
"""

import argparse
import csv
import os
import pathlib
import sys


def main():
    """Measures on one backend and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--backend", default="torch")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found = runs(options.out)
    if not found:
        parser.error(f"{options.out} has no finished network of a comparison")
    split = whole(options.split, found, options.data_dir)
    writer = csv.writer(sys.stdout)
    for number, run in enumerate(found):
        name, score = measure(run, split)
        if number == 0:
            writer.writerow(("label", "seed", name, "n"))
        label, seed = run.directory.parts[-2:]
        writer.writerow((label, seed.removeprefix("seed-"), score, len(split.y)))
        sys.stdout.flush()


def runs(out):
    """The `Run`s of a comparison's finished networks, by label and seed."""
    from cmvq_keras.runs.run import Run

    folders = [path.parent for path in out.glob("*/seed-*/model.weights.h5")]
    folders.sort(key=lambda each: (each.parts[-2], int(each.name[5:])))
    return [run for run in map(Run.open, folders) if run.is_finished]


def whole(name, runs, data_dir):
    """All samples of a split, with the modalities of the run that has most.

    Args:
        name: of the split.
        runs: of the comparison.
        data_dir: folder of the raw files; None where the recipe makes its data.

    Returns:
        `cmvq_keras.data.split.Split`.
    """
    from cmvq_keras import recipes

    recipe = max((run.recipe for run in runs), key=lambda each: len(each.modalities))
    return recipes.load_split(recipe, name, data_dir)


def measure(run, split):
    """Measures one run on the samples of a split.

    Args:
        run: the `Run`.
        split: a `cmvq_keras.data.split.Split` with its modalities, or with more.

    Returns:
        The name of the task's score, such as "accuracy" in [0, 1], and its value.
    """
    from cmvq_keras.experiments import outcomes, trial
    from cmvq_keras.runs.load import load_model

    answers, _ = trial.answers_of(load_model(run), run.recipe, split)
    found = outcomes.of_recipe(answers, run.recipe)
    return found.score_name, found.score()


if __name__ == "__main__":
    main()
