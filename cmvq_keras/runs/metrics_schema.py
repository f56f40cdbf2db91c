"""What metrics.json may hold: checked before a report or a table counts on it."""

from cmvq_keras.data.split import SPLITS

#: What every measured split of a finished run has, by its task.
_NEEDED = {
    "classification": ("n", "accuracy", "loss", "confusion", "per_class"),
    "segmentation": ("n", "accuracy", "loss", "confusion", "per_class"),
    "multi-label": ("n", "accuracy", "macro_f1", "loss", "per_class"),
    "regression": ("n", "r2", "mae", "rmse", "loss", "per_target"),
}
_BY_CLASS = ("per_class", "iou", "precision", "f1")
_MOST = 2**63
_SHARES = ("accuracy", "macro_f1", "mean_iou", *_BY_CLASS)  # in [0, 1]


def check(metrics, recipe):
    """Raises ValueError, with the entry's name, for metrics of another form.

    Args:
        metrics: the content of metrics.json, a dict.
        recipe: the run's `Recipe`.
    """
    is_finished = "best_epoch" in metrics
    if is_finished:
        _check_number(metrics["best_epoch"], "best_epoch", least=1, whole=True)
    for name in ("codes_used", "complementarity", "checksums"):
        _check_object(metrics.get(name, {}), name)
    _check_complementarity(metrics.get("complementarity", {}))
    for name in ("parameters", "training_seconds"):
        _check_number(metrics.get(name, 0), name, least=0)
    for split in SPLITS:
        if split in metrics:
            _check_split(metrics[split], split, recipe, is_finished)


def _check_complementarity(found):
    for name in ("compl", "contr", "counts"):
        _check_numbers(found.get(name, {}), f"complementarity.{name}")
    zeta = found.get("zeta")
    if isinstance(zeta, dict):
        _check_numbers(zeta, "complementarity.zeta", or_none=True)
    elif zeta is not None:
        _check_number(zeta, "complementarity.zeta")


def _check_split(found, split, recipe, is_finished):
    _check_object(found, split)
    classes = recipe.classes
    missing = [name for name in _NEEDED[recipe.task] if name not in found]
    if is_finished and missing:
        raise ValueError(f"{split} lacks {', '.join(missing)}")
    for name, value in found.items():
        where = f"{split}.{name}"
        if name == "n":
            _check_number(value, where, least=1, whole=True)
        elif name == "confusion":
            _check_confusion(value, where, len(classes))
        elif name == "per_target":
            _check_targets(value, where, recipe.targets)
        elif name in _BY_CLASS:
            _check_numbers(value, where, or_none=True, **_range(name))
            if set(value) != set(classes):
                raise ValueError(f"{where} must name the classes {', '.join(classes)}")
        elif name in ("codes_used", "information", "shared", "without"):
            _check_object(value, where)
        elif value is not None:
            # null is a number that was not finite.
            _check_number(value, where, **_range(name))  # pyright: ignore


def _check_targets(value, where, targets):
    _check_object(value, where)
    if set(value) != set(targets):
        raise ValueError(f"{where} must name the targets {', '.join(targets)}")
    for name, numbers in value.items():
        _check_numbers(numbers, f"{where}.{name}", or_none=True)
        if not {"r2", "mae", "rmse"} <= set(numbers):
            raise ValueError(f"{where}.{name} must hold r2, mae and rmse")


def _check_confusion(value, where, size):
    rows = value if isinstance(value, list) else []
    if len(rows) != size or any(
        not isinstance(row, list) or len(row) != size for row in rows
    ):
        raise ValueError(f"{where} must be {size} lists of {size} counts")
    for row in rows:
        for count in row:
            _check_number(count, where, least=0, whole=True)


def _check_object(value, where):
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a JSON object. Received: {_shown(value)}")


def _range(name):
    return {"least": 0, "most": 1} if name in _SHARES else {}


def _check_numbers(value, where, or_none=False, **limits):
    _check_object(value, where)
    for name, number in value.items():
        if number is not None or not or_none:
            _check_number(number, f"{where}.{name}", **limits)


def _check_number(value, where, least=-_MOST, most=_MOST, whole=False):
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        what = "a whole number" if whole else "a number"
        raise ValueError(f"{where} must be {what}. Received: {_shown(value)}")
    if not least <= value <= most:
        raise ValueError(
            f"{where} must be in [{least:g}, {most:g}]. Received: {_shown(value)}"
        )


def _shown(value):
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
