"""Penn Action: fifteen sports and exercises, one video frame and the pose track.

Published: the network and its sizes, and for presets "paper" and "code" batches of 128
and 200 epochs. Ours, in the default: Adam with mask 0.01 / 0.005 (with the paper's SGD
no channel is ever masked), batches of 16, 12 epochs with a falling learning rate, half
of the training samples mirrored left to right (frame and pose together), the epoch of
the lowest validation task loss (an accuracy of 127 samples is too coarse), a codebook
that starts from the data and revives dead codes, and normalized inputs.

The test split is the official one (1,068 sequences); 10 % of each class of the
official train part (1,258), drawn by `data.seed`, are the validation part. A sequence
is one sample: its middle frame, resized as a whole to 128 x 128 and in [0, 1], and its
poses as 100 steps x 13 joints x (x, y, visible). Longer sequences are subsampled
evenly. Shorter ones (87 % of the train part) are stretched by straight lines between
their frames, or with `data.short_sequences=pad`, as in presets "paper" and "code",
followed by zeros. x and y are in the person's own coordinates
(`cmvq_keras.data.transforms.poses`), joints that are not visible are zeros. How these
were prepared is not published; the above is ours.

Why stretched and mirrored: in 10-fold cross-validation on the official train part, with
three draws of the folds, a kernel ridge regression of the poses has 94.3 % with zeros
behind them, 98.2 % stretched, and 98.7 % with the mirrored sequences beside them.

For the poses alone, recipe `penn-pose` is more accurate in less time
(docs/results.md). Here they are on the published grid, where they meet the frame.
"""

import functools

from cmvq_keras.data.datasets.penn_action import reader
from cmvq_keras.data.formats import images
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

SOURCES = ("penn_action",)

RECIPE = Recipe(
    name="penn-action",
    title="sports and exercises: frame and pose (Penn Action)",
    modalities={
        # Bounds, not measured: [0, 1] becomes [-1, 1].
        "image": Modality((128, 128, 3), offset=0.5, scale=0.5),
        # The person's coordinates have mean 0 and deviation 1 already.
        "pose": Modality((100, 13, 3), "pose"),
    },
    # As in the label files; the data set's readme writes four of them otherwise.
    classes=(
        "baseball_pitch",
        "baseball_swing",
        "bench_press",
        "bowl",
        "clean_and_jerk",
        "golf_swing",
        "jump_rope",
        "jumping_jacks",
        "pullup",
        "pushup",
        "situp",
        "squat",
        "strum_guitar",
        "tennis_forehand",
        "tennis_serve",
    ),
    model=ModelSettings(
        hidden_channels=128,
        residual_channels=32,
        residual_layers=2,
        grid=32,
        embedding_dim=64,
        num_embeddings=512,
    ),
    # A small batch and a falling rate: as many steps as 12 epochs have room for.
    training=TrainingSettings(
        batch_size=16, epochs=12, schedule="cosine", select_by="task_loss", mirror=0.5
    ),
    data={
        "seed": 0,
        "validation_share": 0.1,
        # Sequences 0001 to this have to be there: all of them.
        "sequences": 2326,
        # Those with fewer than 100 frames: "stretch" or "pad".
        "short_sequences": "stretch",
    },
)

_PUBLISHED = {
    "training.batch_size": 128,
    "training.epochs": 200,
    "training.schedule": "constant",
    "training.mirror": 0.0,
    "data.short_sequences": "pad",
}
PRESETS = {"paper": _PUBLISHED, "code": _PUBLISHED}

LIMBS = {"pose": reader.LIMBS}
MIRRORS = {"image": images.mirror, "pose": reader.mirror_poses}


def files(recipe):
    """What reads a single file, by modality and ending."""
    read_pose = functools.partial(
        reader.read_pose, short=recipe.data["short_sequences"]
    )
    return {
        "image": dict.fromkeys(images.ENDINGS, images.read_image),
        "pose": {".mat": read_pose},
    }


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return reader.open_split(recipe, split, data_dir)
