"""An optimizer around another one, which changes the gradients."""

import keras


class WrappingOptimizer(keras.optimizers.Optimizer):
    """Hands what a subclass's `apply` makes of the gradients to an inner optimizer.

    Args:
        inner: the optimizer that takes the steps.
    """

    def __init__(self, inner, name=None):
        super().__init__(learning_rate=0.0, name=name)
        self.inner = inner

    def build(self, variables):
        if self.built:
            return
        self.inner.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return [*self._variables, *self.inner.variables]

    @property
    def learning_rate(self):
        """The inner optimizer's."""
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner.learning_rate = learning_rate

    @property
    def iterations(self):
        """Steps taken."""
        return self.inner.iterations

    def finalize_variable_values(self, var_list):
        """Hands on what Keras calls after the last epoch."""
        self.inner.finalize_variable_values(var_list)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {"inner": inner, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inner = keras.saving.deserialize_keras_object(
            config.pop("inner"), custom_objects
        )
        return cls(inner, **config)
