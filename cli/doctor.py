"""`cmvq doctor`: what is installed, what it runs on, which data is there."""

import textwrap

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.text_tables import table

_WIDTH = 80  # columns: it is pasted into issues
#: How to install a backend; for PyTorch the build that README advises.
_INSTALL = {
    "jax": ':\n  pip install "cmvq-keras[jax]"',
    "tensorflow": ':\n  pip install "cmvq-keras[tensorflow]"',
    "torch": " without a GPU (pytorch.org has the others):"
    "\n  pip install torch --index-url https://download.pytorch.org/whl/cpu",
}
#: Extras of pyproject.toml, with a module of each and what it is for.
_EXTRAS = {
    "report": ("matplotlib", "cmvq report, plots of compare and sweep"),
    "onnx": ("onnxruntime", "cmvq export --format onnx"),
    "saved-model": ("tensorflow", "cmvq export --format saved-model"),
    "decomposition": ("cvxpy", "cmvq contribution --decomposition"),
    "hub": ("huggingface_hub", "cmvq push, cmvq pull"),
    "cluster": ("distributed", "cmvq compare --cluster, sweep --cluster"),
    "tensorboard": ("tensorboardX", "cmvq train --log tensorboard"),
    "wandb": ("wandb", "cmvq train --log wandb"),
    "mlflow": ("mlflow", "cmvq train --log mlflow"),
    "keras-cv": ("keras_cv", "KerasCV's weights for a ResNet18"),
}

# In a process of its own: a broken backend must not break the doctor, and Keras can
# run on one backend a process only.
_PROBE = """
import json, keras
from cmvq_keras.runs.environment import device_names
print(json.dumps(device_names(keras.config.backend())))
"""
SECONDS = 180  # for a backend to start; the first start after an install is slow


@click.command("doctor", short_help="Show backends, devices, versions and data.")
@options.data_dir
def command(data_dir):
    """Show the installed backends, devices and versions, and the data that is found.

    \b
    cmvq doctor --data-dir DATA

    For anything that is missing it says what to do. It starts every backend once,
    which takes some seconds.
    """
    click.echo(_versions() + "\n")
    click.echo(_backends() + "\n")
    click.echo(_extras() + "\n")
    click.echo(_data(data_dir))


def _versions():
    import platform

    from cmvq_keras import __version__
    from cmvq_keras.runs.environment import version

    rows = [
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("cmvq-keras", __version__),
    ]
    for name in ("keras", "numpy", "scipy", "h5py", "librosa", "soundfile", "pillow"):
        missing = f"missing. Do: pip install {name}"
        rows.append((name, version(name) or missing))
    return _table(rows, ("Package", "Version"))


def _table(rows, header):
    return table(rows, header, at_most=_WIDTH)


def _folded(text):
    """Lines that fit; an address or a path is not broken."""
    return textwrap.fill(
        text,
        _WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _backends():
    from cmvq_keras.backend.selection import BACKENDS, installed_backends
    from cmvq_keras.runs.environment import version

    installed = installed_backends()
    probes = {name: _start_probe(name) for name in installed}
    rows, todo = [], []
    for name in BACKENDS:
        if name in installed:
            rows.append((name, version(name) or "?", _result(probes[name])))
        else:
            rows.append((name, "-", "not installed"))
            todo.append(f"To install {name}{_INSTALL[name]}")
    found = _table(rows, ("Backend", "Version", "Devices"))
    return "\n".join([found, _folded(_choice()), *todo])


def _extras():
    import importlib.util

    rows, todo = [], []
    for name, (module, purpose) in _EXTRAS.items():
        is_there = importlib.util.find_spec(module) is not None
        rows.append((name, "yes" if is_there else "no", purpose))
        if not is_there:
            todo.append(f'To install {name}: pip install "cmvq-keras[{name}]"')
    return "\n".join([_table(rows, ("Extra", "Installed", "For")), *todo])


def _choice():
    import os

    from cmvq_keras.backend.selection import select_backend

    wish = os.environ.get("KERAS_BACKEND")
    try:
        chosen = select_backend()
    except ImportError:
        return "Without --backend: none. No backend is installed."
    if wish == chosen:
        why = "from KERAS_BACKEND"
    elif wish:
        why = f"KERAS_BACKEND names {wish}, which is not installed"
    else:
        why = "from keras.json, or the first one installed"
    return f"Without --backend: {chosen} ({why})."


def _start_probe(backend):
    import os
    import subprocess
    import sys

    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _result(probe):
    import json
    import subprocess

    try:
        output, messages = probe.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.communicate()
        return f"does not start within {SECONDS} seconds. Do: reinstall it"
    if probe.returncode:
        last = (messages.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
        return f"broken ({last}). Do: reinstall it"
    return ", ".join(json.loads(output.splitlines()[-1]))


def _data(data_dir):
    from cmvq_keras.data.datasets import sources

    rows, todo = [], []
    for name, source in sources.SOURCES.items():
        missing = sources.missing(name, data_dir)
        rows.append((name, source.title, _found(name, missing, data_dir)))
        if missing:
            todo.append(_folded(f"{name}: {sources.how_to_get(name)}"))
    root = sources.data_root(data_dir)
    where = _folded(
        f"Data folder: {root}{'' if root.is_dir() else ' (does not exist)'}. "
        "It has a folder for each source. Change it with --data-dir or CMVQ_DATA_DIR."
    )
    found = _table(rows, ("Source", "What", "Found"))
    return "\n".join([where, "", found, *([""] if todo else []), *todo])


def _found(name, missing, data_dir):
    from cmvq_keras.data.datasets import sources

    folder = sources.data_root(data_dir) / name
    if "." in missing:
        return f"missing: {folder}"
    if missing:
        return f"missing: {', '.join(missing)}"
    known = sources.get(name)
    there = [
        each for each in (*known.files, *known.instead) if (folder / each).exists()
    ]
    return ", ".join(_count(folder, entry) for entry in there)


def _count(folder, entry):
    from cmvq_keras.data.datasets import sources

    path = folder / entry
    if path.is_file():
        return f"{entry} ({path.stat().st_size / 1e6:.1f} MB)"
    count, pointers = sources.count_entries(path)
    missing = f", {pointers:,} of them not fetched: git lfs pull" if pointers else ""
    return f"{entry} ({count:,} entries{missing})"
