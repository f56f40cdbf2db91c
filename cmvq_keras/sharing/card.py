"""The card of a run: what it is, what it scored, how to use it."""

import re

from cmvq_keras.fileio import printable
from cmvq_keras.runs.run import Run
from cmvq_keras.runs.summary import scores

_MARKUP = re.compile(r"([\\`*_{}\[\]#!|<>~&])")
TAGS = ["cmvq-keras", "multimodal", "cm-vqvae"]
_TEXT = """\
# {title}

{about}

{numbers}

The numbers are of the test samples, at the epoch that was kept. They are copied from
`metrics.json`; nobody checked them.

## Use it

    pip install "cmvq-keras[hub]"
    cmvq pull {address} -o RUN
    cmvq predict RUN --split test --data-dir DATA -o predictions.csv

```python
import cmvq_keras as cmvq

run = cmvq.pull("{address}", "RUN")
model = cmvq.load_model(run)
```

The run loads on TensorFlow, PyTorch and JAX. It was trained on {trained}.
"""


def text(run: Run, address: object) -> str:
    """The card in Markdown, with the hub's metadata before it.

    Args:
        run: a finished `Run`. Every string of it is escaped.
        address: the run's on the hub.
    """
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        library_name="keras",
        tags=[*TAGS, run.recipe.name],
        model_name=run.recipe.name,
        eval_results=list(_results(run)),
    )
    body = _TEXT.format(
        title=_plain(run.recipe.title or run.recipe.name),
        about=_about(run.recipe),
        numbers=_table(_numbers(run)),
        address=address,
        trained=_trained(run.environment),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{body}"


def _results(run):
    from huggingface_hub import EvalResult

    for name, title, value in scores(run.metrics["test"]):
        yield EvalResult(
            task_type=f"{run.recipe.task}",
            dataset_type=run.recipe.name,
            dataset_name=printable(run.recipe.title or run.recipe.name),
            dataset_split="test",
            metric_type=name,
            metric_name=title,
            metric_value=value,
        )


def _about(recipe):
    modalities = ", ".join(map(_plain, recipe.modalities))
    return (
        f"A {recipe.task} network on the recipe `{recipe.name}`, preset "
        f"`{recipe.preset}`, method `{recipe.method}`. It takes {modalities} and "
        f"predicts {len(recipe.outputs)} {'targets' if recipe.targets else 'classes'}."
    )


def _numbers(run):
    test = run.metrics["test"]
    yield from ((title, f"{value:.4f}") for _, title, value in scores(test))
    yield "Test samples", str(test.get("n", "-"))
    measured = run.metrics.get("complementarity") or {}
    for name, share in (measured.get("compl") or {}).items():
        yield f"{_plain(name)}: complementary channels", f"{share:.2f} %"
    zeta = measured.get("zeta")
    if isinstance(zeta, (int, float)):
        yield "zeta", f"{zeta:.2f}"


def _table(rows):
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| what | value |", "|---|---|", *lines])


def _trained(environment):
    versions = environment.get("versions") or {}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return _plain(f"{environment.get('backend', 'an unknown backend')} ({listed})")


def _plain(value):
    """A text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", printable(value))
