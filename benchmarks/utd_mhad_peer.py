"""utd-mhad by a short PyTorch script: what docs/results.md compares the recipe with.

    OMP_NUM_THREADS=1 python -m benchmarks.utd_mhad_peer --data-dir DATA

It does not use the package. Two small networks over time, their pooled features side by
side, dropout, one linear layer; time warp, scale, noise and turns about the vertical
axis; AdamW on a one-cycle schedule; the last of 80 epochs. Like the recipe it trains on
subjects 1, 3 and 5 and tests on 2, 4, 6 and 8. The recipe validates on subject 7. Here
nothing is chosen by validation, so `--with-validation` trains on that subject too. A
line a set of modalities has the accuracy of each seed and their mean, in percent.
"""

import argparse
import pathlib
import re

import numpy as np
import scipy.io
import torch
from torch import nn
from torch.nn import functional

STEPS, CLASSES, BATCH, EPOCHS = 64, 27, 32, 80
AXES = {"skeleton": 60, "inertial": 6}
TRAIN, VALIDATION, TEST = (1, 3, 5), (7,), (2, 4, 6, 8)
NAME = re.compile(r"a(\d+)_s(\d+)_t\d+_skeleton\.mat")


def main():
    """Trains on each modality alone and on both, and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--with-validation", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    inputs, labels, subjects = read(options.data_dir / "utd_mhad")
    train = np.isin(subjects, TRAIN + VALIDATION * options.with_validation)
    test = np.isin(subjects, TEST)
    print(f"{train.sum()} training samples, {test.sum()} test samples")
    for names in (("skeleton",), ("inertial",), ("skeleton", "inertial")):
        chosen = {name: inputs[name] for name in names}
        scores = [
            100 * accuracy(chosen, labels, train, test, seed)
            for seed in range(options.seeds)
        ]
        each = " ".join(f"{score:.2f}" for score in scores)
        print(f"{' + '.join(names)}: {each}, mean {np.mean(scores):.2f}", flush=True)


def read(folder):
    """All recordings, stretched to one length.

    Args:
        folder: with `Skeleton/` and `Inertial/`.

    Returns:
        Inputs by modality, float32 tensors of shape (samples, 64, features); labels,
        a tensor of int64; and subjects, an array.
    """
    skeletons, inertials, labels, subjects = [], [], [], []
    for path in sorted((folder / "Skeleton").glob("*.mat")):
        action, subject = map(int, NAME.fullmatch(path.name).groups())
        joints = scipy.io.loadmat(path)["d_skel"].transpose(2, 0, 1)
        other = folder / "Inertial" / path.name.replace("skeleton", "inertial")
        inertial = scipy.io.loadmat(other)["d_iner"]
        hip = joints[:1, 2:3]
        skeletons.append(stretched((joints - hip).reshape(len(joints), -1)) / 0.4)
        inertials.append(stretched(inertial) / np.repeat([1.0, 120.0], 3))
        labels.append(action - 1)
        subjects.append(subject)
    inputs = {"skeleton": skeletons, "inertial": inertials}
    tensors = {
        name: torch.tensor(np.stack(values), dtype=torch.float32)
        for name, values in inputs.items()
    }
    return tensors, torch.tensor(labels), np.array(subjects)


def stretched(values):
    """A recording of shape (steps, features) with 64 steps, by linear interpolation."""
    at = np.linspace(0, len(values) - 1, STEPS)
    steps = np.arange(len(values))
    return np.stack([np.interp(at, steps, column) for column in values.T], 1)


class Encoder(nn.Module):
    """Three convolutions over time; the mean and the maximum of what they find."""

    def __init__(self, axes, width=64):
        super().__init__()
        layers = []
        for before, after, kernel in (
            (axes, width, 5),
            (width, width, 5),
            (width, 2 * width, 3),
        ):
            layers += [
                nn.Conv1d(before, after, kernel, padding="same"),
                nn.BatchNorm1d(after),
                nn.ReLU(),
                nn.MaxPool1d(2),
            ]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        features = self.layers(x.transpose(1, 2))
        return torch.cat([features.mean(2), features.amax(2)], 1)


class Network(nn.Module):
    """An encoder for each modality; their features side by side; one linear layer."""

    def __init__(self, names, width=64):
        super().__init__()
        self.encoders = nn.ModuleDict({name: Encoder(AXES[name]) for name in names})
        self.dropout = nn.Dropout(0.5)
        self.last = nn.Linear(4 * width * len(names), CLASSES)

    def forward(self, inputs):
        features = [encode(inputs[name]) for name, encode in self.encoders.items()]
        return self.last(self.dropout(torch.cat(features, 1)))


def warped(x):
    """At another pace, from a later start, with another size and noise."""
    first = 0.2 * torch.rand(len(x), 1)
    last = 1 - 0.2 * torch.rand(len(x), 1)
    at = (first + (last - first) * torch.linspace(0, 1, STEPS)) * (STEPS - 1)
    below = at.long()
    part = (at - below)[..., None]

    def taken(steps):
        return x.gather(1, steps[..., None].expand_as(x))

    x = taken(below) * (1 - part) + taken((below + 1).clamp(max=STEPS - 1)) * part
    return x * (1 + 0.1 * torch.randn(len(x), 1, 1)) + 0.02 * torch.randn_like(x)


def turned(x):
    """Skeletons turned about the vertical axis, by 0.3 radians at most."""
    angle = 0.6 * torch.rand(len(x), 1, 1) - 0.3
    sine, cosine = angle.sin(), angle.cos()
    across, up, depth = x.unflatten(2, (-1, 3)).unbind(3)
    turned = (cosine * across + sine * depth, up, cosine * depth - sine * across)
    return torch.stack(turned, 3).flatten(2)


def augmented(inputs):
    """A batch as the training sees it."""
    changed = {name: warped(x) for name, x in inputs.items()}
    if "skeleton" in changed:
        changed["skeleton"] = turned(changed["skeleton"])
    return changed


def accuracy(inputs, labels, train, test, seed, epochs=EPOCHS):
    """Trains one network and tests it.

    Args:
        inputs: tensors by modality.
        labels: a tensor.
        train, test: arrays of bool, which samples.
        seed: of weights, order and augmentation.
        epochs: how many.

    Returns:
        The share of test samples that are right after the last epoch, in [0, 1].
    """
    torch.manual_seed(seed)
    network = Network(inputs)
    samples = torch.from_numpy(np.flatnonzero(train))
    steps = len(samples) // BATCH  # of an epoch; the rest has its turn in another
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=epochs * steps
    )
    for _ in range(epochs):
        order = samples[torch.randperm(len(samples))]
        for batch in order[: steps * BATCH].split(BATCH):
            logits = network(augmented({name: x[batch] for name, x in inputs.items()}))
            loss = functional.cross_entropy(logits, labels[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    kept = torch.from_numpy(test)
    with torch.no_grad():
        answers = network({name: x[kept] for name, x in inputs.items()}).argmax(1)
    return (answers == labels[kept]).float().mean().item()


if __name__ == "__main__":
    main()
