"""Where the processor time of a comparison goes.

    OMP_NUM_THREADS=1 python -m benchmarks.comparison torch --recipe planted --limit 64

After the backend stand the arguments of `cmvq compare`, without `--jobs`. Prints what
that prints, and then a Markdown table of processor seconds, a row a trial: *training*
with its validations; *losses* and metrics of the kept weights on validation and test
samples; *answers* to test and training samples, and scores without each modality; the
*rest* of the trial. Under it the time outside of the trials, the start included.
"""

import argparse
import collections
import os
import time
from unittest import mock

PHASES = ("training", "losses", "answers")


class Clock:
    """Processor seconds of each trial by phase.

    Attributes:
        trials: by label and seed, the seconds by phase; "whole" is all of a trial.
    """

    def __init__(self):
        self.trials = collections.defaultdict(collections.Counter)
        self._name = None

    def timed(self, function, phase):
        """The function, its time added to a phase of the trial that runs."""

        def call(*arguments, **options):
            started = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.trials[self._name][phase] += time.process_time() - started

        return call

    def named(self, function):
        """`cmvq_keras.experiments.trial.do`, which tells the trial that runs."""

        def call(trial, *arguments, **options):
            self._name = trial.variant.label, trial.seed
            return function(trial, *arguments, **options)

        return call

    def table(self, whole):
        """The Markdown table.

        Args:
            whole: seconds of the process.
        """
        lines = [f"| trial | {' | '.join(PHASES)} | rest |", "|---|---|---|---|---|"]
        for (label, seed), found in self.trials.items():
            seconds = [found[phase] for phase in PHASES]
            seconds.append(found["whole"] - sum(seconds))
            shown = " | ".join(f"{each:.2f}" for each in seconds)
            lines.append(f"| {label}, seed {seed} | {shown} |")
        training = sum(found["training"] for found in self.trials.values())
        if not training:
            return "All trials were finished before: nothing was trained."
        outside = whole - sum(found["whole"] for found in self.trials.values())
        lines.append(
            f"\nOutside of the trials {outside:.1f} s, all {whole:.1f} s, "
            f"{whole / training:.2f} times the training."
        )
        return "\n".join(lines)


def main(arguments=None):
    """Compares, and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backend", choices=("jax", "tensorflow", "torch"))
    options, rest = parser.parse_known_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    from cmvq_keras.cli import main as command
    from cmvq_keras.experiments import trial
    from cmvq_keras.training import api, loop

    clock = Clock()
    places = [
        (loop, "fit", "training"),
        (api, "measured", "losses"),
        (trial, "answers_of", "answers"),
        (trial, "do", "whole"),
    ]
    for module, name, phase in places:
        timed = clock.timed(getattr(module, name), phase)
        mock.patch.object(
            module, name, clock.named(timed) if name == "do" else timed
        ).start()
    try:
        command(["compare", *rest], standalone_mode=False)
    finally:
        mock.patch.stopall()
    print(f"\n{clock.table(time.process_time())}")


if __name__ == "__main__":
    main()
