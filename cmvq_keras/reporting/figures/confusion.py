"""Which class was predicted for each true one."""

import html

import numpy as np

from cmvq_keras.reporting.figures.figure import Figure, Picture

CELL, LETTER = 34, 7  # pixels: of a count, and of a letter of a name
LONGEST = 16  # letters of a name; the rest is cut
_STYLE = "font: 12px system-ui, sans-serif"


def table(counts, classes):
    """Counts of the predicted classes of each true one, as SVG: a row a true class,
    the darker the larger its share.

    Args:
        counts: `(true, predicted)`.
        classes: names.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_cut(name) for name in classes]
    cell = max(CELL, 10 + 8 * len(str(counts.max(initial=0))))
    edge = 30 + LETTER * max(map(len, names))
    parts = [
        *_headings(names, cell, edge),
        *(
            _cell(counts[row, column], shares[row, column], row, column, cell, edge)
            for row in range(len(names))
            for column in range(len(names))
        ),
    ]
    size = edge + cell * len(names) + 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{size}" '
        f'height="{size}" viewBox="0 0 {size} {size}" style="{_STYLE}" '
        f'fill="currentColor" aria-label="Which class was predicted">'
        f"{''.join(parts)}</svg>"
    )


def _cut(name):
    text = str(name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _headings(names, cell, edge):
    yield f'<text x="{edge}" y="14" style="opacity: 0.7">predicted</text>'
    yield (
        f'<text x="14" y="{edge}" style="opacity: 0.7" text-anchor="end" '
        f'transform="rotate(-90 14 {edge})">true</text>'
    )
    for number, name in enumerate(names):
        middle = edge + cell * (number + 0.5) + 4
        text = html.escape(name)
        yield f'<text x="{edge - 6}" y="{middle}" text-anchor="end">{text}</text>'
        turned = f'transform="rotate(-90 {middle} {edge - 6})"'
        yield f'<text x="{middle}" y="{edge - 6}" {turned}>{text}</text>'


def _cell(count, share, row, column, cell, edge):
    x, y = edge + cell * column, edge + cell * row
    # Right answers and errors have two colors: a few errors show.
    color = "var(--c0, #1f77b4)" if row == column else "var(--c1, #ff7f0e)"
    opacity = 0 if count == 0 else 0.12 + 0.6 * share
    rect = (
        f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" '
        f'style="fill: {color}; fill-opacity: {opacity:.2f}"/>'
    )
    middle = f'x="{x + cell / 2}" y="{y + cell / 2 + 4}"'
    quiet = ' style="opacity: 0.4"' if count == 0 else ""
    return f'{rect}<text {middle} text-anchor="middle"{quiet}>{count}</text>'


def draw(opened, analysis, rows):
    """The confusion of the split; none where a sample has not one class."""
    if "confusion" not in analysis.metrics:
        return
    svg = table(analysis.metrics["confusion"], opened.recipe.classes)
    title = "Predicted classes of each true class (counts)"
    yield Picture("confusion", title, svg, is_wide=True)


FIGURE = Figure(position=20, draw=draw)
