"""What XLA says that a program takes in memory, JAX alone.

    python -m benchmarks.speed.account crema-d [--own-order]
    python -m benchmarks.speed.account quantizer
    python -m benchmarks.speed.account one-hot

A recipe's training step, or a training call of our quantizer or of the published one.
With --own-order XLA orders the program as it does by itself.
"""

import os
import sys


def main():
    """Prints a line."""
    what, *options = sys.argv[1:]
    os.environ["KERAS_BACKEND"] = "jax"
    if "--own-order" not in options:
        from cmvq_keras.backend import xla_flags

        xla_flags.set_xla_memory_scheduler("jax")
    import jax
    from keras.src.backend.jax import trainer

    analyses = []

    def accounted(function, _compile=jax.jit, **settings):
        def call(*values):
            program = _compile(function, **settings).lower(*values).compile()
            analyses.append(program.memory_analysis())
            return program(*values)

        return call

    jax.jit = trainer.jit = accounted
    _work(what)()
    largest = max(analyses, key=lambda each: each.temp_size_in_bytes)
    within, out = largest.temp_size_in_bytes, largest.output_size_in_bytes
    print(f"{what}: within {within / 1e6:.0f} MB, results {out / 1e6:.0f} MB")


def _work(what):
    from benchmarks.speed import network, quantizers

    if what in ("quantizer", "one-hot"):
        made = quantizers.ours() if what == "quantizer" else quantizers.one_hot()
    else:
        size = network.SIZES[what][0], 1
        made = network.ours("step", what, "float32", size)
    return made[0]


if __name__ == "__main__":
    main()
