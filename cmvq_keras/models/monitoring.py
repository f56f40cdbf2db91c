"""Which way a logged number is better, for callbacks without a mode."""

_LOWER = ("loss", "penalty", "mae", "rmse")
_HIGHER = ("accuracy", "iou", "f1", "r2")


def set_directions(callbacks, names):
    """Gives Keras's callbacks that monitor one of this model's numbers its direction.

    Keras itself knows only that of metrics that were compiled, and stops the training
    after its first epoch.

    Args:
        callbacks: what `fit` was given: a list, one callback or None. Those whose
            mode was chosen, and numbers without a better side, stay as they are.
        names: of the numbers that the model logs itself.
    """
    several = isinstance(callbacks, (list, tuple))
    for callback in callbacks if several else [callbacks]:
        if getattr(callback, "mode", None) != "auto":
            continue
        name = getattr(callback, "monitor", "").removeprefix("val_")
        if name not in names:
            continue
        if name.endswith(_LOWER):
            callback.mode = "min"
        elif name.endswith(_HIGHER):
            callback.mode = "max"
