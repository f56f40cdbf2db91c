"""UTD-MHAD: 27 actions, a skeleton and an inertial sensor that were recorded at once.

Both are sequences, stretched to 64 steps. The skeleton's places are relative to where
the spine begins, in 0.4 m; accelerations are in g, angular rates in 120 degrees a
second. Nothing of this recipe is published: presets "paper" and "code" put the
published training on it.

`data.split` is "cross-subject" (subjects 1, 3 and 5 train, 7 validates, 2, 4, 6 and 8
test: 323, 108 and 430 recordings) or "leave-one-subject-out" (`data.subject` tests and
the next one validates). Under "cross-subject" `data.validation_subject` may be 1, 3 or
5 too, and the other three train: one subject tells little of a setting.
"""

from cmvq_keras.data.datasets import utd_mhad
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings
from cmvq_keras.recipe.fields import AUTO

SOURCES = ("utd_mhad",)
RECIPE = Recipe(
    name="utd-mhad",
    title="actions: skeleton and inertial sensor (UTD-MHAD)",
    modalities={
        "skeleton": Modality((64, 60), "sequence", scale=0.4),
        "inertial": Modality((64, 6), "sequence"),
    },
    classes=(
        "swipe_left",
        "swipe_right",
        "wave",
        "clap",
        "throw",
        "arm_cross",
        "basketball_shoot",
        "draw_x",
        "draw_circle_clockwise",
        "draw_circle_counter_clockwise",
        "draw_triangle",
        "bowling",
        "boxing",
        "baseball_swing",
        "tennis_swing",
        "arm_curl",
        "tennis_serve",
        "push",
        "knock",
        "catch",
        "pickup_throw",
        "jog",
        "walk",
        "sit_to_stand",
        "stand_to_sit",
        "lunge",
        "squat",
    ),
    model=ModelSettings(
        hidden_channels=64,
        head="pooled",
        grid=4,
        embedding_dim=64,
        quantizer="fsq",
        num_embeddings=128,
        penalty_weight=3e-3,
        reconstruction_weight=0.1,
        modality_loss_weight=1.0,
        mask_start=AUTO,
        mask_freeze=0.9,
        threshold=0.025,
    ),
    training=TrainingSettings(
        batch_size=32,
        epochs=80,
        optimizer="adamw",
        learning_rate=4e-3,
        weight_decay=0.01,
        schedule="one-cycle",
        label_smoothing=0.1,
        augmentation=True,
        select_by="last",
    ),
    data={
        "split": "cross-subject",
        "validation_subject": 7,
        "subject": 1,
        "seed": 0,
    },
)
_PUBLISHED = {"training.schedule": "constant"}
PRESETS = {"paper": _PUBLISHED, "code": _PUBLISHED}
AUGMENTATIONS = {"skeleton": utd_mhad.turned}


def files(recipe):
    """What reads a single file, by modality and ending."""
    return {name: {".mat": _one_file(name)} for name in recipe.modalities}


def _one_file(name):
    reader, _ = utd_mhad.READERS[name]
    return lambda path, shape: reader(shape)(path)[name]


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return utd_mhad.open_split(recipe, split, data_dir)


# Joints of the Kinect: head, shoulders' and hips' middle, then arms and legs.
_TRUNK = ((0, 1), (1, 2), (2, 3))
_ARMS = ((1, 4), (4, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11))
_LEGS = ((3, 12), (12, 13), (13, 14), (14, 15), (3, 16), (16, 17), (17, 18), (18, 19))
LIMBS = {"skeleton": _TRUNK + _ARMS + _LEGS}
