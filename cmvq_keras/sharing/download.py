"""`pull`: a run from the hub, checked as any run of others before it gets its name."""

import os
import pathlib
import shutil

from cmvq_keras import fileio
from cmvq_keras.errors import DownloadError
from cmvq_keras.models.build import build_model
from cmvq_keras.runs import weights
from cmvq_keras.runs.run import ENVIRONMENT, HISTORY, METRICS, RECIPE, WEIGHTS, Run
from cmvq_keras.sharing import hub

_NEEDED = (RECIPE, ENVIRONMENT, METRICS)
_SMALL = (*_NEEDED, HISTORY)
_SLACK = 1_000_000  # bytes: HDF5 files of the same arrays differ in their structure


def pull(address: str, out: str | os.PathLike) -> Run:
    """Downloads a run from the Hugging Face Hub and checks it.

    Only the files of a run folder are taken. Their sizes, the form of each JSON and
    CSV file, and every name, shape and type of the weights are checked first; a run
    that fails leaves nothing. docs/security.md says what is still trusted.

    Args:
        address: "hub:owner/name", or "hub:owner/name@revision".
        out: the run folder to write; missing or empty.

    Returns:
        The `Run`.

    Raises:
        ImportError: without the package huggingface_hub, with what to install.
        FileExistsError: when `out` holds something.
        ValueError: for an address of another form, and for files that are no run.
        DownloadError: when the hub cannot be reached, or has no such run.
    """
    where, out = hub.Address.parse(address), pathlib.Path(out)
    Run.check_free(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(f"{out} is not an empty folder. Choose another one.")
    client = hub.api()
    with hub.reported(where):
        about = client.model_info(
            where.name, revision=where.revision, files_metadata=True
        )
    sizes = {each.rfilename: each.size for each in about.siblings or []}
    _check_names(where, sizes)
    out.parent.mkdir(parents=True, exist_ok=True)
    with fileio.replacing_path(out) as stage:
        stage.mkdir()

        def fetch(name, limit):
            _check_size(where, name, sizes[name], limit)
            with hub.reported(where):
                # The commit that was looked at: a branch may move meanwhile.
                client.hf_hub_download(
                    where.name, name, revision=about.sha, local_dir=stage
                )

        for name in filter(sizes.__contains__, _SMALL):
            fetch(name, fileio.MAX_BYTES)
        run = Run.open_begun(stage)
        if not run.is_finished:
            raise ValueError(f"{where} holds no finished run.")
        model = build_model(run.recipe)
        fetch(WEIGHTS, len(weights.to_bytes(model)) + _SLACK)
        weights.load(model, run.weights_path, stage)
        run.check_finished_unchanged()
        # What the client keeps beside what it fetched.
        shutil.rmtree(stage / ".cache", ignore_errors=True)
    return Run.open(out)


def _check_names(address, sizes):
    missing = [name for name in (*_NEEDED, WEIGHTS) if name not in sizes]
    if missing:
        raise DownloadError(f"{address} is no run: it lacks {', '.join(missing)}.")


def _check_size(address, name, size, limit):
    if size is None or size > limit:
        raise ValueError(
            f"{name} of {address} must have at most {limit} bytes. Received: {size}"
        )
