"""Weights & Biases."""

import os
import uuid

from cmvq_keras.tracking.tracker import Tracker

TRACKERS = {"wandb": "WandbTracker"}
PROJECT = "cmvq-keras"


class WandbTracker(Tracker):
    """Keeps a run of Weights & Biases.

    Its own environment variables hold, such as WANDB_MODE=offline and WANDB_PROJECT.
    Its files go to the folder `wandb` beside the run folder.
    """

    module = "wandb"

    def open(self, settings, epoch):
        """Begins the run, or goes on with it."""
        import wandb

        note = self.note or uuid.uuid4().hex
        quiet = wandb.Settings(console="off", silent=True)  # pyright: ignore
        self._record = wandb.init(  # pyright: ignore
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=note,
            resume="allow",
            name=self.run.directory.name,
            config=dict(settings),
            dir=str(self.run.directory.parent),
            settings=quiet,
        )
        return note

    def log(self, numbers, epoch):
        """Adds a step."""
        self._record.log(numbers, step=epoch)

    def finish(self, numbers):
        """Adds the numbers to the summary, as final/NAME."""
        self._record.summary.update(
            {f"final/{name}": value for name, value in numbers.items()}
        )

    def add_file(self, path):
        """Adds an artifact of the type "report"."""
        import wandb

        name = f"{path.stem}-{self._record.id}"
        artifact = wandb.Artifact(name, type="report")  # pyright: ignore
        artifact.add_file(str(path))
        self._record.log_artifact(artifact)

    def close(self, completed):
        """Ends the run."""
        self._record.finish(exit_code=0 if completed else 1)
