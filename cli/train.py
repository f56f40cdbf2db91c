"""`cmvq train`: trains a recipe and leaves a run folder."""

import shlex

import click

from cmvq_keras.cli import completion, options, table_options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import (
    codes,
    complementarity,
    information,
    percent,
    scores,
    shared_labels,
    skipped_samples,
    table,
)

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@click.command("train", short_help="Train a recipe and write a run folder.")
@click.option(
    "--recipe",
    shell_complete=completion.recipes,
    metavar="NAME",
    help="A name of `cmvq recipes`, or a recipe file (.py), whose code is run. "
    "Default: the recipe of --store.",
)
@options.backend
@options.preset(
    "Settings to start from: default (ours), paper, code (the author's code), or "
    "calibrated (ours, with zeta measured in bits).",
)
@table_options.common
@options.data_dir
@options.store
@click.option("--epochs", metavar="N", help="Same as --set training.epochs=N.")
@click.option("--batch-size", metavar="N", help="Same as --set training.batch_size=N.")
@click.option("--seed", metavar="N", help="Same as --set training.seed=N.")
@click.option(
    "--modality",
    metavar="NAME",
    help="Use only this modality.",
    shell_complete=completion.modalities,
)
@click.option(
    "--set",
    "assignments",
    shell_complete=completion.settings,
    type=options.Assignment("SECTION.NAME=VALUE"),
    multiple=True,
    help="Change a setting, e.g. model.threshold=0.01. Repeatable.",
)
@click.option(
    "--precision",
    type=options.Name(PRECISIONS),
    help="Dtype policy of Keras. Default: float32.",
)
@click.option(
    # Of version 0.1.0: refused with what to take instead, as any removed setting.
    "--recompute",
    is_flag=True,
    default=None,
    hidden=True,
)
@click.option(
    "--limit",
    metavar="N",
    help="Use the first N samples of each split, in a seeded order.",
)
@click.option(
    "--init-from",
    metavar="RUN",
    type=click.Path(),
    help="Start from the encoders, decoders and codebooks of this run.",
)
@click.option(
    "--keep-solver",
    is_flag=True,
    help="With --init-from: also keep its task solver, except for the last layer.",
)
@click.option("--keep-mask", is_flag=True, help="With --init-from: also keep its mask.")
@click.option(
    "--log",
    metavar="NAMES",
    shell_complete=completion.trackers,
    help="Also record the training: tensorboard, wandb, mlflow or csv, several with "
    "commas. Same as --set training.log=NAMES.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="Run folder to write. Default: runs/<recipe>-<backend>-<time>.",
)
@click.option(
    "--resume",
    metavar="RUN",
    type=click.Path(),
    help="Continue a stopped training. Everything else is read from RUN.",
)
@click.option(
    "--checkpoint-minutes",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Also save every N minutes within an epoch.",
)
@click.option(
    "--devices",
    metavar="N|all",
    help="Number of devices that share each batch. Default: one.",
)
def command(
    recipe,
    backend,
    preset,
    table_path,
    reading,
    data_dir,
    store,
    modality,
    assignments,
    init_from,
    keep_solver,
    keep_mask,
    out,
    resume,
    checkpoint_minutes,
    devices,
    **short,
):
    """Train a recipe and write a run folder.

    \b
    cmvq train --recipe planted --backend jax
    cmvq train --recipe av-digits --epochs 5 --set model.threshold=0.01
    cmvq train --store STORE
    cmvq train --table clips.csv
    cmvq train --table people.csv --task regression --label age
    cmvq train --recipe rml --init-from runs/crema-d
    cmvq train --resume RUN
    cmvq train --store STORE --devices all

    Ctrl-C saves after the current step and stops. A second Ctrl-C stops at once.
    Continue either with --resume.
    """
    from cmvq_keras import recipes, tracking

    options.check_places(data_dir, store)
    if resume is not None:
        others = {
            "--preset": preset,
            "--table": table_path,
            "--modality": modality,
            "--set": assignments,
            "--init-from": init_from,
            "--keep-solver": keep_solver,
            "--keep-mask": keep_mask,
            "--out": out,
            **{f"--{name.replace('_', '-')}": value for name, value in short.items()},
        }
        given = [name for name, value in others.items() if value]
        if given:
            raise click.UsageError(
                f"--resume reads all settings from RUN. Remove {', '.join(given)}."
            )
        places = {"data_dir": data_dir, "store": store}
        _resume(resume, recipe, backend, devices, checkpoint_minutes, **places)
        return
    if (keep_solver or keep_mask) and init_from is None:
        raise click.UsageError("--keep-solver and --keep-mask need --init-from.")
    settings = options.settings(short, assignments)
    others = {"--recipe": recipe, "--data-dir": data_dir, "--store": store}
    store = table_options.store_of(table_path, reading, others) or store
    asked = options.recipe_or_store(recipe, preset, store).with_settings(settings)
    chosen = recipes.resolve(asked, modality=modality)
    # Before a framework is loaded: a missing package fails at once.
    tracking.need(chosen.training.log)
    options.start_backend(backend, devices)
    from cmvq_keras.training import api

    with Progress() as progress:
        run = api.train(
            chosen,
            data_dir=data_dir,
            out=out,
            store=store,
            init_from=init_from,
            keep_solver=keep_solver,
            keep_mask=keep_mask,
            on_progress=progress.update,
            checkpoint_minutes=checkpoint_minutes,
            devices=devices,
        )
    _conclude(run)


def _conclude(run):
    from cmvq_keras.runs import learning
    from cmvq_keras.runs.run import Follower

    if not isinstance(run, Follower):
        parts = [summary(run), *learning.advice(run)]
        parts.append(f"Next:\n{next_commands(run)}")
        click.echo("\n" + "\n\n".join(parts))


def _resume(folder, recipe_file, backend, devices, checkpoint_minutes, **places):
    from cmvq_keras.runs.run import Run

    run = Run.open_begun(folder)
    if run.is_finished:
        run.check_finished_unchanged()
        click.echo(f"{folder} is finished. There is nothing to resume.")
        click.echo("\n" + summary(run))
        return
    options.read_recipe_file(recipe_file, run)
    options.start_backend(backend or run.environment.get("backend"), devices)
    from cmvq_keras.training import api

    with Progress() as progress:
        run = api.resume(
            folder,
            on_progress=progress.update,
            checkpoint_minutes=checkpoint_minutes,
            devices=devices,
            differs=_report_difference,
            **places,
        )
    _conclude(run)


def _report_difference(line):
    click.echo(
        f"Different from the start of the run: {line}. Digits may differ.", err=True
    )


def summary(run):
    """The table that ends a training."""
    metrics = run.metrics
    test = metrics.get("test", {})
    validation = metrics.get("validation", {})
    rows = [
        ("Recipe", f"{run.recipe.name} ({run.recipe.preset})"),
        ("Test samples", test.get("n", "-")),
        *skipped_samples(test, "Test skipped"),
        *_named("Test", test),
        *_optimum(run.recipe),
        *_truth(run.recipe),
        *shared_labels(test),
        *_named("Validation", validation),
        *complementarity(run.recipe, metrics.get("complementarity", {})),
        *information(test),
        *codes(run.recipe, metrics.get("codes_used", {})),
        ("Best epoch", metrics.get("best_epoch", "-")),
        *_origin(run.environment.get("init_from")),
        ("Run folder", run.directory),
    ]
    return table(rows)


def next_commands(run):
    """What there is to do with a run folder, a command a line."""
    folder = shlex.quote(str(run.directory))
    noted = run.environment.get("recipe_file")
    file = f" --recipe {shlex.quote(noted['path'])}" if noted else ""
    seen = run.recipe.task_modalities or tuple(run.recipe.modalities)
    without = "".join(f" --without {shlex.quote(name)}" for name in seen[:-1] and seen)
    output = "FOLDER" if run.recipe.task == "segmentation" else "predictions.csv"
    log = " --log" if run.recipe.training.log else ""
    return "\n".join(
        [
            f"  cmvq evaluate {folder}{without}{file}",
            f"  cmvq report {folder}{log}{file}",
            f"  cmvq predict {folder} --split test -o {output}{file}",
            f"  cmvq export {folder} --format keras -o model.keras{file}",
        ]
    )


def _origin(noted):
    """The run that a run was initialised from."""
    if noted:
        yield "Started from", f"{noted['folder']} ({noted['recipe']})"


def _named(part, metrics):
    for name, score in scores(metrics):
        is_word = name[1].islower()  # not so R2, MAE
        yield f"{part} {name[0].lower() if is_word else name[0]}{name[1:]}", score


def _optimum(recipe):
    """The best possible accuracy, where the recipe's data has a known one."""
    if optimum := _known(recipe, "optimum"):
        yield "Best possible", percent(optimum(recipe)["all"])


def _truth(recipe):
    """What each modality gives, where the recipe's data has a known answer."""
    truth = _known(recipe, "truth")
    if truth is None:
        return
    found = truth(recipe)
    yield "True bits added", _by_modality(found["added"])
    yield "True Shapley bits", _by_modality(found["shapley"])
    if parts := found.get("decomposition"):
        yield "True unique bits", _by_modality(parts["unique"])
        yield "True redundant bits", f"{parts['redundant']:.3f}"
        yield "True synergistic bits", f"{parts['synergistic']:.3f}"


def _by_modality(numbers):
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())


def _known(recipe, function):
    """A function of the recipe's module, or None."""
    from cmvq_keras import recipes

    if recipes.is_known(recipe.name):
        return getattr(recipes.module(recipe.name), function, None)
    return None
