"""A Keras model that checks what it is given, on every way in."""

import contextlib

import keras

from cmvq_keras import tasks
from cmvq_keras.backend import batch_checks, kernels
from cmvq_keras.backend.runtime import keep_weights
from cmvq_keras.distribution import replicas
from cmvq_keras.models import inputs as model_inputs
from cmvq_keras.models import labels, monitoring, objectives


class CheckedModel(keras.Model):
    """A classifier of several modalities whose inputs and labels are checked.

    Arrays and tensors are checked before Keras sees them, batches of a source
    (`tf.data`, DataLoader, grain, PyDataset, generator) one by one.

    Attributes:
        modalities: names of the inputs; a subclass sets them.
        ignore_class: label that does not count, or None.
    """

    ignore_class = None
    _input_shapes = None
    _outputs_shape = None
    task = "classification"
    objective = objectives.get(task)

    def __call__(self, inputs, *args, **kwargs):
        self.check_inputs(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def check_inputs(self, inputs):
        """Raises InputError unless the inputs fit the model.

        Args:
            inputs: dictionary by modality of arrays or tensors `(batch, ...)`.
        """
        model_inputs.check(inputs, self.modalities, self._input_shapes)

    def logged_names(self):
        """Names of the numbers that the model logs besides compiled metrics."""
        return []

    def fit(self, x=None, y=None, *args, **kwargs):
        """Keras's `fit`; after an error the weights are those of the last step.

        `class_weight` is for one label a sample, not for label maps.
        """
        self._check_data(x, y)
        validation = kwargs.get("validation_data")
        if isinstance(validation, (tuple, list)):
            self._check_data(*validation[:2])
        if kwargs.get("class_weight") and (task := self._task_without_classes()):
            raise ValueError(
                f"`class_weight` must be None for {task}: give the loss "
                "its weights instead, compile(loss=...)."
            )
        monitoring.set_directions(kwargs.get("callbacks"), self.logged_names())
        with self._at_work():
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Keras's `evaluate`; an error leaves the weights as they were."""
        self._check_data(x, y)
        with self._at_work(), replicas.reading(x):
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Keras's `predict`; an error leaves the weights as they were."""
        self._check_data(x)
        with self._at_work():
            return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """Keras's `train_on_batch`; an error leaves the weights as they were."""
        self._check_data(x, y, is_batch=True)
        with self._at_work():
            return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x, y=None, *args, **kwargs):
        """Keras's `test_on_batch`; an error leaves the weights as they were."""
        self._check_data(x, y, is_batch=True)
        with self._at_work():
            return super().test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x):
        """Keras's `predict_on_batch`; an error leaves the weights as they were."""
        self._check_data(x, is_batch=True)
        with self._at_work():
            return super().predict_on_batch(x)

    def make_train_function(self, force=False):
        """Keras's, with each batch's labels checked before its step."""
        is_new = force or self.train_function is None
        if is_new:
            kernels.prepare_optimizer(self)
        super().make_train_function(force)
        if is_new:
            self.train_function = batch_checks.checked_steps(
                self.train_function, self._check_labels, self.jit_compile
            )

    def make_test_function(self, force=False):
        """Keras's, with each batch's labels checked before its step."""
        is_new = force or self.test_function is None
        super().make_test_function(force)
        if is_new:
            self.test_function = batch_checks.checked_steps(
                self.test_function, self._check_labels, self.jit_compile
            )

    def _check_data(self, x, y=None, is_batch=False):
        """Checks what Keras is given; batches of a source are checked one by one."""
        if isinstance(x, dict) or is_batch:
            self.check_inputs(x)
            model_inputs.check_not_empty(x)
        labels.check_source(x)
        self._check_labels(y)

    def _check_labels(self, y):
        self.objective.check(y, self._outputs_shape, self.ignore_class)

    def _task_without_classes(self):
        """The task where a sample has not one class; None where it has."""
        if len(self._outputs_shape or ()) > 2:
            return "segmentation"
        return None if tasks.get(self.task).one_class else self.task

    @contextlib.contextmanager
    def _at_work(self):
        """A context in which an error costs no weights and can be read."""
        with (
            batch_checks.readable(labels.check_range, self._check_shape),
            keep_weights(self),
        ):
            yield

    def _check_shape(self, name, shape, dtype):
        model_inputs.check_shape(name, shape, dtype, self._input_shapes[name])

    @property
    def metrics_names(self):
        """Names of what `evaluate` gives as a list, in its order.

        Before a step of the model nothing is known of what `add_loss` in a call adds;
        of a model that is not built yet, nothing at all.
        """
        results = self.get_metrics_result() if self._has_results() else {}
        names = self._flatten_metrics_in_order({name: name for name in _flat(results)})
        return [names] if isinstance(names, str) else names

    def _has_results(self):
        compiled = self._compile_metrics
        if compiled is None or compiled.built:
            return True
        if not self.built or self._outputs_shape is None:
            return False
        # As its first step would.
        shape = (None,) * (len(self._outputs_shape) - 1) + self._outputs_shape[-1:]
        labels = keras.KerasTensor(
            self.objective.label_shape(shape), tasks.get(self.task).dtype
        )
        compiled.build(labels, keras.KerasTensor(shape))
        return True


def _flat(results):
    """Names of results; a metric with several numbers has one for each."""
    for name, value in results.items():
        yield from value if isinstance(value, dict) else [name]
