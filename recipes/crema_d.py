"""CREMA-D: acted emotions, one video frame and the speech of a clip.

Published: the network and its sizes, the batch, 100 epochs (50 under preset "code",
as in the published run). Ours, in the default: Adam with mask 0.01 / 0.005 (with the
paper's SGD no channel is ever masked), a codebook that starts from the data and
revives dead codes, and normalized inputs.

Raw values: pictures in [0, 1], log-mel spectrograms in dB with 1 as reference.
"""

from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

SOURCES = ("crema_d",)

RECIPE = Recipe(
    name="crema-d",
    title="acted emotions: face and speech (CREMA-D)",
    modalities={
        # Bounds, not measured: [0, 1] becomes [-1, 1].
        "image": Modality((128, 128, 3), offset=0.5, scale=0.5),
        # Not measured, for want of the clips: the published log's reconstruction
        # error starts at 2926, the mean square of the spectrograms, 54 dB squared.
        "audio": Modality((256, 256, 1), "audio", offset=-50.0, scale=20.0),
    },
    classes=("anger", "disgust", "fear", "happy", "neutral", "sad"),
    model=ModelSettings(
        hidden_channels=128,
        residual_channels=32,
        residual_layers=2,
        grid=32,
        embedding_dim=64,
        num_embeddings=512,
    ),
    training=TrainingSettings(batch_size=128, epochs=100),
)

PRESETS = {"code": {"training.epochs": 50}}
