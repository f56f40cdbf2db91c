"""`cmvq evaluate`: measures a run's model on a split."""

import click

from cmvq_keras.cli import completion, options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import (
    codes,
    complementarity,
    fits,
    information,
    number,
    percent,
    scores,
    shared_labels,
    skipped_samples,
    table,
)


@click.command("evaluate", short_help="Measure a run on a split.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.split
@options.recipe_file
@options.backend
@options.data_dir
@options.store
@click.option(
    "--without",
    multiple=True,
    shell_complete=completion.modalities,
    metavar="MODALITY",
    help="Also measure without this modality: its channels are zero. Repeatable; each "
    "is dropped alone.",
)
def command(run, split, recipe_file, backend, data_dir, store, without):
    """Measure the model of RUN on a split and write the numbers to its metrics.json.

    \b
    cmvq evaluate runs/digits
    cmvq evaluate runs/av --split validation --without image --without audio

    A run that was trained with --limit is measured with the same limit. A run that was
    trained from a store is measured on that store.
    """
    options.check_places(data_dir, store)
    # Before a framework is loaded: a wrong folder fails at once.
    opened = options.open_run(run)
    options.read_recipe_file(recipe_file, opened)
    options.start_backend(backend)
    from cmvq_keras.runs.evaluate import evaluate

    with Progress() as progress:
        metrics = evaluate(
            opened,
            split=split,
            data_dir=data_dir,
            store=store,
            on_progress=progress.update,
            without=without,
        )
    click.echo(_summary(opened, split, metrics) + "\n")
    if without:
        click.echo(_missing(metrics) + "\n")
    if opened.recipe.targets:
        click.echo(_targets(opened.recipe.targets, metrics))
    else:
        click.echo(_classes(opened.recipe.classes, metrics))


def _summary(run, split, metrics):
    losses = [name for name in sorted(metrics) if name.endswith("loss")]
    perplexities = [name for name in sorted(metrics) if name.endswith("perplexity")]
    rows = [
        ("Recipe", f"{run.recipe.name} ({run.recipe.preset})"),
        ("Split", split),
        ("Samples", metrics["n"]),
        *skipped_samples(metrics, "Skipped"),
        *scores(metrics),
        *shared_labels(metrics),
        *complementarity(run.recipe, run.metrics["complementarity"]),
        *information(metrics),
        *codes(run.recipe, metrics["codes_used"]),
        *((_title(name), number(metrics[name])) for name in losses + perplexities),
    ]
    return table(rows)


def _missing(metrics):
    """The task's scores with all modalities, and without each that was left out."""
    measured = {"none": metrics, **metrics["without"]}
    rows = [
        (name, *(value for _, value in scores(found)), _lost(found))
        for name, found in measured.items()
    ]
    titles = [title for title, _ in scores(metrics)]
    lost = "R2 lost (95 %)" if "r2" in metrics else "Accuracy lost (95 %)"
    return table(rows, ("Missing", *titles, lost))


def _lost(found):
    """Points of accuracy, or R2, that are lost without a modality; interval."""
    if "drop" not in found:
        return "-"
    if "r2" in found:
        low, high = (f"{end:.3f}" for end in found["drop_interval"])
        return f"{found['drop']:.3f} ({low} to {high})"
    low, high = (f"{100 * end:.1f}" for end in found["drop_interval"])
    return f"{100 * found['drop']:.1f} ({low} to {high})"


def _title(name):
    return name.replace("_", " ").capitalize()


def _targets(targets, metrics):
    """The scores of each target."""
    rows = [
        (name, *(value for _, value in scores(found)))
        for name, found in ((name, metrics["per_target"][name]) for name in targets)
    ]
    return table(rows, ("Target", "R2", "MAE", "RMSE"))


def _classes(names, metrics):
    """Recall by class (under segmentation IoU too), and for each true class how often
    which one was predicted."""
    shares = {"Recall": metrics["per_class"]}
    if "iou" in metrics:
        shares["IoU"] = metrics["iou"]
    if "confusion" not in metrics:
        shares |= {"Precision": metrics["precision"], "F1": metrics["f1"]}
        rows = [
            (name, *(percent(share[name]) for share in shares.values()))
            for name in names
        ]
        return table(rows, ("Class", *shares))
    rows = [
        (name, *(percent(share[name]) for share in shares.values()), *counts)
        for name, counts in zip(names, metrics["confusion"], strict=True)
    ]
    header = ("Class", *shares)
    whole = (*header, *(f"as {name}" for name in names))
    if fits(rows, whole):
        return table(rows, whole)
    return table([row[: len(header)] for row in rows], header)
