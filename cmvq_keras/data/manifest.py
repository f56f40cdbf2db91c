"""A store's manifest: what the store must hold, checked before it is believed."""

import importlib.metadata
import json
import re

import cmvq_keras
from cmvq_keras.data import npy
from cmvq_keras.data.split import SPLITS
from cmvq_keras.recipe import Recipe

FORMAT = 1
FILE = "manifest.json"
MAX_BYTES = 64_000_000
LABELS, META = "labels.npy", "meta.csv"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_names(recipe):
    """Raises ValueError for names that cannot be names of files in a store."""
    if not isinstance(recipe.name, str) or not _NAME.fullmatch(recipe.name):
        raise ValueError(
            "A store's recipe needs a name of letters, digits, _ and -. Received: "
            f"{recipe.name!r}"
        )
    for name in recipe.modalities:
        if not _NAME.fullmatch(name) or name == "labels":
            raise ValueError(
                "A modality of a store needs a name of letters, digits, _ and -, "
                f"other than labels. Received: {name!r}"
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
        **{name: importlib.metadata.version(name) for name in ("numpy", "librosa")},
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
    path = npy.inside(folder, FILE)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES:,} bytes.")
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
        recipe = _recipe(content)
        _check(content, recipe)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        told = "; ".join(str(error).splitlines())
        raise ValueError(f"{path} is damaged: {told}") from None
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
    for entry in content["left_out"]:
        keys = ("split", "sample", "reason")
        if not all(isinstance(entry.get(key), str) for key in keys):
            raise ValueError(f"left_out must list {', '.join(keys)}")


def _check_files(files, recipe, split, count):
    expected = expected_files(recipe, count)
    if not isinstance(files, dict) or set(files) != set(expected):
        raise ValueError(f"splits.{split}.files must be {', '.join(expected)}")
    for name, (dtypes, shape) in expected.items():
        entry, where = files[name], f"splits.{split}.files.{name}"
        if not _is_checksum(entry.get("sha256")):
            raise ValueError(f"{where}.sha256 must be a SHA-256")
        if type(entry.get("bytes")) is not int or entry["bytes"] < 1:
            raise ValueError(f"{where}.bytes must be an integer >= 1")
        if dtypes and entry.get("dtype") not in dtypes:
            raise ValueError(f"{where}.dtype must be one of {', '.join(dtypes)}")
        if shape is not None and not _has_shape(entry.get("shape"), shape):
            raise ValueError(f"{where}.shape must be {list(shape)}, -1 being free")


def expected_files(recipe, count):
    """`(dtypes, shape)` by file name of one split; None where it is no array.

    A label is one number, or under segmentation one a pixel of any size (-1).
    """
    pixels = (-1, -1) if recipe.task == "segmentation" else ()
    return {
        **{
            f"{name}.npy": (npy.DTYPES, (count, *item.shape))
            for name, item in recipe.modalities.items()
        },
        LABELS: ((npy.LABELS,), (count, *pixels)),
        META: (None, None),
    }


def _has_shape(found, shape):
    return (
        isinstance(found, list)
        and len(found) == len(shape)
        and all(type(size) is int and size > 0 for size in found)
        and all(
            size == wanted or wanted == -1
            for size, wanted in zip(found, shape, strict=True)
        )
    )


def _is_checksum(text):
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
