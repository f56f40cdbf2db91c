"""`cmvq contribution`: what each modality is worth to a run's model."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import number, table

OVER_TRAININGS = (
    "In brackets: 95 % over the trainings on the same samples, not over samples."
)


@click.command("contribution", short_help="Say what each modality is worth, in bits.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@options.split
@click.option(
    "--decomposition",
    type=options.Name(("posteriors", "predictions", "batches")),
    help="Of two modalities also redundant, unique and synergistic bits, from each "
    "one's own probabilities or classes (needs cmvq-keras[decomposition]), or in "
    "batches of samples.",
)
@click.option(
    "--cells",
    type=click.IntRange(2, 20),
    help="Clusters of the probabilities. Default: one more than there are classes.",
)
@click.option(
    "--group",
    "groups",
    type=options.Assignment("NAME=MODALITY,..."),
    multiple=True,
    help="Take several modalities as one. Repeatable; the others stay by themselves.",
)
@click.option("-o", "--output", type=click.Path(), help="JSON file to write.")
@click.option(
    "--per-sample",
    type=click.Path(),
    help="CSV file to write: bits and accuracy of each sample. For one RUN.",
)
@click.option(
    "--related",
    is_flag=True,
    help="Also measures of related work, on training and validation samples: OGM's "
    "discrepancy ratio, PMR's ratio of prototypes, gradient norms, overfitting to "
    "generalization.",
)
@options.recipe_file
@options.backend
@options.data_dir
@options.store
def command(
    runs,
    split,
    decomposition,
    cells,
    groups,
    output,
    per_sample,
    related,
    recipe_file,
    backend,
    data_dir,
    store,
):
    """Measure what each modality is worth to the model of RUN.

    \b
    cmvq contribution runs/av
    cmvq contribution runs/av --decomposition posteriors -o bits.json
    cmvq contribution comparison/ours/seed-0 comparison/ours/seed-1

    The model predicts with every subset of its modalities. Shown are the bits of the
    label that each modality adds to the others, Shapley values in bits and in
    accuracy, and how pairs interact (docs/complementarity.md). Of several trainings
    of one recipe also the means, with intervals over the trainings.
    """
    from cmvq_keras.evaluation import decomposition as pid

    options.check_places(data_dir, store)
    if per_sample and len(runs) > 1:
        raise click.UsageError("--per-sample needs exactly one RUN.")
    if cells and decomposition != "posteriors":
        raise click.UsageError("--cells needs --decomposition posteriors.")
    # Before a framework is loaded: a missing package or a wrong folder fails at once.
    if decomposition not in (None, pid.BATCHES):
        pid.solver()
    opened = [options.open_run(run) for run in runs]
    _check(opened, related)
    for run in opened:
        options.read_recipe_file(recipe_file, run)
    options.start_backend(backend)
    from cmvq_keras.experiments.statistics import estimates_over_seeds
    from cmvq_keras.runs.contribution import of_run, related_of_run

    found, others = [], []
    for run in opened:
        with Progress() as progress:
            places = {
                "data_dir": data_dir,
                "store": store,
                "on_progress": progress.update,
            }
            measured = of_run(
                run,
                split,
                decomposition=decomposition,
                cells=cells,
                groups=_groups(run.recipe, groups),
                **places,
            )
            found.append(measured)
            others.append(related_of_run(run, **places) if related else None)
        _show(run, measured, others[-1])
    over = {}
    if len(found) > 1:
        over = estimates_over_seeds([each.estimates() for each in found])
        rows = [(name, str(each)) for name, each in over.items()]
        click.echo(table(rows, (f"Mean of {len(found)} trainings", "Mean")) + "\n")
        click.echo(OVER_TRAININGS)
    if output:
        _write(output, _json(opened, found, others, over))
    if per_sample:
        _write(per_sample, _csv(found[0]))


def _groups(recipe, named):
    """By name its modalities; those that no group has are one each."""
    found = {
        name: tuple(word.strip() for word in words.split(",")) for name, words in named
    }
    if len(found) < len(named):
        raise click.UsageError("--group must give each NAME once.")
    taken = [name for names in found.values() for name in names]
    seen = recipe.task_modalities or tuple(recipe.modalities)
    return found | {name: (name,) for name in seen if name not in taken}


def _check(runs, related):
    if len({run.directory.resolve() for run in runs}) < len(runs):
        raise click.UsageError("Name each RUN once.")
    names = list(dict.fromkeys(run.recipe.name for run in runs))
    if len(names) > 1:
        raise click.UsageError(
            f"All RUNs must be of one recipe. Received: {', '.join(names)}"
        )
    tasks = {run.recipe.task for run in runs}
    if related and tasks != {"classification"}:
        raise click.UsageError(
            "--related is for one class per sample. Received: a run of the task "
            + ", ".join(sorted(tasks - {"classification"}))
        )


def _show(run, measured, related):
    click.echo(f"{run.directory}: {measured.samples} samples\n")
    for header, rows in measured.tables():
        click.echo(table(rows, header) + "\n")
    if related:
        click.echo(_related(related) + "\n")
    click.echo("\n".join(measured.notes()) + "\n")


def _related(measures):
    """A row a modality, and one for all of them."""
    names = {name: None for part in measures.values() for name in part}
    rows = [
        (name, *(number(part.get(name), 3) for part in measures.values()))
        for name in names
    ]
    titles = [name.replace("_", " ").capitalize() for name in measures]
    return table(rows, ("Modality", *titles))


def _json(runs, found, others, over):
    from cmvq_keras.fileio import to_json

    content = {
        "runs": [
            {"run": str(run.directory), **each.as_dict(), "related": other}
            for run, each, other in zip(runs, found, others, strict=True)
        ],
        "over_trainings": {
            name: {"value": each.value, "interval": list(each.interval)}
            for name, each in over.items()
        },
    }
    return to_json(content)


def _csv(measured):
    from cmvq_keras.evaluation.contribution_result import TITLES
    from cmvq_keras.fileio import csv_line

    columns = {
        f"{name}: {title}": values
        for field, title in TITLES.items()
        for name, values in measured.per_sample[field].items()
    }
    names = measured.names.tolist()
    rows = zip(names, *(values.tolist() for values in columns.values()), strict=True)
    lines = [csv_line(["sample", *columns]), *map(csv_line, rows)]
    return "".join(lines)


def _write(path, text):
    from cmvq_keras.fileio import write_atomically

    write_atomically(path, text)
    click.echo(f"Written: {path}", err=True)
