"""A table with a column of each kind of modality, named like the kind: made-up data.

python every_kind.py FOLDER
"""

import csv
import pathlib
import sys

import numpy as np
import soundfile
from PIL import Image

ENDINGS = {
    "image": ".png",
    "audio": ".wav",
    "depth": ".npy",
    "video": ".npy",
    "pose": ".npy",
    "sequence": ".csv",
    "padded": ".csv",
}
CLASSES = ("calm", "in a hurry")
#: Kinds that are not guessed: .npy and .csv may be other ones, and a text an attribute.
TOLD = {name: name for name in ("depth", "pose", "padded", "tokens")}


def draw(kind, label, generator):
    """A sample's values as their file holds them. Those of class 1 are larger."""
    if kind == "audio":  # samples at 16,000 Hz
        return 0.4 * np.sin(np.arange(8000) * (0.2 + 0.3 * label))
    length = generator.integers(8, 17)
    shape = {
        "image": (8, 12, 3),  # height, width, channels
        "depth": (8, 8, 1),  # height, width, 1: metres
        "video": (3, 8, 8, 1),  # time, height, width, channels
        "pose": (16, 2, 3),  # steps, joints, (x, y, visible)
        "sequence": (length, 3),  # steps, features: stretched to as many steps
        "padded": (length, 2),  # steps, features: zeros behind the end, and a mask
        "vector": (3,),  # features
    }[kind]
    values = generator.normal(label, 0.5, shape).astype("float32")
    if kind in ("image", "video"):
        return np.clip(100 + 60 * values, 0, 255).astype("uint8")
    if kind == "pose":
        values[..., 2] = 1
    return values + 2 if kind == "depth" else values


def save(values, path):
    """Writes a sample's file."""
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    elif path.suffix == ".wav":
        soundfile.write(path, values, 16_000)
    elif path.suffix == ".csv":
        np.savetxt(path, values, delimiter=",")
    else:
        np.save(path, values)


def write(folder, count=40):
    """Writes the files and the table that names them; returns the table's path."""
    generator = np.random.default_rng(0)
    vector = ["vector_height", "vector_weight", "vector_age"]
    rows = [[*ENDINGS, "tokens", *vector, "label"]]
    for number in range(count):
        label = number % 2
        files = [f"{kind}{number}{ending}" for kind, ending in ENDINGS.items()]
        for kind, file in zip(ENDINGS, files, strict=True):
            save(draw(kind, label, generator), folder / file)
        text = f"{('a walk', 'a run')[label]} of {generator.integers(99)}"
        numbers = draw("vector", label, generator)
        rows.append([*files, text, *numbers, CLASSES[label]])
    with open(folder / "samples.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "samples.csv"


if __name__ == "__main__":
    FOLDER = pathlib.Path(sys.argv[1])
    FOLDER.mkdir(exist_ok=True)
    print(write(FOLDER))
