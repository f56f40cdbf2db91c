"""Seconds from an empty process to the end of the first training step.

    python -m benchmarks.speed.first_step BACKEND SHAPE [--naive]

With --naive nothing that was compiled is kept, and each weight is drawn in its own
shape.
"""

import os
import sys
import time

from cmvq_keras.backend.xla_flags import enable_compilation_cache

START = time.perf_counter()


def main():
    """Prints the seconds."""
    backend, shape, *naive = sys.argv[1:]
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not naive:
        from cmvq_keras.backend import xla_flags

        enable_compilation_cache(backend)
        xla_flags.set_xla_memory_scheduler(backend)
    import keras

    from benchmarks.speed import network
    from cmvq_keras.backend import kernels
    from cmvq_keras.backend.runtime import deterministic
    from cmvq_keras.models import optimizers
    from cmvq_keras.models.build import build_model

    if naive:
        kernels.drawn = lambda draw, shape: draw(shape)
    keras.utils.set_random_seed(0)
    recipe = network.recipe_of(shape)
    batch, _ = network.SIZES[shape]
    x, y = network.data(recipe, batch, 1)
    model = build_model(recipe)
    model.compile(optimizers.optimizer(recipe.training, 1))
    with deterministic():
        model.fit(x, y, batch_size=batch, verbose=0)
    print(f"{time.perf_counter() - START:.2f}")


if __name__ == "__main__":
    main()
