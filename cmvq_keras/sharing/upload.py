"""`push`: a run folder becomes a repository of the hub."""

import os
import pathlib
from typing import Any

from cmvq_keras.fileio import opened, to_json
from cmvq_keras.runs.run import (
    ENVIRONMENT,
    HISTORY,
    METRICS,
    RECIPE,
    WEIGHTS,
    Run,
    as_run,
)
from cmvq_keras.sharing import card, hub

CARD, REPORT = "README.md", "report.html"
FILES = (RECIPE, METRICS, HISTORY, WEIGHTS)
#: Of environment.json: they tell of the machine, and help nobody elsewhere.
_PRIVATE = ("command_line", "data_dir")
_MAX_BYTES = 2**40


def push(
    run: str | os.PathLike | Run,
    address: str,
    *,
    private: bool = False,
    report: bool = False,
) -> str:
    """Uploads a finished run to the Hugging Face Hub, with a card of its numbers.

    Of environment.json, paths and the command line stay here. recipe.json goes as it
    is.

    Args:
        run: the run folder (or an open `Run`).
        address: "hub:owner/name". A repository that is missing is made.
        private: whether a repository that is made is private.
        report: whether report.html goes too. It shows samples of the data.

    Returns:
        The address of the page, for a browser.

    Raises:
        ImportError: without the package huggingface_hub, with what to install.
        FileNotFoundError, ValueError: when there is no such run, it is not finished,
            or `address` has another form.
        DownloadError: when the hub cannot be reached, or refuses.
    """
    where = hub.Address.parse(address)
    run = as_run(run)
    if where.revision:
        raise ValueError(f"`push` takes no revision. Received: {address}")
    if not run.is_finished:
        raise ValueError(f"{run.directory} is not finished: train it first.")
    content = _content(run, where, report)
    client = hub.api()
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, data) for name, data in content.items()]
    with hub.reported(where):
        client.create_repo(where.name, private=private, exist_ok=True)
        done = client.create_commit(
            where.name, operations, commit_message=f"Run {run.recipe.name}"
        )
    return str(done.repo_url)


def _content(run: Run, address: hub.Address, report: bool) -> dict[str, bytes]:
    """The bytes of each file that goes, by name."""
    if report and not (run.directory / REPORT).exists():
        raise FileNotFoundError(
            f"{run.directory} holds no {REPORT}. Do: cmvq report {run.directory}"
        )
    names = [*FILES, *([REPORT] if report else [])]
    there = [name for name in names if os.path.lexists(run.directory / name)]
    content = {name: _read(run, name) for name in there}
    content[ENVIRONMENT] = to_json(_public(run.environment)).encode()
    content[CARD] = card.text(run, address).encode()
    return content


def _read(run, name):
    path = run.directory / name
    with opened(path, name, _MAX_BYTES, run.directory) as file:
        return file.read()


def _public(environment: dict[str, Any]) -> dict[str, Any]:
    """environment.json without paths of this machine."""
    found = {k: value for k, value in environment.items() if k not in _PRIVATE}
    for name, key in (
        ("store", "folder"),
        ("init_from", "folder"),
        ("recipe_file", "path"),
    ):
        if found.get(name):
            last = pathlib.PurePath(found[name][key]).name
            found[name] = {**found[name], key: last}
    return found
