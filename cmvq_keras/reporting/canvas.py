"""Axes to draw on with matplotlib, without a screen."""

import io

from cmvq_keras.reporting.packages import need

WIDTH = 6.4  # inches
DPI = 110
NAMED_CLASSES = 20  # more do not fit on an axis


def axes_grid(columns=1, height=3.6, rows=1, **kwargs):
    """A figure and its axes, `(rows, columns)`, each row `height` inches high."""
    need("matplotlib")
    # Not pyplot: it keeps figures, and asks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height * rows), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def png(figure):
    """A figure as bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def plain(text):
    """A name from data as matplotlib shows it: a dollar sign starts no formula."""
    return str(text).replace("$", r"\$")
