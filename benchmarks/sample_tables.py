"""Tables of data that is at hand, for `cmvq train --table`; no recipe is used.

    python -m benchmarks.sample_tables cancer -o cancer.csv
    cmvq train --table cancer.csv --out R
    python -m benchmarks.sample_tables diabetes -o diabetes.csv
    cmvq train --table diabetes.csv --task regression --out R
    python -m benchmarks.sample_tables docstrings -o docstrings.csv
    cmvq train --table docstrings.csv --kind function=tokens --kind text=tokens --out R

`cancer` and `diabetes` are scikit-learn's, in two groups of columns each: vectors.
`docstrings` are functions of scipy: the name, and the first sentence of what it does,
with the name taken out; the class is the module. They depend on scipy's version.
"""

import argparse
import csv
import importlib
import inspect
import pathlib
import re

MODULES = ("linalg", "ndimage", "optimize", "signal", "special", "stats")
#: Columns of `load_diabetes` that are of the blood.
SERUM = ("s1", "s2", "s3", "s4", "s5", "s6")


def main():
    """Writes one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=TABLES)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with options.output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(TABLES[options.name]())


def cancer():
    """569 tumours: ten measures of cells, their mean and their worst; two classes."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = {
        "_".join((kind, name.removeprefix(f"{kind} ").replace(" ", "-"))): place
        for place, name in enumerate(data.feature_names)
        for kind in ("mean", "worst")
        if name.startswith(f"{kind} ")
    }
    yield *columns, "label"
    for values, label in zip(data.data, data.target, strict=True):
        yield *values[list(columns.values())], data.target_names[label]


def diabetes():
    """442 people: four measures of the body, six of the blood; a disease's progress."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    groups = ["serum" if name in SERUM else "body" for name in data.feature_names]
    names = zip(groups, data.feature_names, strict=True)
    yield *map("_".join, names), "label"
    for values, label in zip(data.data, data.target, strict=True):
        yield *values, label


def docstrings():
    """Functions of scipy by their module."""
    yield "function", "text", "label"
    for part in MODULES:
        module = importlib.import_module(f"scipy.{part}")
        for name in sorted(module.__all__):
            text = inspect.getdoc(getattr(module, name)) or ""
            text = " ".join(re.sub(rf"\b{re.escape(name)}\b", "", text).split())
            sentence = text.partition(". ")[0]
            if callable(getattr(module, name)) and len(sentence.split()) > 3:
                yield name, sentence, part


TABLES = {"cancer": cancer, "diabetes": diabetes, "docstrings": docstrings}

if __name__ == "__main__":
    main()
