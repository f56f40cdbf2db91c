"""Penn Action: fifteen sports and exercises, one video frame and the pose track.

Published: the network and its sizes, the batch and 200 epochs. Ours, in the default:
Adam with mask 0.01 / 0.005 (with the paper's SGD no channel is ever masked), a
codebook that starts from the data and revives dead codes, and normalized inputs.

Raw values: pictures in [0, 1]; poses as 100 frames x 13 joints x (x, y, visible),
x and y in parts of the frame's width and height, visible 0 or 1.
"""

from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

SOURCES = ("penn_action",)

RECIPE = Recipe(
    name="penn-action",
    title="sports and exercises: frame and pose (Penn Action)",
    modalities={
        # Bounds, not measured: [0, 1] becomes [-1, 1].
        "image": Modality((128, 128, 3), offset=0.5, scale=0.5),
        "pose": Modality((100, 13, 3), "pose", offset=0.5, scale=0.5),
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
    training=TrainingSettings(batch_size=128, epochs=200),
)
