"""MNIST and SVHN digits, paired by label (the paper's appendix).

Published: the network and its sizes, the batch and the epochs. Ours, in the default:
Adam with mask 0.01 / 0.005 (with the paper's SGD no channel is ever masked: its
weights move from 0.1 to 0.0998 in 50 epochs), a codebook that starts from the data
and revives dead codes, and normalized inputs; 10 % of each source's official train
part, class by class, are the validation part. The official test parts are the test
set. Pairs are made within a split; the side with fewer samples is drawn again.

SVHN's crops come several to a photo and its files do not say which: a photo can be
in both training and validation, never in the test part.
"""

from cmvq_keras.data import images, mnist, pairing, svhn
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

SOURCES = ("mnist", "svhn")

RECIPE = Recipe(
    name="digits",
    title="handwritten digits (MNIST) and house numbers (SVHN)",
    modalities={
        # Mean and standard deviation of the training pictures; SVHN's from 864 of
        # its 73,257.
        "mnist": Modality((32, 32, 1), offset=0.131, scale=0.289),
        "svhn": Modality((32, 32, 3), offset=0.467, scale=0.207),
    },
    classes=tuple("0123456789"),
    model=ModelSettings(
        hidden_channels=64,
        residual_channels=12,
        residual_layers=1,
        grid=16,
        embedding_dim=32,
        num_embeddings=256,
    ),
    training=TrainingSettings(batch_size=128, epochs=10),
    data={"seed": 0, "validation_share": 0.1},
)

_PICTURES = dict.fromkeys((".png", ".jpg", ".jpeg"), images.read_image)
FILES = {"mnist": _PICTURES, "svhn": _PICTURES}


def open_split(recipe, split, data_dir=None):
    """One split of the pairs; see `cmvq_keras.recipes.open_split`."""
    openers = {"mnist": mnist.open_part, "svhn": svhn.open_part}
    return pairing.open_split(recipe, openers, split, data_dir)
