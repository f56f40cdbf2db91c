"""What the devices of one training send each other in a step, and what that costs.

    python -m benchmarks.communication --recipe crema-d --backend torch

builds the recipe's model, counts from its weights what a step sums over the devices,
and prints it as Markdown; then, for `--step SECONDS` of a step on one device, the
efficiency that follows for 8 and 64 devices: where each takes as large a batch as one
device does, and where one such batch is shared out. See docs/scaling.md.
"""

import argparse
import dataclasses
import math
import os

FLOAT = 4  # bytes of a float32


@dataclasses.dataclass(frozen=True)
class Part:
    """What is summed in a step under one name.

    Args:
        name: for the table.
        numbers: float32 numbers in all.
        messages: in how many messages.
    """

    name: str
    numbers: int
    messages: int

    @property
    def bytes(self):
        """Of all messages."""
        return FLOAT * self.numbers


def parts(model):
    """What PyTorch's replicas sum in a training step; a list of `Part`.

    TensorFlow sums each gradient by itself; JAX's compiler chooses its own messages.

    Args:
        model: a `CMVQVAE` that is built.
    """
    quantizers = list(model.quantizers.values())
    averaged = [each for each in quantizers if each.learns_by_average]
    drawing = [each for each in quantizers if each.starts_from_data or each.revives]
    starting = [each for each in quantizers if each.starts_from_data]
    norms = _norms(model)
    labels = model.ignore_class is not None
    return [
        Part("gradients", _numbers(model.trainable_weights), 1),
        Part(
            "moving averages: counts and sums of the codes",
            _codes(averaged) + _code_values(averaged),
            len(averaged),
        ),
        Part(
            "candidates for a start and for dead codes",
            _code_values(drawing),
            len(drawing),
        ),
        Part(
            "perplexity, finite values",
            _codes(quantizers) + len(starting),
            len(quantizers) + len(starting),
        ),
        # Mean and mean square of each channel, and their gradients.
        Part("batch statistics", 4 * _channels(norms), 2 * len(norms)),
        *([Part("labels that count", 2, 1)] if labels else []),
        Part("loss, signals (float64)", 2 * 4, 2),
    ]


def _norms(model):
    from cmvq_keras.layers import BatchNormalization

    inner = model._flatten_layers()
    return [
        each for each in inner if isinstance(each, BatchNormalization) and each.built
    ]


def _channels(norms):
    return sum(each.moving_mean.shape[0] for each in norms)


def _codes(quantizers):
    return sum(each.num_codes for each in quantizers)


def _code_values(quantizers):
    return _numbers([each.codebook() for each in quantizers])


def _numbers(weights):
    return sum(math.prod(each.shape) for each in weights)


def seconds(found, devices, bandwidth, latency):
    """Of a step's messages: their bytes go round a ring of the devices, and each of
    them up and down a tree, as NCCL sends large messages and small ones.

    Args:
        found: `Part`s.
        devices: how many.
        bandwidth: bytes a second between neighbours.
        latency: seconds of one pass of a message to the neighbour.
    """
    size = sum(part.bytes for part in found)
    messages = sum(part.messages for part in found)
    round_trip = 2 * (devices - 1) / devices * size / bandwidth
    return round_trip + messages * 2 * math.log2(devices) * latency


def efficiency(step, exchange):
    """How much of the devices' time is work: of a step that computes, then sends."""
    return step / (step + exchange)


def main():
    """Prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--recipe", default="crema-d")
    arguments.add_argument("--backend", default=None)
    arguments.add_argument("--step", type=float, nargs="*", default=())
    chosen = arguments.parse_args()
    if chosen.backend:
        os.environ["KERAS_BACKEND"] = chosen.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import cmvq_keras as cmvq

    found = parts(cmvq.build_model(chosen.recipe))
    print("| summed in a step | bytes | messages |\n|---|---|---|")
    for part in found:
        print(f"| {part.name} | {part.bytes:,} | {part.messages} |")
    size = sum(part.bytes for part in found)
    print(f"| all | {size:,} | {sum(part.messages for part in found)} |")
    if not chosen.step:
        return
    columns = "8 devices | 64 devices | 8, one batch | 64, one batch"
    print(f"\n| link | step on one device | {columns} |\n|---|---|---|---|---|---|")
    for name, (bandwidth, latency) in LINKS.items():
        for step in chosen.step:
            text = [
                f"{100 * efficiency(own, seconds(found, n, bandwidth, latency)):.1f} %"
                for n, own in ((8, step), (64, step), (8, step / 8), (64, step / 64))
            ]
            print(f"| {name} | {step:g} s | {' | '.join(text)} |")


#: Assumed, not measured: bytes a second, seconds a pass.
LINKS = {
    "one machine, 100 GB/s, 5 us": (100e9, 5e-6),
    "network, 100 Gbit/s, 10 us": (12.5e9, 10e-6),
    "network, 10 Gbit/s, 50 us": (1.25e9, 50e-6),
}


if __name__ == "__main__":
    main()
