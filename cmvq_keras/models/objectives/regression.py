"""Numbers: the squared error in standard deviations of each target."""

from cmvq_keras.losses import ScaledSquaredError
from cmvq_keras.metrics import RegressionScores
from cmvq_keras.models import labels
from cmvq_keras.models.objectives.objective import Objective

OBJECTIVES = {"regression": "REGRESSION"}


class Regression(Objective):
    """Labels are numbers in the targets' units, as the outputs are."""

    def loss(self, model):
        """The squared error, divided by the targets' variances; their mean."""
        return ScaledSquaredError(model.units and model.units.scale)

    def metric(self, model):
        """R2, MAE and RMSE."""
        units = model.units
        return RegressionScores(*((units.offset, units.scale) if units else ()))

    def check(self, values, outputs_shape, ignore_class):
        """Finite numbers."""
        labels.check_finite(values)


REGRESSION = Regression()
