"""A recipe's network, ours and the published one, as something to time."""

import numpy as np

#: Samples of a batch, and batches that one measurement takes.
SIZES = {"planted": (64, 20), "digits": (128, 2), "crema-d": (8, 2)}
#: The networks are those of the author's code; digits has them as a preset.
PRESETS = {"digits": "code"}
#: At least so many batches on a GPU.
GPU_BATCHES = 8
#: Batches that a large one is taken apart into, for one step of the optimizer.
TOGETHER = 4


def recipe_of(shape):
    """The recipe whose network is timed, by a name of `SIZES`."""
    from cmvq_keras import recipes

    return recipes.get(shape, PRESETS.get(shape, "default"))


def data(recipe, batch, batches):
    """Inputs by modality `(samples, height, width, channels)`, and labels."""
    generator = np.random.default_rng(0)
    count = batch * batches
    x = {
        name: generator.normal(size=(count, *modality.shape)).astype("float32")
        for name, modality in recipe.modalities.items()
    }
    return x, generator.integers(0, len(recipe.classes), count).astype("int32")


def ours(part, shape, precision, size, variant=""):
    """`(work, batches, floor)`: a function that does it, and what one batch needs.

    Args:
        part: "step", "evaluation", "inference" or "memory", which is that of a step.
        shape: a name of `SIZES`.
        precision: Keras's dtype policy.
        size: samples of a batch, and batches.
        variant: "accumulate" for a batch in parts, whose gradients are added up.

    Raises:
        ValueError: where the backend cannot train in that precision here.
    """
    import keras

    from benchmarks.speed import floor
    from cmvq_keras.backend.runtime import check_precision
    from cmvq_keras.models import optimizers
    from cmvq_keras.models.build import build_model

    check_precision(precision)
    batch, batches = size
    settings = {}
    if variant == "accumulate":
        settings["training.accumulation_steps"] = TOGETHER
        batch, batches = batch // TOGETHER, batches * TOGETHER
    recipe = recipe_of(shape).with_settings(settings)
    x, y = data(recipe, batch, batches)
    keras.config.set_dtype_policy(precision)
    model = build_model(recipe)
    model.compile(optimizers.optimizer(recipe.training, batches))
    width = 4 if precision == "float32" else 2
    if part == "memory":
        needs = floor.memory(model, batch, width)
    else:
        training, decoders = part == "step", part != "inference"
        needs = floor.of_model(model, batch, training, decoders, width)
    options = {"batch_size": batch, "verbose": 0}
    if part in ("step", "memory"):
        # Of a batch that is taken apart, too: all of it counts as one.
        return lambda: model.fit(x, y, shuffle=False, **options), size[1], needs
    if part == "evaluation":
        return lambda: model.evaluate(x, y, **options), batches, needs
    smaller = model.inference_model()
    return lambda: smaller.predict(x, **options), batches, needs


def published(part, shape, precision, size, device="cpu", compiled=False):
    """The same of the published formulation in PyTorch; floor is None.

    Args:
        part, shape, precision, size: as in `ours`.
        device: "cpu" or "gpu".
        compiled: whether PyTorch's compiler turns network and loss into kernels.
    """
    import torch

    from benchmarks.speed.published import Published

    recipe = recipe_of(shape)
    batch, batches = size
    x, y = data(recipe, *size)
    place = "cuda" if device == "gpu" else "cpu"
    training = part in ("step", "memory")
    x = {
        name: torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2)))
        for name, values in x.items()
    }
    y = torch.from_numpy(y).long()
    network = Published(recipe).to(place)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    half = precision == "mixed_bfloat16"
    network.train(training)

    def run(inputs, labels):
        with torch.autocast(place, torch.bfloat16, enabled=half):
            output = network(inputs, decode=part != "inference")
            if part == "inference":
                return output.logits.float()
            return network.loss(inputs, labels, output)

    if compiled:
        run = torch.compile(run)

    def one(index):
        rows = slice(index * batch, (index + 1) * batch)
        found = run(
            {name: values[rows].to(place) for name, values in x.items()},
            y[rows].to(place),
        )
        if part == "inference":
            return found.cpu().numpy()
        if training:
            adam.zero_grad()
            found.backward()
            adam.step()
        return found.item()

    def work():
        with torch.set_grad_enabled(training):
            for index in range(batches):
                one(index)

    return work, batches, None
