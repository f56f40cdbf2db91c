"""The package as a source checkout, as an editable install, and as a wheel."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
HOOKS = (
    "import sys; from setuptools import build_meta;"
    "print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
)
KINDS = ("checkout", "editable", "wheel")


def build(hook, out, source):
    """Runs a hook of the build backend (PEP 517) in `source`; returns what it made."""
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", HOOKS, hook, str(out)],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


def copy_checkout(folder):
    """A copy of the checkout: a build writes into the folder of its sources."""
    made = (".git", ".tox", ".venv", ".hypothesis", ".*_cache", "build", "dist")
    hidden = shutil.ignore_patterns(*made, "__pycache__", "*.egg-info")
    return shutil.copytree(CHECKOUT, folder, ignore=hidden)


def make(folder):
    """Installs the package in each of `KINDS`; returns the folder of each."""
    source = copy_checkout(folder / "checkout")
    made = {"checkout": source}
    for kind in KINDS[1:]:
        archive = build(f"build_{kind}", folder / "archives" / kind, source)
        made[kind] = folder / kind
        zipfile.ZipFile(archive).extractall(made[kind])
    return made


def python(code, kind, installs, folder):
    """Runs a program that sees one of the installs, and the dependencies after it."""
    where = installs[kind]
    # A checkout is on the path; what was installed brings its .pth files.
    found = f"sys.path.insert(0, {str(where)!r})"
    if kind != "checkout":
        found = f"site.addsitedir({str(where)!r})"
    others = sysconfig.get_paths()["purelib"]
    program = f"import site, sys; {found}; site.addsitedir({others!r})\n{code}"
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def interpreter(kind, installs, folder):
    """A Python that has one of the installs and the dependencies, for type checkers."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = next(folder.glob("lib/python*/site-packages"))
    # Files in order of their names: what is installed comes before the dependencies.
    for file in installs[kind].iterdir():
        target = packages / file.name
        shutil.copy(file, target) if file.is_file() else shutil.copytree(file, target)
    others = sysconfig.get_paths()["purelib"]
    (packages / "dependencies.pth").write_text(f"{others}\n")
    return python
