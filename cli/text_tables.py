"""Tables of text, laid out by rich: as wide as the terminal, 80 columns in a pipe."""

import io
import itertools
import shutil
import sys

_RULE = "    \n    \n -- \n    \n    \n    \n    \n    \n"  # one under the header
_GAP = 2  # columns between two cells
_SHORT = 14  # letters: "56.00 ± 4.24"


def table(rows, header=None, *, at_most=10_000):
    """Text of a table.

    With a header, cells that do not fit are folded between words. Columns that do not
    fit even so follow in a table below, which has the first column too. Without a
    header the table is of names and values, which stay on one line: paths can be
    copied.

    Args:
        rows: rows of cells; every cell is written with `str`.
        header: the columns' names, or None.
        at_most: columns that it takes, however wide the terminal is.
    """
    width = min(_width(), at_most) if header else 10_000
    if header and (fitting := _fitting(rows, header, width)) < len(header):
        rest = [(row[0], *row[fitting:]) for row in rows]
        below = table(rest, (header[0], *header[fitting:]), at_most=at_most)
        rows, header = [row[:fitting] for row in rows], header[:fitting]
        return f"{table(rows, header, at_most=at_most)}\n\n{below}"
    made = _layout(rows, header)
    console = _console(width)
    console.print(made)
    lines = console.file.getvalue().splitlines()  # pyright: ignore
    return "\n".join(line.rstrip() for line in lines)


def fits(rows, header):
    """Whether a table needs no more columns than there are, folded between words."""
    return _fitting(rows, header, _width()) == len(header)


def _fitting(rows, header, width):
    """How many of a table's columns fit, two at least, which may be cut."""
    cells = [[str(cell) for cell in row] for row in rows]
    columns = list(zip(*cells, strict=True)) or [() for _ in header]
    widths = map(_narrowest, header, columns)
    ends = itertools.accumulate(each + _GAP for each in widths)
    return max(min(2, len(header)), sum(end - _GAP <= width for end in ends))


def _layout(rows, header):
    # Imported here: `cmvq --help` needs none of it.
    from rich.box import Box
    from rich.table import Table
    from rich.text import Text

    rule = Box(_RULE, ascii=True) if header else None
    padding = (0, _GAP - bool(header), 0, 0)  # the rule has a column of its own
    made = Table(box=rule, show_edge=False, padding=padding, pad_edge=False)
    made.show_header = bool(header)
    cells = [[str(cell) for cell in row] for row in rows]
    columns = list(zip(*cells, strict=True)) or [() for _ in header]
    names = header or [""] * len(columns)
    for name, column in zip(names, columns, strict=True):
        natural = max(map(len, (name, *column)))
        stiff = natural == _narrowest(name, column)
        # Text: a name with brackets is no markup.
        made.add_column(Text(name, style="bold"), no_wrap=stiff)
    for row in cells:
        made.add_row(*map(Text, row))
    return made


def _narrowest(name, column):
    """The least width of a column: short cells, such as numbers, are not folded."""
    words = [*name.split(), *(cell for cell in column if len(cell) <= _SHORT)]
    words += [word for cell in column if len(cell) > _SHORT for word in cell.split()]
    return max(map(len, words), default=0)


def _console(width):
    from rich.console import Console

    live = sys.stdout.isatty()
    return Console(file=io.StringIO(), width=width, force_terminal=live, emoji=False)


def _width():
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def percent(share):
    """A share from 0 to 1 in percent, or "-" where there is none."""
    return "-" if share is None else f"{100 * share:.2f} %"


def number(value, digits=4):
    """A number with a fixed count of digits, or "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def significant(value, digits=4):
    """A number in a unit of its own, to so many digits, or "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}g}"


def scores(metrics):
    """Rows of the task's scores: accuracy and macro-F1, pixel accuracy and mean IoU, or
    R2, MAE and RMSE."""
    if "r2" in metrics:
        yield "R2", number(metrics["r2"])
        yield "MAE", significant(metrics["mae"])
        yield "RMSE", significant(metrics["rmse"])
    elif "mean_iou" in metrics:
        yield "Pixel accuracy", percent(metrics["accuracy"])
        yield "Mean IoU", percent(metrics["mean_iou"])
    else:
        yield "Accuracy", percent(metrics.get("accuracy"))
        yield "Macro-F1", number(metrics.get("macro_f1"))


def complementarity(recipe, measured):
    """Rows of compl and contr by modality, in percent and channels, and of zeta."""
    if recipe.model.mask_mode == "none":
        yield "Mask", "none: the task sees all channels"
        return
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
    """Rows of the bits that each modality adds to the others, of their Shapley values
    and of their zeta."""
    if "information" not in metrics:
        return
    measured = metrics["information"]
    for name, bits in measured["bits"].items():
        low, high = measured["interval"][name]
        between = f"(95 %: {number(low, 3)} to {number(high, 3)})"
        yield f"{name}: bits it adds", f"{number(bits, 3)}  {between}"
    for name, bits in measured.get("shapley", {}).items():
        yield f"{name}: Shapley bits", number(bits, 3)
    yield from _zeta(measured["zeta"], " of bits")


def skipped_samples(metrics, title):
    """A row of how many damaged samples are not among those that were measured."""
    if metrics.get("left_out"):
        yield title, f"{metrics['left_out']} (cmvq data check lists them)"


def codes(recipe, used):
    """Rows of the codes used by modality; for a run that was trained or measured."""
    from cmvq_keras.layers import quantizer

    count, groups = quantizer.codes_of(recipe.model)
    mean = f" (mean of {groups} groups of channels)" if groups > 1 else ""
    for name, codes_used in used.items():
        yield f"{name}: codes used", f"{codes_used} of {count}{mean}"


def shared_labels(metrics):
    """Rows of the accuracy on classes that a run shares with its warm start."""
    if "shared" not in metrics:
        return
    shared = metrics["shared"]
    yield "On shared classes", percent(shared["accuracy"])
    yield "  chosen among these", percent(shared["accuracy_among_shared"])
    names = ", ".join(shared["classes"]) or "none"
    yield "  these are", f"{names} ({shared['n']} labels)"
