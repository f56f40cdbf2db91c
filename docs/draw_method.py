"""Draws the pictures of docs/method.md: `python docs/draw_method.py`."""

import pathlib

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

FOLDER = pathlib.Path(__file__).parent / "_static"
OPEN, CLOSED, LOSS = "#00857a", "#c9c9c9", "#b3261e"
#: Which channels of each modality the drawn mask keeps.
KEPT = {"image": (1, 0, 1, 1, 0, 1), "audio": (0, 1, 0, 1, 0, 0)}


def box(axes, x, y, text, *, width=1.5, height=0.9, color="#eef4f4"):
    style = FancyBboxPatch(
        (x, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0.02,rounding_size=0.12",
        facecolor=color,
        edgecolor="#557",
    )
    axes.add_patch(style)
    axes.text(x + width / 2, y, text, ha="center", va="center")


def arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#557"})


def channels(axes, x, y, kept):
    """A grid of features, a stripe a channel."""
    for place, value in enumerate(kept):
        corner = (x + 0.2 * place, y - 0.45)
        color = OPEN if value else CLOSED
        axes.add_patch(Rectangle(corner, 0.17, 0.9, facecolor=color))


def network():
    """Encoders, quantizers, decoders, the mask and the solver, with their losses."""
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.1, 13.6), ylim=(-1.4, 5.2))
    axes.axis("off")
    for (name, kept), y in zip(KEPT.items(), (3.6, 0.6), strict=True):
        box(axes, 0, y, name, width=1.2, color="#fff")
        box(axes, 1.8, y, "encoder")
        box(axes, 3.9, y, "quantizer")
        box(axes, 6.1, y - 1.3, "decoder")
        box(axes, 8.2, y - 1.3, name + "\nrebuilt", width=1.4, color="#fff")
        channels(axes, 6.3, y, (1,) * 6)
        channels(axes, 9.0, y, kept)
        arrow(axes, (1.25, y), (1.75, y))
        arrow(axes, (3.35, y), (3.85, y))
        arrow(axes, (5.45, y), (6.2, y))
        arrow(axes, (5.2, y - 0.5), (6.05, y - 1.2))
        arrow(axes, (7.65, y - 1.3), (8.15, y - 1.3))
        arrow(axes, (7.6, y), (8.9, y))
        arrow(axes, (10.3, y), (10.9, 2.1 + (y - 2.1) * 0.25))
        axes.text(4.65, y + 0.6, "L_code", color=LOSS, ha="center")
        axes.text(8.9, y - 2.05, "L_recons", color=LOSS, ha="center")
    axes.text(9.6, 4.3, "mask", ha="center")
    axes.text(9.6, 4.75, "L_compl", color=LOSS, ha="center")
    box(axes, 10.95, 2.1, "task\nsolver", width=1.2)
    box(axes, 12.5, 2.1, "label", width=0.9, color="#fff")
    arrow(axes, (12.2, 2.1), (12.45, 2.1))
    axes.text(12.95, 2.8, "L_task", color=LOSS, ha="center")
    return figure


def mask():
    """Real weights, the threshold, and what is counted."""
    weights = {
        "image": (0.021, 0.001, 0.013, 0.009, -0.006, 0.017),
        "audio": (-0.002, 0.011, 0.003, 0.014, -0.009, 0.002),
    }
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (name, values) in zip(panels, weights.items(), strict=True):
        colors = [OPEN if value > 0.005 else CLOSED for value in values]
        panel.bar(range(1, 7), values, color=colors)
        panel.axhline(0.005, color=LOSS, linestyle="--")
        panel.axhline(0, color="black", linewidth=0.8)
        kept = sum(value > 0.005 for value in values)
        share = f"{kept} of 12 channels, {100 * kept / 12:.1f} %"
        panel.set(title=f"{name}: {share}", xlabel="channel")
    panels[0].set_ylabel("weight Omega")
    panels[1].text(6.45, 0.0056, "threshold t", color=LOSS, ha="right")
    return figure


def write():
    settings = {"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 11}
    with matplotlib.rc_context(settings):
        for draw in (network, mask):
            path = FOLDER / f"method_{draw.__name__}.svg"
            draw().savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    write()
