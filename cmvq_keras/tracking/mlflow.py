"""MLflow."""

import logging
import os
import re
import time

from cmvq_keras.tracking.tracker import Tracker

TRACKERS = {"mlflow": "MLflowTracker"}
_MOST = 100  # settings of one request
_LETTERS = 6000  # of one setting
_REFUSED = re.compile(r"[^0-9A-Za-z_\-./ ]")  # in a name; classes may have any


class MLflowTracker(Tracker):
    """Keeps a run of MLflow.

    MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME hold. Without the first, the record
    goes to mlflow.db and the folder `mlartifacts` beside the run folder.
    """

    module = "mlflow"

    def open(self, settings, epoch):
        """Begins the run, or goes on with it."""
        # Says that it makes tables, on stderr.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        from mlflow import MlflowClient  # pyright: ignore

        beside = self.run.directory.resolve().parent
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self._client = MlflowClient(tracking_uri=uri or f"sqlite:///{beside}/mlflow.db")
        self._last = 0
        if self.note:
            self._id = self.note
            self._client.update_run(self._id, status="RUNNING")
            steps = self._client.get_metric_history(self._id, "loss")
            self._last = max((metric.step for metric in steps), default=0)
            return self.note
        place = None if uri else (beside / "mlartifacts").as_uri()
        run = self._client.create_run(
            self._experiment(place), run_name=self.run.directory.name
        )
        self._id = run.info.run_id
        self._log_settings(settings)
        return self._id

    def _experiment(self, place):
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self.run.recipe.name
        found = self._client.get_experiment_by_name(name)
        if found:
            return found.experiment_id
        return self._client.create_experiment(name, artifact_location=place)

    def _log_settings(self, settings):
        from mlflow.entities import Param

        params = [Param(key, str(value)[:_LETTERS]) for key, value in settings.items()]
        for start in range(0, len(params), _MOST):
            self._client.log_batch(self._id, params=params[start : start + _MOST])

    def log(self, numbers, epoch):
        """Adds a step; one that the record has already is not added again."""
        if epoch > self._last:
            self._log(numbers, epoch)

    def finish(self, numbers):
        """Adds the numbers as final/NAME."""
        self._log({f"final/{name}": value for name, value in numbers.items()}, 0)

    def _log(self, numbers, step):
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(_REFUSED.sub("_", name), value, now, step)
            for name, value in numbers.items()
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def add_file(self, path):
        """Adds an artifact."""
        self._client.log_artifact(self._id, str(path))

    def close(self, completed):
        """Ends the run."""
        self._client.set_terminated(self._id, "FINISHED" if completed else "KILLED")
