"""A Keras model for one task, whose losses come with it as terms by name."""

import keras
from keras import ops

from cmvq_keras import tasks, validation
from cmvq_keras.backend import kernels
from cmvq_keras.distribution import replicas
from cmvq_keras.losses import loss_of_counted, task_loss
from cmvq_keras.models import objectives, optimizers
from cmvq_keras.models.checked_model import CheckedModel


class TaskModel(CheckedModel):
    """What `compile`, `fit` and `evaluate` need of a model with named loss terms.

    A subclass's call gives a dictionary with "task", the outputs
    `(batch, ..., outputs)`, and sets `_outputs_shape` when it is built. Its
    `loss_terms` may add terms, which `tracked_terms` then names.

    Args:
        ignore_class: label that counts neither in the loss nor in accuracy.
        task: one of `cmvq_keras.tasks.names()`.
        units: under regression the layer that brings the solver's numbers to the
            targets' units, a `cmvq_keras.networks.TargetUnits`; None where they are in
            them.
    """

    #: What `compile(loss_weights=...)` takes.
    loss_names: tuple[str, ...] = ("task",)

    def __init__(self, ignore_class=None, task="classification", units=None, **kwargs):
        super().__init__(**kwargs)
        self.ignore_class = ignore_class
        self.task = validation.one_of(task, tasks.names(), "task")
        self.objective = objectives.get(task)
        self.units = units
        self._task_loss = self._default_task_loss()
        self._has_default_loss = True
        self._loss_weights = dict.fromkeys(self.loss_names, 1.0)
        self._has_other_losses = False
        self._is_in_step = False

    def _default_task_loss(self):
        return self.objective.loss(self)

    def _make_trackers(self):
        self._other_tracker = keras.metrics.Mean(name="regularization_loss")
        self._trackers = {
            name: keras.metrics.Mean(name=name) for name in self.tracked_terms()
        }

    def tracked_terms(self):
        """Names of those `loss_terms` that are logged."""
        return ["task_loss"]

    def compile(
        self,
        optimizer="adam",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Configures training; the losses come with the model.

        Args:
            optimizer: as in Keras.
            loss: None for the task's own (softmax cross entropy, for several labels
                binary cross entropy, for regression the squared error), or another
                loss for the task: a `keras.losses.Loss`, or a function of labels and
                outputs that gives one value a label.
            loss_weights: factors for some of the terms in `loss_names`; 1 by
                default. Logs stay unweighted.
            metrics: as in Keras; they get the labels and the outputs.
            weighted_metrics: likewise, weighted by sample_weight and class_weight.
            **kwargs: Keras's other arguments, `jit_compile` for one.

        Raises:
            ValueError: for an unknown loss term, and for losses that would take the
                logits for probabilities.
        """
        for term in loss_weights or {}:
            if term not in self.loss_names:
                raise ValueError(
                    f"`loss_weights` takes the terms {', '.join(self.loss_names)}. "
                    f"Received: {term!r}"
                )
        self._has_default_loss = loss is None
        self._task_loss = self._default_task_loss() if loss is None else task_loss(loss)
        self._loss_weights = dict.fromkeys(self.loss_names, 1.0) | (loss_weights or {})
        super().compile(
            optimizer=optimizer,
            metrics=self._with_own_metric(metrics),
            weighted_metrics=_of_the_task(weighted_metrics),
            **kwargs,
        )
        if self.optimizer is not None:
            replicas.prepare(self.optimizer)
            for optimizer in optimizers.nested(self.optimizer):
                kernels.fuse_updates(optimizer)
            self._exclude_from_weight_decay()

    def undecayed_layers(self):
        """Layers whose weights no optimizer may decay, a list."""
        return []

    def _exclude_from_weight_decay(self):
        """Tells the optimizer, once model and optimizer are both there."""
        optimizer = getattr(self, "optimizer", None)
        if optimizer is None or not self._input_shapes:
            return
        layers = self.undecayed_layers()
        kept = [weight for layer in layers for weight in layer.trainable_weights]
        optimizers.exclude_from_weight_decay(optimizer, kept)
        optimizers.settle_weight_decay(optimizer, self.variables)

    def _with_own_metric(self, metrics):
        """The task's own, such as accuracy, among the compiled metrics: there Keras's
        callbacks find it."""
        metrics = [*(_of_the_task(metrics) or ())]
        names = {getattr(metric, "name", metric) for metric in metrics}
        if not names & {"accuracy", "acc", "regression"}:
            metrics.insert(0, self.objective.metric(self))
        return metrics

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            # Keras's own compile was given neither: they are this model's.
            config["loss"] = keras.saving.serialize_keras_object(self._task_loss)
            config["loss_weights"] = dict(self._loss_weights)
        return config

    def compile_from_config(self, config):
        found = {
            name: keras.saving.deserialize_keras_object(_of_any_backend(value))
            for name, value in config.items()
        }
        # Version 0.1.0 wrote weights of terms that a model does not have.
        weights = found.get("loss_weights") or {}
        found["loss_weights"] = {
            name: value for name, value in weights.items() if name in self.loss_names
        }
        self.compile(**found)
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The sum of all loss terms.

        `sample_weight` and `class_weight` weigh the task alone: a sample of weight 0
        still counts in the other terms, as one without a label would.
        """
        terms = self.loss_terms(x, y, y_pred, sample_weight)
        if replicas.may_be_empty:
            some = ops.shape(y_pred["task"])[0] > 0
            terms = {
                name: (ops.where(some, value, 0.0), factor)
                for name, (value, factor) in terms.items()
            }
        total = sum(v * factor for v, factor in terms.values() if factor is not None)
        # Keras averages the loss over samples, not batches: so do its terms.
        count = ops.shape(y_pred["task"])[0]
        other = self._other_losses(terms)
        if other is not None:
            self._has_other_losses = True
            total = total + other
            self._other_tracker.update_state(other, sample_weight=count)
        for name, tracker in self._trackers.items():
            tracker.update_state(terms[name][0], sample_weight=count)
        return replicas.share(total)

    def loss_terms(self, x, y, y_pred, sample_weight):
        """The terms of the loss, and what is logged beside them.

        Args:
            x, y, y_pred, sample_weight: as in `compute_loss`.

        Returns:
            By name pairs of a scalar and its factor in the sum; None for what is only
            logged. `tracked_terms` says which are logged.
        """
        task = self.task_term(y, y_pred["task"], sample_weight)
        return {"task_loss": (task, self._loss_weights["task"])}

    def task_term(self, y, logits, sample_weight=None):
        """The task's loss of some logits, a float32 scalar."""
        found = self.objective.align(y, logits)
        found = self.objective.in_range(found, logits, self.ignore_class)
        sample_weight = self.objective.loss_weights(sample_weight, found)
        loss = self._mean_task_loss(found, logits, sample_weight)
        if self.ignore_class is None or not replicas.are_separate:
            return loss
        # The loss is a mean over labels that count: replicas differ in how many.
        counted = ops.sum(ops.cast(found != self.ignore_class, "float32"))
        samples = ops.cast(ops.shape(logits)[0], "float32")
        counted_of_all, samples_of_all = replicas.sums(counted, samples)
        share = samples_of_all / samples / ops.maximum(counted_of_all, 1.0)
        return loss * counted * share

    def _mean_task_loss(self, found, logits, sample_weight):
        if self.ignore_class is None or self._has_default_loss:
            loss = self._task_loss(found, logits, sample_weight=sample_weight)
            return replicas.unshared(ops.cast(loss, "float32"))
        counted = ops.cast(found != self.ignore_class, "float32")
        found = ops.where(counted > 0, found, ops.zeros_like(found))
        return loss_of_counted(self._task_loss, found, logits, counted, sample_weight)

    def _other_losses(self, terms):
        """Regularizers and `add_loss` of the user's own layers; None without any."""
        return sum(self.losses) if self._count_other_losses() else None

    def _count_other_losses(self):
        return len(self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = self.objective.align(y, y_pred["task"])
        sample_weight = self.objective.align_weights(sample_weight, found)
        self._is_in_step = True
        try:
            return super().compute_metrics(x, found, y_pred["task"], sample_weight)
        finally:
            self._is_in_step = False

    def logged_names(self):
        return [*self._trackers, self._other_tracker.name]

    def get_metrics_result(self):
        if self._is_in_step:
            # Those of this process: to ask all of them at each step would cost time.
            return self._metrics_result()
        with replicas.metrics_of_all(self):
            return self._metrics_result()

    def _metrics_result(self):
        results = super().get_metrics_result()
        # In a step JAX has no value for a regularizer; its loss was computed before.
        if not self._has_other_losses and (
            self._is_in_step or not self._count_other_losses()
        ):
            results.pop(self._other_tracker.name)
        return results


def _of_any_backend(config):
    """A config in which no optimizer is one backend's own.

    Keras writes the class that PyTorch's optimizers have there, and on another backend
    the optimizer's first step would then fail.
    """
    if isinstance(config, list):
        return [_of_any_backend(each) for each in config]
    if not isinstance(config, dict):
        return config
    found = {key: _of_any_backend(value) for key, value in config.items()}
    module = str(found.get("module"))
    if module.startswith("keras.src.backend.") and ".optimizers." in module:
        found["module"] = "keras.optimizers"
    return found


def _of_the_task(metrics):
    """Metrics as Keras takes them for one output; {"task": ...} is that output."""
    if not isinstance(metrics, dict):
        return metrics
    if set(metrics) != {"task"}:
        raise ValueError(
            "Metrics by output take the output task alone. Received: "
            + ", ".join(map(str, metrics))
        )
    found = metrics["task"]
    return list(found) if isinstance(found, (list, tuple)) else [found]
