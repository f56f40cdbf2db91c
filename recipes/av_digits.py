"""Handwritten digits (MNIST) and spoken digits (FSDD), paired by label.

Nothing here is published: it is a real pair of picture and sound that is quick to
get. Network and training are those of the recipe digits; presets "paper" and "code"
take the published ones for digits. 10 % of each source's official train part, class by
class, are the validation part; the official test parts are the test set (10,000
pictures, 300 recordings, so that each recording is in about 33 pairs). The speakers
are the same in all three splits, as in FSDD's official one.

Speech enters as a log-mel spectrogram: 8 kHz, 512-point windows every 128 samples,
64 mel bands, in dB relative to the clip's loudest value and at most 80 dB below it,
centred in 64 frames (1.02 seconds).
"""

from cmvq_keras.data.datasets import fsdd, mnist, pairing
from cmvq_keras.data.formats import audio, images
from cmvq_keras.data.transforms import griffin_lim
from cmvq_keras.recipe import Modality, Recipe
from cmvq_keras.recipes import digits

SOURCES = ("mnist", "fsdd")

RECIPE = Recipe(
    name="av-digits",
    title="handwritten (MNIST) and spoken (FSDD) digits",
    modalities={
        # Mean and standard deviation of the training pictures and recordings.
        "image": Modality((32, 32, 1), offset=0.131, scale=0.289),
        "audio": Modality((64, 64, 1), "audio", offset=-63.2, scale=22.1),
    },
    classes=tuple("0123456789"),
    model=digits.RECIPE.model,
    training=digits.RECIPE.training,
    data={"seed": 0, "validation_share": 0.1},
)

PRESETS = digits.PRESETS

FILES = {
    "image": dict.fromkeys(images.ENDINGS, images.read_image),
    "audio": dict.fromkeys(audio.ENDINGS, fsdd.read_log_mel),
}
SOUNDS = {"audio": griffin_lim.Spectrogram.of(fsdd.MEL)}


def open_split(recipe, split, data_dir=None):
    """One split of the pairs; see `cmvq_keras.recipes.open_split`."""
    openers = {"image": mnist.open_part, "audio": fsdd.open_part}
    return pairing.open_split(recipe, openers, split, data_dir)
