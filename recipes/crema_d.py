"""CREMA-D: acted emotions, one video frame and the speech of a clip.

Published: the network and its sizes, the batch, 100 epochs (50 under preset "code",
as in the published run). Ours, in the default: Adam with mask 0.01 / 0.005 (with the
paper's SGD no channel is ever masked), a codebook that starts from the data and
revives dead codes, and normalized inputs.

Published, too: what is taken of a clip. Its middle frame, and to train one of the
frames -15 to +15 around it (30 a second): rows 0 to 280 and the central 280 columns,
resized to 128 x 128, in [0, 1]. Its sound as a log-mel spectrogram in dB with 1 as
reference: the mean of the channels at 44.1 kHz, 512-point windows every 353 samples,
transforms of 2048 points, 256 mel bands; of the 313 steps of a clip of 2.5 seconds the
central 256, and a shorter clip's reflected at both ends.

`data.split` is "cmvqvae" (the authors' lists: 5,954 / 744 / 744, in which every actor
is in all three parts), "actor-disjoint" (fold `data.fold` of 5 to test, the next one to
validate) or a folder with a user's own train.csv, test.csv and perhaps validation.csv;
without the last, `data.validation_share` of train is held out. `data.frames` of the 31
frames are drawn for each clip by `data.seed` and stored, and a training draws one of
them an epoch. 4 take 1.2 GB for the published split, beside 0.8 GB of spectrograms;
more would be much the same pictures, as all 31 lie within a second. The published code
draws anew each time.

The sound comes from the clip's WAV file where the clip itself has none, as
1076_MTI_NEU_XX, or a damaged one. Three clips are known to be damaged and are left
out: 1064_IEO_DIS_MD, 1064_TIE_SAD_XX, 1076_MTI_SAD_XX.
"""

from cmvq_keras.data.datasets.crema_d import clips, reader, splits
from cmvq_keras.data.formats import audio, images, video
from cmvq_keras.data.transforms import griffin_lim
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
    data={
        "seed": 0,
        "split": splits.PUBLISHED,
        "fold": 0,
        "validation_share": 0.1,
        "frames": 4,
    },
)

PRESETS = {"code": {"training.epochs": 50}}

FILES = {
    "image": {
        **dict.fromkeys(video.ENDINGS, clips.read_image),
        **dict.fromkeys(images.ENDINGS, clips.read_picture),
    },
    "audio": dict.fromkeys((*video.ENDINGS, *audio.ENDINGS), clips.read_audio),
}
SOUNDS = {"audio": griffin_lim.Spectrogram.of(clips.MEL)}


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return reader.open_split(recipe, split, data_dir)
