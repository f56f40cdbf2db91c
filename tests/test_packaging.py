"""What is installed, and what importing it costs."""

import os
import pathlib
import subprocess
import sys
import tarfile
import tomllib

import installs
import pytest

import cmvq_keras
from cmvq_keras.cli import doctor

pytestmark = pytest.mark.once

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = {
    "cmvq_keras": "cmvq_keras",
    "cli": "cmvq_keras.cli",
    "recipes": "cmvq_keras.recipes",
}
HEAVY = ("keras", "numpy", "scipy", "librosa", "h5py", "jax", "torch", "tensorflow")


def _python(code, folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_package_list_equals_the_folders():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    found = set()
    for folder, package in ROOMS.items():
        for file in (CHECKOUT / folder).rglob("*.py"):
            inside = file.parent.relative_to(CHECKOUT / folder).parts
            found.add(".".join([package, *inside]))
    listed = settings["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(found)


def test_doctor_tells_of_every_extra_that_is_no_backend():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    extras = set(settings["project"]["optional-dependencies"])
    backends = {"jax", "torch", "tensorflow", "jax-cuda", "tensorflow-cuda"}
    assert extras - backends - {"dev", "docs"} == doctor._EXTRAS.keys()


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder of each of `installs.KINDS`."""
    return installs.make(tmp_path_factory.mktemp("installs"))


@pytest.mark.parametrize("kind", installs.KINDS)
def test_only_the_package_and_its_two_outer_folders_are_found(
    installed, tmp_path, kind
):
    code = (
        "import importlib.util as u, cmvq_keras, cmvq_keras.cli, cmvq_keras.recipes\n"
        "print(cmvq_keras.__file__)\n"
        "for name in ('tests', 'benchmarks', 'docs', 'cmvq_keras', 'pyproject'):\n"
        "    print(u.find_spec(f'cmvq_keras.{name}'))\n"
    )
    done = installs.python(code, kind, installed, tmp_path)
    assert done.returncode == 0, done.stderr
    file, *found = done.stdout.splitlines()
    assert file.startswith(str(installed["wheel" if kind == "wheel" else "checkout"]))
    assert found == ["None"] * 5


@pytest.mark.parametrize("kind", installs.KINDS)
def test_the_package_itself_is_the_command_line(installed, tmp_path, kind):
    code = (
        "import runpy; sys.argv = ['cmvq', '--version'];"
        "runpy.run_module('cmvq_keras', run_name='__main__')"
    )
    done = installs.python(code, kind, installed, tmp_path)
    version = f"cmvq, version {cmvq_keras.__version__}"
    assert done.stdout.strip() == version, done.stderr


def test_the_source_archive_holds_what_its_tests_need(tmp_path):
    source = installs.copy_checkout(tmp_path / "checkout")
    archive = installs.build("build_sdist", tmp_path / "dist", source)
    with tarfile.open(archive) as content:
        held = {name.partition("/")[2] for name in content.getnames()}
    folders = ("tests", "docs", "benchmarks", "cli", "recipes", "cmvq_keras")
    wanted = {
        str(file.relative_to(source))
        for folder in folders
        for file in (source / folder).rglob("*")
        if file.is_file()
    }
    wanted |= {".ci/run", "tox.ini", "pyproject.toml", "CONTRIBUTING.md", "LICENSE"}
    wanted |= {"CHANGELOG.md", "CITATION.cff", "SECURITY.md"}
    assert wanted - held == set()
    assert not [name for name in held if "__pycache__" in name]


def test_the_citation_names_this_version():
    text = (CHECKOUT / "CITATION.cff").read_text()
    assert f"\nversion: {cmvq_keras.__version__}\n" in text


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    code = f"import cmvq_keras, sys; print([n for n in {HEAVY} if n in sys.modules])"
    assert _python(code, tmp_path).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], (*HEAVY, "cmvq_keras.recipe", "cmvq_keras.experiments.cluster")),
        (["train", "--help"], HEAVY),
        (["--version"], HEAVY),
    ],
)
def test_help_imports_nothing_heavy(tmp_path, arguments, unneeded):
    code = (
        "import sys\n"
        "from cmvq_keras.cli import main\n"
        "try:\n"
        f"    main({arguments}, prog_name='cmvq')\n"
        "finally:\n"
        f"    print('heavy:', [n for n in {unneeded} if n in sys.modules])\n"
    )
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_cli_and_recipes_are_found_from_any_folder(tmp_path):
    code = "import cmvq_keras.cli, cmvq_keras.recipes as r; print(len(r.names()))"
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 7


def test_every_public_name_exists():
    for name in cmvq_keras.__all__:
        assert getattr(cmvq_keras, name) is not None


def test_an_unknown_public_name_is_told():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cmvq_keras.nothing


@pytest.mark.skipif(
    "CMVQ_EXPECT_INSTALLED" not in os.environ, reason="set by tox: tests the wheel"
)
def test_the_installed_wheel_is_what_is_tested():
    assert "site-packages" in cmvq_keras.__file__
