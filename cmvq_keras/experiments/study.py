"""The folder of a comparison: what it is about, and that it stays so."""

import dataclasses
import json
import os
import pathlib

from cmvq_keras import fileio, methods, recipes
from cmvq_keras.errors import WrongSamplesError
from cmvq_keras.experiments import plan, sample_check, tables, trial
from cmvq_keras.fileio import notebook
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs import locking

FILE = "comparison.json"
FORMAT = 1
COMPARE, SWEEP = "compare", "sweep"


@dataclasses.dataclass
class Study:
    """A comparison's folder and what it is about. `begin` makes one or goes on with it,
    `read` reads it.

    Args:
        out: the folder.
        kind: "compare" or "sweep".
        backend: what all trials run on.
        recipe: the `Recipe` that the variants are made of, its data settings applied.
        changed: its settings that are not the preset's, see `plan.changed`.
        over: settings that a sweep varies, a list of names.
        rows: of the table, dictionaries "label", "title", "method", "source" and
            "values".
        left: methods that do not apply, see `plan.of_methods`.
        reference: the label that the others are compared with, or None.
        tests: by label the test samples, `sample_check.About` as a dictionary.
        tune: with how many seeds each method's number was chosen; 0 for none. The rows
            then hold it as "chosen", by setting.
    """

    out: pathlib.Path
    kind: str
    backend: str
    recipe: Recipe
    changed: list
    over: list
    rows: list
    left: list
    reference: str | None
    tests: dict
    tune: int = 0

    @property
    def path(self):
        """Where it is noted."""
        return self.out / FILE

    def write(self):
        """Notes it in its folder."""
        self.out.mkdir(parents=True, exist_ok=True)
        content = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("out", "recipe")
        }
        recipe = json.loads(self.recipe.to_json())
        content |= {"format": FORMAT, "recipe": recipe}
        # Not sorted: modalities and rows have an order.
        text = json.dumps(content, indent=2) + "\n"
        fileio.write_atomically(self.path, text, self.out)

    def _repr_html_(self):
        """The tables as a notebook shows them."""
        try:
            shown = tables.of_study(self)
        except (OSError, ValueError) as error:
            return notebook.titled(f"{self.out}", notebook.lines([str(error)]))
        parts = [notebook.table(*tables.turned(each)) for each in shown.groups]
        foot = notebook.folded("What the numbers depend on", notebook.table(shown.foot))
        kind = "Comparison" if self.kind == COMPARE else "Sweep"
        title = f"{kind} of {self.recipe.name}: {self.out}"
        return notebook.titled(title, *parts, notebook.lines(shown.asides), foot)

    def lock(self):
        """Keeps a second process from training into the same folder.

        Raises:
            FileExistsError: when one already does; with its id.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        return locking.alone(self.out)

    def note_test(self, label, about):
        """Notes which test samples a variant is measured on.

        Raises:
            WrongSamplesError: when they are not those of its earlier trials.
        """
        found = dataclasses.asdict(about)
        noted = self.tests.get(label)
        if noted is None:
            self.tests[label] = found
            self.write()
        elif differing := [k for k in ("n", "checksum") if noted[k] != found[k]]:
            # A store may be made again, or hold more: then its checksum is another.
            raise WrongSamplesError(
                f"The test samples are not those of {self.out}: "
                f"{' and '.join(differing)} differ. Choose another folder."
            )

    def note_chosen(self, chosen):
        """Notes the values that tuning chose, dictionaries by label."""
        for row in self.rows:
            if row["label"] in chosen:
                row["chosen"] = chosen[row["label"]]
        self.write()

    def results(self):
        """All trials that have ended, `trial.Result`s: rows in the table's order, and
        of each the seeds in theirs."""
        found = []
        for row in self.rows:
            folders = (self.out / row["label"]).glob("seed-*")
            numbers = [folder.name.removeprefix("seed-") for folder in folders]
            for seed in sorted(int(each) for each in numbers if each.isdecimal()):
                folder = plan.folder(self.out, row["label"], seed)
                result = trial.read(row["label"], seed, folder)
                if result is not None and not self.has_mask(row["label"]):
                    result.measured.update(compl={}, zeta={})
                found.append(result)
        return [result for result in found if result is not None]

    def has_mask(self, label):
        """Whether a row's method has a mask: without one all channels pass, and compl
        and zeta would say nothing of the modalities."""
        method = methods.get(self._row_of(label)["method"])
        return method.has_mask(self.recipe_of(label))

    def recipe_of(self, label):
        """The recipe of a row's task and classes: its values of a sweep included."""
        values = self._row_of(label)["values"]
        return recipes.resolve(self.recipe.with_settings(values))

    def _row_of(self, label):
        (row,) = (row for row in self.rows if row["label"] == label)
        return row


def begin(out, kind, recipe, backend, variants, left=(), tune=0):
    """Makes a comparison's folder, or goes on with it.

    Rows that are there already stay, after those of this call.

    Args:
        out: the folder.
        kind, recipe, backend, left, tune: see `Study`.
        variants: `plan.Variant`s.

    Returns:
        The `Study`. Nothing is written yet.

    Raises:
        ValueError: when the folder holds a comparison with other settings.
        FileExistsError: when it holds something else.
    """
    out = pathlib.Path(out)
    rows = [_row(variant) for variant in variants]
    over = list(variants[0].values) if variants else []
    recipe = recipe.with_settings({"training.seed": 0})
    study = Study(
        out=out,
        kind=kind,
        backend=backend,
        recipe=recipe,
        changed=plan.changed(recipe),
        over=over,
        rows=rows,
        left=list(left),
        reference=plan.reference(variants, recipe),
        tests={},
        tune=tune,
    )
    if not os.path.lexists(out / FILE):
        check_free(out)
        return study
    before = read(out)
    _check_same(before, study)
    labels = {row["label"] for row in rows}
    study.rows += [row for row in before.rows if row["label"] not in labels]
    # With other data a method may apply that did not before.
    methods = {each["method"] for each in [*study.left, *rows]}
    study.left += [each for each in before.left if each["method"] not in methods]
    study.reference = study.reference or before.reference
    study.tests = before.tests
    return study


def _row(variant):
    return {
        "label": variant.label,
        "title": variant.title,
        "method": variant.method,
        "source": methods.get(variant.method).source,
        "values": variant.values,
    }


def check_free(out: pathlib.Path) -> None:
    """Raises FileExistsError unless a comparison may begin in a folder."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is not a folder.")
    if out.is_dir() and any(entry.name not in locking.FILES for entry in out.iterdir()):
        raise FileExistsError(
            f"{out} holds files that are not of a comparison. Choose another folder."
        )


def _check_same(before, now):
    faults = [
        f"{name} is {getattr(before, name)}"
        for name in ("kind", "backend")
        if getattr(before, name) != getattr(now, name)
    ]
    if before.tune != now.tune:
        faults.append(f"{before.tune} seeds are for tuning")
    if before.over != now.over:
        faults.append(f"the sweep is over {' and '.join(before.over) or 'nothing'}")
    faults += [f"{name} is {plan.shown(old)}" for name, old in _other(before, now)]
    if faults:
        raise ValueError(
            f"{now.out} holds a comparison with other settings: there "
            f"{', '.join(faults)}. Choose another folder."
        )


def _other(before, now):
    """What differs, and its value before."""
    old, new = before.recipe, now.recipe
    for name in ("name", "preset", "classes", "task_modalities"):
        if getattr(old, name) != getattr(new, name):
            yield name, getattr(old, name)
    if list(old.modalities) != list(new.modalities):
        yield "modalities", " and ".join(old.modalities)
        return
    old, new = plan.decisive(old).settings(), plan.decisive(new).settings()
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, old.get(name)


def read(out):
    """Reads a comparison's folder.

    Raises:
        FileNotFoundError: when it holds none.
        ValueError: when its note is damaged.
    """
    out = pathlib.Path(out)
    path = out / FILE
    if not os.path.lexists(path):
        raise FileNotFoundError(f"{out} holds no comparison: no {FILE} is there.")
    fileio.check_no_links(out)
    with fileio.opened(path, "comparison", fileio.MAX_BYTES, out) as file:
        content = json.loads(file.read().decode("utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f'it must have "format": {FORMAT}')
        content["recipe"] = Recipe.from_json(json.dumps(content["recipe"]))
        found = Study(out=out, **content)
        _check_content(found)
        for row in found.rows:
            # A label is a folder's name: a file that was changed must not lead away.
            plan.check_label(row["label"])
    return found


#: What each entry of a list in comparison.json holds, as text.
_ROW = ("label", "title", "method", "source")
_LEFT = ("method", "title", "reason")


def _check_content(study):
    """Raises ValueError unless the entries of comparison.json have their types."""
    for name, kind in (
        ("kind", str),
        ("backend", str),
        ("changed", list),
        ("over", list),
        ("rows", list),
        ("left", list),
        ("reference", str | None),
        ("tests", dict),
        ("tune", int),
    ):
        if not isinstance(getattr(study, name), kind):
            raise ValueError(f"{name} is of another type")
    for name, keys in (("rows", _ROW), ("left", _LEFT)):
        for entry in getattr(study, name):
            if not isinstance(entry, dict) or not all(
                isinstance(entry.get(key), str) for key in keys
            ):
                raise ValueError(f"{name} must list {', '.join(keys)} as text")
    if not all(isinstance(row.get("values"), dict) for row in study.rows):
        raise ValueError("rows must list values by setting")
    if not all(isinstance(row.get("chosen", {}), dict) for row in study.rows):
        raise ValueError("rows must list chosen values by setting")
    if not all(isinstance(name, str) for name in (*study.changed, *study.over)):
        raise ValueError("changed and over must list text")
    fields = {field.name for field in dataclasses.fields(sample_check.About)}
    for label, about in study.tests.items():
        if not isinstance(about, dict) or about.keys() != fields:
            raise ValueError(f"tests.{label} must hold {', '.join(sorted(fields))}")
        sample_check.About(**about).check()
