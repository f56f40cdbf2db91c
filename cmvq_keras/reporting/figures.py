"""Numbers as pictures, drawn by matplotlib without a screen."""

import io

import numpy as np

from cmvq_keras.reporting.open import need

WIDTH = 6.4  # inches
DPI = 110
NAMED_CLASSES = 20  # more do not fit on an axis


def canvas(columns=1, height=3.6, rows=1, **kwargs):
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


def curves(series, label):
    """Curves over the epochs.

    Args:
        series: lists of numbers, None for gaps, by title.
        label: of the vertical axis.

    Returns:
        PNG, bytes; so do all functions here.
    """
    figure, ((axes,),) = canvas()
    for title, values in series.items():
        values = [np.nan if value is None else value for value in values]
        epochs = np.arange(1, len(values) + 1)
        dashed = "--" if title.startswith("contr") else "-"
        axes.plot(epochs, values, dashed, marker=".", label=plain(title))
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return png(figure)


def mask(weights, threshold):
    """Histogram of the mask's weights with its threshold.

    Args:
        weights: `(channels,)` by modality.
        threshold: t; channels above it are complementary.
    """
    figure, ((axes,),) = canvas()
    values = list(weights.values())
    axes.hist(values, bins=30, stacked=True, label=[plain(name) for name in weights])
    axes.axvline(threshold, color="black", linestyle="--", label="threshold")
    axes.set(xlabel="weight of a channel", ylabel="channels")
    axes.legend(fontsize=8)
    return png(figure)


def confusion(counts, classes):
    """Which class was predicted for each true one, in shares of the true class.

    Args:
        counts: `(true, predicted)`.
        classes: names.
    """
    counts = np.asarray(counts, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, ((axes,),) = canvas(height=5.2)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= NAMED_CLASSES:
        names = [plain(name) for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, label="share of the true class")
    return png(figure)


def projections(points, labels, title):
    """Features in two dimensions, colored by their labels.

    Args:
        points: by modality and part `(n, 2)`, or None where there are none.
        labels: `(n,)` words.
        title: what the labels are.
    """
    parts = list(next(iter(points.values())))
    figure, grid = canvas(len(parts), 3.2, len(points))
    names = np.unique(labels)
    for row, (modality, by_part) in zip(grid, points.items(), strict=True):
        for axes, (part, places) in zip(row, by_part.items(), strict=True):
            axes.set(xticks=[], yticks=[])
            axes.set_title(plain(f"{modality}: {part}"), fontsize=9)
            if places is None:
                axes.text(0.5, 0.5, "no channels", ha="center", va="center")
                continue
            for number, name in enumerate(names):
                shown = labels == name
                color = _color(number, len(names))
                axes.scatter(*places[shown].T, s=8, color=color, label=plain(str(name)))
    if len(names) <= NAMED_CLASSES:
        handles = next(
            (
                axes.get_legend_handles_labels()
                for axes in grid.flat
                if axes.collections
            ),
            ((), ()),
        )
        figure.legend(
            *handles,
            title=plain(title),
            ncols=6,
            fontsize=7,
            loc="outside lower center",
        )
    return png(figure)


def _color(number, count):
    from matplotlib import colormaps

    return (
        colormaps["tab10"](number) if count <= 10 else colormaps["hsv"](number / count)
    )


def probes(results):
    """What linear probes read, beside what they read of shuffled labels.

    Args:
        results: see `cmvq_keras.reporting.probes.probe`, by modality and part.
    """
    bars = [
        (f"{modality}\n{part}", result)
        for modality, by_part in results.items()
        for part, result in by_part.items()
    ]
    figure, ((axes,),) = canvas()
    places = np.arange(len(bars))
    axes.bar(places, [100 * result["accuracy"] for _, result in bars], width=0.6)
    for place, (_, result) in zip(places, bars, strict=True):
        low, high = (100 * value for value in result["permuted_interval"])
        label = "shuffled labels, 95 %" if place == 0 else None
        box = {"color": "black", "alpha": 0.35, "label": label}
        axes.fill_between((place - 0.4, place + 0.4), low, high + 0.3, **box)
    size = 8 if len(bars) <= 4 else 6
    axes.set_xticks(places, [plain(name) for name, _ in bars], fontsize=size)
    axes.set(ylabel="accuracy (%)", ylim=(0, 100))
    axes.legend(fontsize=8)
    return png(figure)


def information(measured):
    """The bits of the label that each modality adds, with their intervals.

    Args:
        measured: see `cmvq_keras.evaluation.conditional_information.measure`.
    """
    figure, ((axes,),) = canvas()
    names = list(measured["bits"])
    bits = np.array([measured["bits"][name] for name in names])
    ends = np.array([measured["interval"][name] for name in names])
    reach = np.abs(ends - bits[:, None]).T
    axes.bar(range(len(names)), bits, width=0.5, yerr=reach, capsize=4)
    axes.set_xticks(range(len(names)), [plain(name) for name in names])
    axes.set(ylabel="bits it adds")
    axes.axhline(0, color="black", linewidth=0.8)
    return png(figure)


def pairwise(matrix, names):
    """Zeta of every pair of modalities.

    Args:
        matrix: `(modalities, modalities)`, NaN on the diagonal.
        names: of the modalities.
    """
    figure, ((axes,),) = canvas(height=4.2)
    image = axes.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), [plain(name) for name in names])
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none"}
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", bbox=box)
    figure.colorbar(image, label="pairwise zeta")
    return png(figure)


def series(history, modalities):
    """The curves to draw, in groups.

    Args:
        history: `Run.history`, one dict an epoch.
        modalities: their names.

    Returns:
        By group a dictionary of curves by title, each a list with None for gaps:
        "complementarity", "zeta", "losses", "accuracy", "perplexity", "codes used".
        What the run did not log is left out.
    """
    wanted = {
        "complementarity": {f"compl {name}": f"{name}_compl" for name in modalities},
        "zeta": {
            "zeta": "zeta",
            **{f"zeta {name}": f"{name}_zeta" for name in modalities},
        },
        "losses": {
            "loss": "loss",
            "task": "task_loss",
            "task, validation": "val_task_loss",
            **{f"reconstruction {m}": f"{m}_reconstruction_loss" for m in modalities},
        },
        "accuracy": {"training": "accuracy", "validation": "val_accuracy"},
        "perplexity": {name: f"{name}_perplexity" for name in modalities},
        "codes used": {name: f"{name}_codes_used" for name in modalities},
    }
    found = {
        group: {
            title: [row.get(column) for row in history]
            for title, column in columns.items()
            if any(row.get(column) is not None for row in history)
        }
        for group, columns in wanted.items()
    }
    _add_contradictory(found["complementarity"], modalities)
    return {group: curves for group, curves in found.items() if curves}


def _add_contradictory(curves, modalities):
    """contr is what is left of a modality's share of all channels."""
    for name in modalities:
        if f"compl {name}" in curves:
            share = 100 / len(modalities)
            curves[f"contr {name}"] = [
                None if value is None else share - value
                for value in curves[f"compl {name}"]
            ]
