"""One convolution, forward and both gradients: ours beside Keras's own, on JAX.

    python -m benchmarks.speed.one_layer

Prints lines of a Markdown table: milliseconds, medians over rounds in which the two
take turns. The layers are those of crema-d that take most of its time.
"""

import os
import statistics
import time

BATCH, ROUNDS = 8, 5
#: Whether it is transposed, side of the input, its channels, filters, size.
LAYERS = (
    (False, 64, 128, 128, 3),
    (False, 32, 32, 128, 1),
    (True, 32, 128, 64, 4),
    (True, 64, 64, 32, 4),
)


def main():
    """Measures and prints."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    from cmvq_keras import layers as own

    print("| layer | Keras | ours | Keras / ours |\n|---|---|---|---|")
    for transposed, side, channels, filters, size in LAYERS:
        kind = "Conv2DTranspose" if transposed else "Conv2D"
        settings = {"strides": 2 if transposed else 1, "padding": "same"}
        shape = (BATCH, side, side, channels)
        works = [
            _work(getattr(each, kind)(filters, size, **settings), shape)
            for each in (keras.layers, own)
        ]
        rounds = [[_seconds(work) for work in works] for _ in range(ROUNDS + 1)][1:]
        keras_s, own_s = map(statistics.median, zip(*rounds, strict=True))
        ratio = statistics.median(one / two for one, two in rounds)
        name = f"{size} x {size}{' transposed' if transposed else ''}"
        text = f"{name}, {channels} to {filters} channels, {side} x {side}"
        print(f"| {text} | {1e3 * keras_s:.1f} | {1e3 * own_s:.1f} | {ratio:.1f} |")


def _work(layer, shape):
    import jax
    import numpy as np

    layer.build(shape)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    weights = [variable.value for variable in layer.trainable_variables]

    @jax.jit
    def gradients(weights, x):
        def value(weights, x):
            outputs, _ = layer.stateless_call(weights, [], x)
            # Each output's gradient is another number, as in a network.
            return jax.numpy.sum(jax.numpy.square(outputs))

        return jax.grad(value, argnums=(0, 1))(weights, x)

    x = jax.numpy.asarray(x)
    return lambda: jax.block_until_ready(gradients(weights, x))


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
