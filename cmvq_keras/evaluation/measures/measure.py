"""The base of what is measured on a task."""

from cmvq_keras.evaluation.intervals import drop_interval


class Measure:
    """The scores of a task, what of them is lost without a modality, and its bits.

    Attributes:
        kind: class of the Keras metric that `results` reads.
    """

    kind: type

    def score(self, recipe):
        """The Keras metric that is measured beside the model's own; None for none.

        Args:
            recipe: the `Recipe`.
        """
        raise NotImplementedError

    def results(self, recipe, logs, metric):
        """Entries of metrics.json by class or target.

        Args:
            recipe: the `Recipe`.
            logs: what Keras's `evaluate` gave.
            metric: the metric of class `kind`, after it.
        """
        raise NotImplementedError

    def grouped(self, recipe):
        """Names of logs that `results` has under another name."""
        return set()

    def values(self, outputs, labels, model):
        """What each sample gives to the score: a pair of arrays, `(n,)` right labels
        and labels that count.

        Args:
            outputs: `(n, ..., outputs)` array.
            labels: `(n, ...)` array.
            model: whose they are.
        """
        raise NotImplementedError

    def drop(self, whole, without):
        """How much of the score is lost on the same samples.

        Args:
            whole, without: `values` with all modalities, and without one.

        Returns:
            `(drop, (low, high))`, the latter a 95 % interval over the samples.
        """
        (hits, sizes), (hits_without, _) = whole, without
        return drop_interval(hits, hits_without, sizes)

    def bits(self, outputs, labels, model):
        """What a sample's cost in bits is made of.

        Args:
            outputs, labels, model: as in `values`.

        Returns:
            `(totals, sizes)`: arrays `(n, ...)`, as `calibrated` takes them, and `(n,)`
            labels that count.
        """
        raise NotImplementedError

    def calibrated(self, totals, sizes):
        """Each sample's cost in bits, `(n,)`, calibrated on the other half of them."""
        raise NotImplementedError

    def prior_bits(self, labels, model):
        """Each sample's cost in bits, `(n,)`, to one who knows only how often each
        label occurs among these; None where that is not defined.

        Args:
            labels, model: as in `values`.
        """
        return None
