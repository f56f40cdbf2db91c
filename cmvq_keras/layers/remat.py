"""Less memory for more time: what lies inside a network is computed once more."""

import keras


def remat(network, inputs):
    """A network's training call that keeps nothing for its gradient but the inputs.

    The gradient runs the network a second time. Its state (the moving statistics of
    batch norms) moves once, by the first.

    Args:
        network: a built layer without `add_loss` and random numbers.
        inputs: its one argument.
    """
    count = len(network.trainable_variables)

    def call(inputs, *values):
        return network.stateless_call(
            values[:count], values[count:], inputs, training=True
        )

    variables = [*network.trainable_variables, *network.non_trainable_variables]
    # Copies, because PyTorch moves the state in place.
    values = [keras.ops.copy(variable) for variable in variables]
    outputs, state = keras.remat(call)(inputs, *values)
    for variable, value in zip(variables[count:], state, strict=True):
        variable.assign(value)
    return outputs
