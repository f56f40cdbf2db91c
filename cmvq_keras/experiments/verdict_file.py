"""verdict.json: the verdict of a comparison, for other programs."""

import dataclasses
import pathlib

from cmvq_keras import fileio
from cmvq_keras.experiments import verdict
from cmvq_keras.experiments.findings import Finding
from cmvq_keras.experiments.verdict import Verdict
from cmvq_keras.validation import must_be, one_of

FILE = "verdict.json"
FORMAT = 1


def write(out: pathlib.Path, found: Verdict) -> None:
    """Writes a verdict into a comparison's folder.

    Args:
        out: the folder.
        found: the verdict.
    """
    content = {"format": FORMAT, **dataclasses.asdict(found)}
    fileio.write_atomically(out / FILE, fileio.to_json(content), out)


def read(out: pathlib.Path) -> Verdict:
    """Reads the verdict of a comparison's folder.

    Args:
        out: the folder.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: for a file of another form, with its path.
    """
    path = pathlib.Path(out) / FILE
    content = fileio.read_json(path, "verdict", root=path.parent)
    try:
        return _checked(content)
    except ValueError as error:
        raise ValueError(f"{path} is not a readable verdict: {error}") from None


def _checked(content):
    if content.get("format") != FORMAT:
        raise ValueError(must_be("format", FORMAT, content.get("format")))
    recommendation = _text(content, "recommendation")
    one_of(recommendation, verdict.RECOMMENDATIONS, "recommendation")
    listed = content.get("findings")
    if not isinstance(listed, list) or not all(isinstance(e, dict) for e in listed):
        raise ValueError(must_be("findings", "a list of objects", listed))
    names = [field.name for field in dataclasses.fields(Finding)]
    findings = [Finding(*(_text(each, name) for name in names)) for each in listed]
    return Verdict(recommendation, _text(content, "sentence"), findings)


def _text(content, name):
    value = content.get(name)
    if not isinstance(value, str):
        raise ValueError(must_be(name, "a text", value))
    return value
