"""What a run ran on: versions, devices, source commit. Imports no Keras itself."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys

import cmvq_keras

# The names under which a backend may be installed.
DISTRIBUTIONS = {
    "jax": ("jax",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "torch": ("torch",),
}


def version(package):
    """The installed version of a package or a backend, or None."""
    for name in DISTRIBUTIONS.get(package, (package,)):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def device_names(backend):
    """Names of the devices that a backend would train on; imports the backend."""
    return _DEVICES[backend]()


def _jax_devices():
    import jax

    return [device.device_kind for device in jax.devices()]


def _torch_devices():
    import torch

    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        return [torch.cuda.get_device_name(index) for index in range(count)]
    return ["mps"] if torch.backends.mps.is_available() else ["cpu"]


def _tensorflow_devices():
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(each) for each in devices]
    return [each.get("device_name", "gpu") for each in details] or ["cpu"]


_DEVICES = {
    "jax": _jax_devices,
    "tensorflow": _tensorflow_devices,
    "torch": _torch_devices,
}


def _torch_threads():
    import torch

    return torch.get_num_threads()


def _tensorflow_threads():
    import tensorflow as tf

    # 0 stands for one a core.
    return tf.config.threading.get_intra_op_parallelism_threads() or _cores()


# JAX takes one a core; it has no function that says so.
_THREADS = {"tensorflow": _tensorflow_threads, "torch": _torch_threads}


def _cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def processor():
    """The processor's name, or that of its kind."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in text.splitlines())
    names = (name.strip() for key, _, name in lines if key.strip() == "model name")
    return next(names, platform.machine())


def source_commit():
    """The git commit of the checkout that runs, with "+changes"; else None."""
    checkout = pathlib.Path(cmvq_keras.__file__).resolve().parent.parent
    if not (checkout / "pyproject.toml").exists():
        return None
    commit = _git(checkout, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+changes" if changed else "")


def _git(directory, *arguments):
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe(backend, settings):
    """Everything needed to tell two runs apart, as a dict for environment.json.

    Args:
        backend: "jax", "tensorflow" or "torch".
        settings: the recipe's `TrainingSettings`.
    """
    # With it Keras is imported.
    from cmvq_keras.distribution import replicas

    packages = ("keras", "numpy", "h5py", backend)
    return {
        "backend": backend,
        "command_line": sys.argv,
        "commit": source_commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "devices": device_names(backend),
        "platform": platform.platform(),
        "precision": settings.precision,
        "processor": processor(),
        "processes": replicas.processes,
        "python": platform.python_version(),
        "replicas": replicas.count,
        "seed": settings.seed,
        "threads": _THREADS.get(backend, _cores)(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "versions": {
            "cmvq-keras": cmvq_keras.__version__,
            **{package: version(package) for package in packages},
        },
    }


# What decides whether two runs give the same digits.
_DECIDING = (
    "backend",
    "commit",
    "devices",
    "platform",
    "precision",
    "processor",
    "python",
    "replicas",
    "seed",
    "threads",
    "xla_flags",
)


def differences(noted, settings):
    """Lines on what is not here and now as a run's environment.json says.

    Args:
        noted: its content. What it does not say counts as the same.
        settings: the recipe's `TrainingSettings`.
    """
    here = describe(noted.get("backend"), settings)
    pairs = [(name, noted.get(name), here[name]) for name in _DECIDING]
    versions = noted.get("versions")
    for name, now in here["versions"].items():
        then = versions.get(name) if isinstance(versions, dict) else None
        pairs.append((f"version of {name}", then, now))
    return [
        f"{name} was {then}, is {now}"
        for name, then, now in pairs
        if then is not None and then != now
    ]
