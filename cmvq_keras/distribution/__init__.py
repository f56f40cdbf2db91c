"""Several devices: which ones train together, and what they send each other."""

import keras

from cmvq_keras import old_names


def _replicas():
    if keras.config.backend() == "torch":
        from cmvq_keras.distribution.torch import TorchReplicas as Kind
    elif keras.config.backend() == "jax":
        from cmvq_keras.distribution.jax import JaxReplicas as Kind
    else:
        from cmvq_keras.distribution.tensorflow import TensorFlowReplicas as Kind
    return Kind()


#: The devices that train: a `cmvq_keras.distribution.base.Replicas`. One, without
#: `replicas.over(devices)`.
replicas = _replicas()

__getattr__ = old_names.getter(__name__)
