"""How fast a prepared store feeds `fit`, against arrays in memory in the same run.

    python -m benchmarks.reading_speed --backend jax

makes a store in CREMA-D's shapes (pictures 128 x 128 x 3 uint8, four of a sample;
spectrograms 256 x 256 float16), and trains a model on it that does next to nothing, so
that reading is what takes time. The peer is the same `fit` on float32 arrays that lie
in memory, normalized, shuffled by the same order. Prints one line of a Markdown table:
samples a second, medians over epochs after the first, which compiles.
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np

SAMPLES, VIEWS, BATCH, EPOCHS = 1024, 4, 32, 6
#: Bytes of a sample that are read (uint8, float16) and written (float32) at least.
MOVED = 128 * 128 * 3 * (1 + 4) + 256 * 256 * (2 + 4)


def main():
    """Measures one backend and prints a line."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--backend", required=True)
    os.environ["KERAS_BACKEND"] = arguments.parse_args().backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from cmvq_keras import recipes
    from cmvq_keras.batches import Batches
    from cmvq_keras.data.store.reader import load

    recipe = recipes.get("crema-d")
    with tempfile.TemporaryDirectory() as folder:
        store = _store(folder, recipe)
        split = load(recipe, "test", store)
        stored = Batches(split.x, split.y, BATCH, shuffle_seed=0)
        memory = {name: values[:] for name, values in split.x.items()}
        held = Batches(memory, split.y, BATCH, shuffle_seed=0)
        figures = [_alone(stored), _fed(keras, stored), _fed(keras, held)]
    ratio = figures[1] / figures[2]
    text = " | ".join(f"{figure:,.0f}" for figure in figures)
    print(f"| {keras.config.backend()} | {text} | {ratio:.2f} |")


def _store(folder, recipe):
    from cmvq_keras.data import Store
    from cmvq_keras.data.listing import Group, Listing

    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (VIEWS, 128, 128, 3), np.uint8)
    audio = generator.normal(-50, 20, (256, 256, 1)).astype(np.float16)

    def read(number):
        return {"image": image ^ np.uint8(number % 256), "audio": audio}

    listing = Listing(
        names=[f"clip-{number}" for number in range(SAMPLES)],
        groups=(Group(range(SAMPLES), read, costly=False),),
        labels=np.arange(SAMPLES) % len(recipe.classes),
    )
    return Store.create(folder, recipe, {"test": listing})


def _alone(batches):
    """Samples a second of reading every batch of an epoch."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for index in range(len(batches)):
            batches[index]
        seconds.append(time.perf_counter() - start)
        batches.on_epoch_end()
    return len(batches) * BATCH / statistics.median(seconds)


def _fed(keras, batches):
    """Samples a second into `fit` of a model that does next to nothing."""
    inputs = {
        name: keras.Input(array.shape[1:], name=name)
        for name, array in batches.x.items()
    }
    pooled = [keras.layers.AveragePooling2D(64)(each) for each in inputs.values()]
    flat = keras.layers.Concatenate()([keras.layers.Flatten()(p) for p in pooled])
    model = keras.Model(inputs, keras.layers.Dense(6)(flat))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss)
    times = _EpochTimes(keras)
    model.fit(batches, epochs=EPOCHS, verbose=0, callbacks=[times.callback])
    return len(batches) * BATCH / statistics.median(times.seconds[1:])


class _EpochTimes:
    def __init__(self, keras):
        self.seconds = []
        self.callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=self._begin, on_epoch_end=self._end
        )

    def _begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def _end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._start)


if __name__ == "__main__":
    main()
