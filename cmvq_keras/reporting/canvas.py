"""Axes to draw on with matplotlib, without a screen; a page's figures as SVG.

A figure is as wide as a phone, so that its text is of reading size there, and grows on
a desk. What is black takes the color of the page's text, and the colors `C0` to `C9`
are those of the page: figures follow its light and dark theme. Text stays text.
"""

import io
import re
from xml.etree import ElementTree

import numpy as np

from cmvq_keras.reporting.packages import need

WIDTH = 5.0  # inches; 360 pixels of SVG
TEXT = 13  # points, and pixels on a phone
DPI = 110
NAMED_CLASSES = 20  # more do not fit on an axis
#: What stands for the color of the page's text.
INK = "#010203"
# matplotlib's own cycle, darker in the light theme than in the dark one (base page).
COLORS = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
)
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FONT = re.compile(r"(font: [^;]*?px) [^;]*")


def axes_grid(columns=1, height=3.0, rows=1, width=WIDTH, **kwargs):
    """A figure of some width, and its axes, `(rows, columns)`, each row `height` inches
    high."""
    need("matplotlib")
    # Not pyplot: it keeps figures, and asks for a screen.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(width, height * rows), dpi=DPI, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for each in axes.flat:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _style():
    """What is black in a drawing takes the color of ink."""
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color")
    inked += ("ytick.color",)
    return {
        **dict.fromkeys(inked, INK),
        "font.size": TEXT,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
    }


def set_reach(axes, ends, least):
    """Lets the y axis hold 0 and some numbers, and reach `least` or further.

    Without it the noise of numbers near 0 would fill the axis.
    """
    low, high = min(0.0, np.min(ends)), max(least, np.max(ends))
    margin = 0.05 * (high - low)
    axes.set_ylim(low - margin if low < 0 else 0, high + margin)


def png(figure):
    """A figure as bytes, on white."""
    content = io.BytesIO()
    figure.savefig(
        content, format="png", metadata={"Software": None}, facecolor="white"
    )
    return content.getvalue()


def svg(figure, name, title):
    """A figure as an `<svg>` element, which a page can hold.

    Args:
        figure: of `axes_grid`.
        name: its own on the page; names inside begin with it.
        title: what it shows, for those who do not see it.
    """
    import matplotlib
    from matplotlib.legend import Legend

    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)
        for text in legend.get_texts():
            text.set_fontsize(TEXT)
    content = io.BytesIO()
    style = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure.savefig(content, format="svg", metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(content.getvalue())
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _adapted(key, value, name))
    # Text that matplotlib takes for black has no color of its own.
    root.set("fill", "currentColor")
    root.set("role", "img")
    root.set("aria-label", title)
    return ElementTree.tostring(root, encoding="unicode")


def _adapted(key, value, name):
    """An attribute with the page's colors and fonts, and names of its own."""
    if key == "id":
        return f"{name}-{value}"
    value = re.sub(r"(^#|url\(#)(?=[A-Za-z])", rf"\g<1>{name}-", value)
    if key in ("style", "fill", "stroke"):
        value = value.replace(INK, "currentColor")
        for number, color in enumerate(COLORS):
            value = value.replace(color, f"var(--c{number}, {color})")
        value = _FONT.sub(r"\1 system-ui, sans-serif", value)
    return value


def plain(text):
    """A name from data as matplotlib shows it: a dollar sign starts no formula."""
    return str(text).replace("$", r"\$")
