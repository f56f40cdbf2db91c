"""Plain-text tables: columns padded with spaces, fit for a terminal and a log."""


def table(rows, header=None):
    """Text of a table.

    Args:
        rows: rows of cells; every cell is written with `str`.
        header: the columns' names, or None.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if header:
        cells = [list(header), ["-" * len(name) for name in header], *cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if header:
        cells[1] = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def percent(share):
    """A share from 0 to 1 in percent, or "-" where there is none."""
    return "-" if share is None else f"{100 * share:.2f} %"


def number(value, digits=4):
    """A number with a fixed count of digits, or "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def scores(metrics):
    """Rows of the task's scores: accuracy and macro-F1, or pixel accuracy and mean
    IoU."""
    if "mean_iou" in metrics:
        yield "Pixel accuracy", percent(metrics["accuracy"])
        yield "Mean IoU", percent(metrics["mean_iou"])
    else:
        yield "Accuracy", percent(metrics.get("accuracy"))
        yield "Macro-F1", number(metrics.get("macro_f1"))


def complementarity(measured):
    """Rows of compl and contr by modality, in percent and channels, and of zeta."""
    channels = measured.get("channels")
    for name in measured.get("compl", {}):
        for kind in ("compl", "contr"):
            share = measured[kind][name]
            count = f"{channels * share / 100:g} of {channels} channels"
            yield f"{name}: {kind}", f"{number(share, 2)} %  ({count})"
    yield from _zeta(measured.get("zeta"))


def _zeta(zeta, unit=""):
    if isinstance(zeta, dict):
        for name, value in zeta.items():
            yield f"{name}: zeta{unit}", number(value, 2)
    else:
        yield f"zeta{unit}", number(zeta, 2)


def information(metrics):
    """Rows of the bits that each modality adds to the others, and of their zeta."""
    if "information" not in metrics:
        return
    measured = metrics["information"]
    for name, bits in measured["bits"].items():
        low, high = measured["interval"][name]
        between = f"(95 %: {number(low, 3)} to {number(high, 3)})"
        yield f"{name}: bits it adds", f"{number(bits, 3)}  {between}"
    yield from _zeta(measured["zeta"], " of bits")


def left_out(metrics, title):
    """A row of how many damaged samples are not among those that were measured."""
    if metrics.get("left_out"):
        yield title, f"{metrics['left_out']} (cmvq data check lists them)"


def codes(recipe, used):
    """Rows of the codes used by modality."""
    for name, count in used.items():
        yield f"{name}: codes used", f"{count} of {recipe.model.num_embeddings}"


def shared_labels(metrics):
    """Rows of the accuracy on the classes that a run shares with its origin."""
    if "shared" not in metrics:
        return
    shared = metrics["shared"]
    yield "On shared classes", percent(shared["accuracy"])
    yield "  among these alone", percent(shared["accuracy_among_shared"])
    names = ", ".join(shared["classes"]) or "none"
    yield "  which are", f"{names} ({shared['n']} labels)"
