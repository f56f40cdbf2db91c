"""NYU Depth V2: indoor scenes, a class for every pixel from color and depth.

Published: the network and its sizes, batch 8, 200 epochs, learning rate 1e-4 with
cosine decay. Ours, in the default: Adam with mask 0.01 / 0.005 (with the paper's SGD
no channel is ever masked), a codebook that starts from the data and revives dead
codes, and normalized inputs.

The test split is the official one (654 pictures); 10 % of the official train part
(795), drawn by `data.seed`, are the validation part, of which some show rooms of the
train part. The kept epoch has the highest mean IoU there.

Raw values: color in [0, 1]; depth in metres, 0 where there is none. All are resized as
a whole from 640 x 480: color bilinear, labels and depth (`data.depth_resize`) by
nearest neighbour, as between a near and a far surface no distance is true. Pixels
without a class are in neither the loss nor the score. Depth files of one's own are PNG
of 16 bits, metres times `data.depth_scale`.
"""

from cmvq_keras.data.datasets.nyuv2 import folder, reader
from cmvq_keras.data.formats import images
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

_SCHEDULE = {"training.learning_rate": 1e-4, "training.schedule": "cosine"}

SOURCES = ("nyuv2",)

RECIPE = Recipe(
    name="nyuv2",
    title="indoor scenes: color and depth (NYUv2), segmentation",
    modalities={
        # Bounds, not measured: [0, 1] becomes [-1, 1].
        "color": Modality((256, 256, 3), offset=0.5, scale=0.5),
        # From two scenes alone (means 3.7 and 2.9 m, deviations 1.1 and 0.8 m).
        "depth": Modality((256, 256, 1), "depth", offset=3.0, scale=1.0),
    },
    # `className` of classMapping40.mat, its spelling included.
    classes=(
        "wall",
        "floor",
        "cabinet",
        "bed",
        "chair",
        "sofa",
        "table",
        "door",
        "window",
        "bookshelf",
        "picture",
        "counter",
        "blinds",
        "desk",
        "shelves",
        "curtain",
        "dresser",
        "pillow",
        "mirror",
        "floor mat",
        "clothes",
        "ceiling",
        "books",
        "refridgerator",
        "television",
        "paper",
        "towel",
        "shower curtain",
        "box",
        "whiteboard",
        "person",
        "night stand",
        "toilet",
        "sink",
        "lamp",
        "bathtub",
        "bag",
        "otherstructure",
        "otherfurniture",
        "otherprop",
    ),
    model=ModelSettings(
        hidden_channels=128,
        residual_channels=32,
        residual_layers=2,
        grid=32,
        embedding_dim=64,
        num_embeddings=512,
    ),
    training=TrainingSettings(
        learning_rate=1e-4,
        schedule="cosine",
        batch_size=8,
        epochs=200,
        select_by="mean_iou",
    ),
    data={
        "seed": 0,
        "validation_share": 0.1,
        "depth_resize": "nearest",
        "depth_scale": 5000.0,
    },
    task="segmentation",
)

PRESETS = {"paper": _SCHEDULE, "code": _SCHEDULE}


def files(recipe):
    """Readers of single files by modality; see `cmvq_keras.recipes.read_sample`."""
    data = recipe.data
    depth = folder.DepthReader(data["depth_scale"], data["depth_resize"])
    return {
        "color": dict.fromkeys(images.ENDINGS, images.read_image),
        "depth": {".png": depth},
    }


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return reader.open_split(recipe, split, data_dir)
