"""R2, MAE and RMSE, of each target and their means."""

import keras
import numpy as np

from cmvq_keras.evaluation.intervals import NORMAL, standard_error
from cmvq_keras.evaluation.measures.measure import Measure
from cmvq_keras.metrics import RegressionScores

MEASURES = {"regression": "REGRESSION"}
_LEAST = 1e-12  # variance of errors, in that of the target


class Regression(Measure):
    """One number or several a sample."""

    kind = RegressionScores

    def score(self, recipe):
        """The model's own metric has all of them."""
        return None

    def results(self, recipe, logs, metric):
        """The three numbers by target."""
        found = {
            name: keras.ops.convert_to_numpy(values)
            for name, values in metric.by_target().items()
        }
        return {
            "per_target": {
                target: {name: float(values[i]) for name, values in found.items()}
                for i, target in enumerate(recipe.targets)
            }
        }

    def values(self, outputs, labels, model):
        """Squared errors and labels of a sample, `(n, targets)` each, standardized."""
        offset, scale = _units(model)
        labels = np.asarray(labels, np.float64).reshape(outputs.shape)
        return ((outputs - labels) / scale) ** 2, (labels - offset) / scale

    def drop(self, whole, without):
        """R2 that is lost, the mean over the targets.

        The interval is the normal one of the mean of the samples' differences; the
        labels' variance counts as known.
        """
        (errors, labels), (errors_without, _) = whole, without
        spread = np.square(labels - labels.mean(axis=0)).mean(axis=0)
        varies = spread > 1e-9
        share = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
        lost = ((errors_without - errors) * share).mean(axis=1)
        drop = float(lost.mean())
        reach = NORMAL * standard_error(lost - drop, len(lost))
        return drop, (drop - reach, drop + reach)

    def bits(self, outputs, labels, model):
        """Squared errors of each target, standardized."""
        errors, _ = self.values(outputs, labels, model)
        return errors, np.ones(len(errors))

    def calibrated(self, totals, sizes):
        """-log2 of the density of Gaussian errors, whose variance is that of the other
        half; summed over the targets. Up to a constant, the targets' units."""
        odd = np.arange(len(totals)) % 2 == 1
        found = np.empty(len(totals))
        for half in (odd, ~odd):
            others = totals[~half] if (~half).any() else totals
            variance = np.maximum(others.mean(axis=0), _LEAST)
            nats = (np.log(2 * np.pi * variance) + totals[half] / variance) / 2
            found[half] = nats.sum(axis=1) / np.log(2)
        return found


def _units(model):
    if model.units is None:
        return 0.0, 1.0
    return np.asarray(model.units.offset), np.asarray(model.units.scale)


REGRESSION = Regression()
