"""TensorBoard's event files, written without TensorFlow."""

import uuid

from cmvq_keras import fileio
from cmvq_keras.tracking.tracker import Tracker

TRACKERS = {"tensorboard": "TensorBoardTracker"}
FOLDER = "tensorboard"


class TensorBoardTracker(Tracker):
    """Writes event files to the folder `tensorboard` in the run folder.

    They show a report as its path: TensorBoard has no place for files.
    """

    module = "tensorboardX"

    def open(self, settings, epoch):
        """Opens a file; readers drop what older ones have of later epochs."""
        import tensorboardX

        folder = self.run.directory / FOLDER
        fileio.make_folder(folder, self.run.directory)
        options: dict = {"purge_step": epoch + 1} if epoch else {}
        # Without it two files of one second would have one name.
        options["filename_suffix"] = f".{uuid.uuid4().hex[:8]}"
        self._writer = tensorboardX.SummaryWriter(str(folder), **options)
        self._settings = {
            name: value if isinstance(value, (bool, int, float)) else str(value)
            for name, value in settings.items()
        }
        if not epoch:
            lines = [f"| {name} | {value} |" for name, value in settings.items()]
            table = "\n".join(["| setting | value |", "|---|---|", *lines])
            self._writer.add_text("settings", table, 0)

    def log(self, numbers, epoch):
        """Adds a scalar a number."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def finish(self, numbers):
        """Adds a row of the page HPARAMS: settings and final numbers."""
        final = {f"final/{name}": value for name, value in numbers.items()}
        self._writer.add_hparams(self._settings, final, name="final")

    def add_file(self, path):
        """Adds a text with the file's path."""
        self._writer.add_text(path.name, str(path), 0)

    def close(self, completed):
        """Closes the file."""
        self._writer.close()
