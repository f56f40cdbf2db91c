"""What `cmvq_keras.evaluation.contribution.contribution` is given, checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cmvq_keras import validation
from cmvq_keras.errors import InputError
from cmvq_keras.evaluation import decomposition


def groups(model: Any, x: Any, chosen: Any) -> dict[str, tuple[str, ...]]:
    """The inputs by modality.

    Args:
        model, x: as in `contribution`.
        chosen: its `groups`.

    Raises:
        InputError: for `x` that is no dictionary.
        ValueError: for fewer than two modalities, unknown inputs, and one in two.
    """
    if not isinstance(x, Mapping):
        raise InputError(
            f"`x` must be a dictionary of arrays by input. Received: {type(x).__name__}"
        )
    if chosen is None:
        found = {name: (name,) for name in getattr(model, "task_modalities", x)}
    elif isinstance(chosen, Mapping):
        found = {
            name: (names,) if isinstance(names, str) else tuple(names)
            for name, names in chosen.items()
        }
    else:
        raise ValueError(
            "`groups` must be a dictionary: by modality the names of its inputs. "
            f"Received: {chosen!r}"
        )
    named = [name for names in found.values() for name in names]
    for name in named:
        validation.one_of(name, x, "input")
    if len(set(named)) < len(named):
        raise ValueError(
            "`groups` must name each input once. Received: " + ", ".join(named)
        )
    if len(found) < 2 or not all(found.values()):
        raise ValueError(
            "Two modalities or more are needed, each with an input. Received: "
            f"{', '.join(map(str, found)) or 'none'}"
        )
    return found


def labels(x: Mapping[str, Any], y: Any) -> np.ndarray:
    """`y` as an array, of integers where its numbers are whole.

    Args:
        x: by input, `(n, ...)`.
        y: `(n, ...)`.

    Raises:
        InputError: for texts, fewer samples than two, and another number than in `x`.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise InputError(
            f"`y` must hold the classes' numbers, from 0. Received: dtype {y.dtype}"
        )
    counts = {name: len(values) for name, values in x.items()}
    counts["y"] = len(y) if y.ndim else 0
    # Half of the samples calibrate the other half.
    if len(set(counts.values())) > 1 or counts["y"] < 2:
        raise InputError(
            "The inputs and `y` must hold the same samples, at least two. Received: "
            + ", ".join(f"{name} {count}" for name, count in counts.items())
        )
    if y.dtype.kind != "f":
        return y
    if not np.all(y == np.floor(y)):
        raise InputError("`y` must hold whole numbers. Received: others, or NaN")
    return y.astype(np.int64)


def check_decomposition(
    kind: str | None, cells: int | None, modalities: Mapping[str, Any]
) -> None:
    """Checks what is asked of a decomposition, and that its solver is there.

    Args:
        kind: the argument `decomposition`; None for none.
        cells: as in `contribution`.
        modalities: by modality its inputs.

    Raises:
        ImportError: for cells, without cvxpy.
        ValueError: for an unknown kind, cells that do not fit, and other than two
            modalities.
    """
    if kind is not None:
        validation.one_of(kind, decomposition.KINDS, "decomposition")
    decomposition.check_cells(cells)
    if cells is not None and kind != "posteriors":
        raise ValueError(
            f'`cells` is for `decomposition="posteriors"`. Received: {kind}'
        )
    if kind is None:
        return
    if kind in decomposition.CELLS:
        decomposition.solver()
    if len(modalities) != 2:
        raise ValueError(
            "A decomposition is of two modalities. Received: "
            f"{len(modalities)} ({', '.join(modalities)}). Take some as one group"
        )
