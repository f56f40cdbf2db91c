"""A store's manifest: what the store must hold, checked before it is believed."""

import importlib.metadata
import json
import re

import cmvq_keras
from cmvq_keras import fileio, tasks
from cmvq_keras.data.formats import npy
from cmvq_keras.data.split import SPLITS
from cmvq_keras.recipe import Recipe

FORMAT = 1
FILE = "manifest.json"
MAX_BYTES = 64_000_000
LABELS, META = "labels.npy", "meta.csv"
_DECODERS = ("numpy", "scipy", "soundfile", "pillow", "av", "h5py")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_names(recipe):
    """Raises ValueError for a name that a file of every store has."""
    if "labels" in recipe.modalities:
        raise ValueError(
            "A modality of a store needs a name of letters, digits, _ and -, other "
            "than labels. Received: 'labels'"
        )


def data_settings(recipe):
    """What the rows of a store depend on, beside the raw files: a dict for JSON."""
    return {
        "data": recipe.data,
        "limit": recipe.training.limit,
        "kinds": {name: item.kind for name, item in recipe.modalities.items()},
        "shapes": {name: list(item.shape) for name, item in recipe.modalities.items()},
    }


def versions():
    """What may change the stored values."""
    return {
        "cmvq-keras": cmvq_keras.__version__,
        **{name: importlib.metadata.version(name) for name in _DECODERS},
    }


def to_json(content):
    """The manifest as text: no date and no path of this machine, so that the same
    data always gives the same bytes."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def read(folder):
    """A store's manifest and its recipe.

    Args:
        folder: the store's own folder.

    Returns:
        `(content, recipe)`: a dict whose structure was checked, and a `Recipe`.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: in one line, for a manifest that is damaged or of another format.
    """
    path = folder / FILE
    try:
        content = fileio.read_json(path, "manifest", folder)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing.") from None
    try:
        recipe = _recipe(content)
        _check(content, recipe)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        text = "; ".join(str(error).splitlines())
        raise ValueError(f"{path} is damaged: {text}") from None
    return content, recipe


def _recipe(content):
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'it must be a JSON object with "format": {FORMAT}')
    recipe = Recipe.from_json(json.dumps(content.get("recipe")))
    check_names(recipe)
    if not all(isinstance(name, str) for name in recipe.classes):
        raise ValueError("its classes must be words")
    return recipe


def _check(content, recipe):
    splits = content.get("splits")
    if not isinstance(splits, dict) or not splits:
        raise ValueError("it has no splits")
    for split, entry in splits.items():
        if split not in SPLITS:
            raise ValueError(f"it has an unknown split {split!r}")
        count = entry.get("count") if isinstance(entry, dict) else None
        if type(count) is not int or count < 1:
            raise ValueError(f"splits.{split}.count must be an integer >= 1")
        _check_files(entry.get("files"), recipe, split, count)
        if not _is_checksum(entry.get("samples_sha256")):
            raise ValueError(f"splits.{split}.samples_sha256 must be a SHA-256")
    for key, kind in (("settings", dict), ("left_out", list), ("versions", dict)):
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{key} must be a JSON {kind.__name__}")
    if content["settings"] != json.loads(json.dumps(data_settings(recipe))):
        raise ValueError("its settings are not those of its recipe")
    disjoint = content.get("disjoint", [])
    if not (isinstance(disjoint, list) and all(isinstance(x, str) for x in disjoint)):
        raise ValueError("disjoint must list names of attributes")
    for entry in content["left_out"]:
        keys = ("split", "sample", "reason")
        if not all(isinstance(entry.get(key), str) for key in keys):
            raise ValueError(f"left_out must list {', '.join(keys)}")


def _check_files(files, recipe, split, count):
    expected = expected_files(recipe, count)
    needed = [name for name, (_, _, optional) in expected.items() if not optional]
    if not isinstance(files, dict) or not set(needed) <= set(files) <= set(expected):
        raise ValueError(f"splits.{split}.files must be {', '.join(needed)}")
    for name, about in files.items():
        dtypes, shapes, _ = expected[name]
        where = f"splits.{split}.files.{name}"
        if not isinstance(about, dict) or not _is_checksum(about.get("sha256")):
            raise ValueError(f"{where}.sha256 must be a SHA-256")
        if type(about.get("bytes")) is not int or about["bytes"] < 1:
            raise ValueError(f"{where}.bytes must be an integer >= 1")
        if dtypes and about.get("dtype") not in dtypes:
            raise ValueError(f"{where}.dtype must be one of {', '.join(dtypes)}")
        shared = name.endswith(".npy") and rows_file(name) in files
        fits = [_has_shape(about.get("shape"), shape, shared) for shape in shapes]
        if shapes and not any(fits):
            text = " or ".join(str(list(shape)) for shape in shapes)
            raise ValueError(f"{where}.shape must be {text}, -1 being free")


def expected_files(recipe, count):
    """`(dtypes, shapes, optional)` by file name of one split.

    `<modality>.npy` holds a row a sample, or, when `<modality>.rows.npy` says which
    row is a sample's, any number of rows. A row may be several views of one sample.
    What a label is says the task.
    """
    expected = {}
    for name, item in recipe.modalities.items():
        shapes = (count, *item.shape), (count, -1, *item.shape)
        expected[f"{name}.npy"] = (npy.DTYPES, shapes, False)
        expected[rows_file(f"{name}.npy")] = ((npy.LABELS,), ((count,),), True)
    task = tasks.get(recipe.task)
    labels = (count, *task.label_shape(recipe))
    expected[LABELS] = ((task.dtype,), (labels,), False)
    expected[META] = ((), (), False)
    return expected


def rows_file(name):
    """The name of the file that says which row of `name` is each sample's."""
    return f"{name.removesuffix('.npy')}.rows.npy"


def _has_shape(found, shape, any_count=False):
    return (
        isinstance(found, list)
        and len(found) == len(shape)
        and all(type(size) is int and size > 0 for size in found)
        and all(
            size == wanted or wanted == -1
            for size, wanted in list(zip(found, shape, strict=True))[any_count:]
        )
    )


def _is_checksum(text):
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
