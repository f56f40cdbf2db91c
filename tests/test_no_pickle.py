"""Nothing that is read can run code: the sources hold no way to."""

import ast
import pathlib

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = [
    path
    for room in ("cmvq_keras", "cli", "recipes")
    for path in ROOT.glob(f"{room}/**/*.py")
]
ALLOWED = {
    # The author's weights are PyTorch files: read as tensors alone.
    "cmvq_keras/interop/convert.py": ["torch.load(weights_only=True)"],
    # A recipe file is a program, which runs only when the user names it.
    "cmvq_keras/recipe_file.py": ["exec()", "compile()"],
}
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
MODULES |= {"runpy", "code", "imp"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
LOADERS = {"torch.load", "joblib.load", "numpy.load", "np.load", "load", "yaml.load"}
# Of a module of this package: cmvq_keras.<name>, or <this module>.<name>.
OWN_MODULES = ("f'cmvq_keras.", "f'{__name__}.", "'cmvq_keras.")
SAFE = {"allow_pickle": False, "weights_only": True, "safe_mode": True}
UNSAFE_CALLS = ("read_pickle", "unsafe_load", "enable_unsafe_deserialization")


def unpicklers(source):
    """Whatever in a source could run what a file says, in its order."""
    return [told for node in ast.walk(ast.parse(source)) for told in _told(node)]


def _told(node):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"import {name}" for name in names if _first(name) in MODULES)
    if isinstance(node, ast.Call):
        yield from _told_of_call(node)


def _first(name):
    return name.partition(".")[0]


def _told_of_call(call):
    name = ast.unparse(call.func)
    keywords = {each.arg: getattr(each.value, "value", "?") for each in call.keywords}
    if name in BUILTINS or name.rpartition(".")[2] in UNSAFE_CALLS:
        yield f"{name}()"
    if name.rpartition(".")[2] in ("import_module", "spec_from_file_location"):
        named = ast.unparse(call.args[0])
        if not named.replace('"', "'").startswith(OWN_MODULES):
            yield f"{name.rpartition('.')[2]}({named})"
    if any(value is True for key, value in keywords.items() if key == "shell"):
        yield f"{name}(shell=True)"
    for key, safe in SAFE.items():
        if keywords.get(key, safe) is not safe:
            yield f"{name}({key}={keywords[key]})"
    if name in ("os.system", "os.popen", "pty.spawn"):
        yield f"{name}()"
    if name in LOADERS and keywords.get("allow_pickle") is not False:
        told = "weights_only=True" if keywords.get("weights_only") is True else ""
        yield f"{name}({told})"


def test_no_source_unpickles_or_runs_what_it_reads():
    assert len(SOURCES) > 50
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        found = unpicklers(path.read_text(encoding="utf-8"))
        assert found == ALLOWED.get(name, []), name


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os, pickle", ["import pickle"]),
        ("from dill.source import a", ["import dill.source"]),
        ("np.load(path)", ["np.load()"]),
        (
            "np.load(path, allow_pickle=True)",
            ["np.load(allow_pickle=True)", "np.load()"],
        ),
        ("np.load(path, allow_pickle=False)", []),
        ("np.save(path, a, allow_pickle=unsure)", ["np.save(allow_pickle=?)"]),
        ("def f():\n    return torch.load(path)", ["torch.load()"]),
        ("load_model(path, safe_mode=False)", ["load_model(safe_mode=False)"]),
        ("eval(text)", ["eval()"]),
        ("joblib.load(path)", ["joblib.load()"]),
        ("yaml.load(text)", ["yaml.load()"]),
        ("yaml.safe_load(text)", []),
        ("from numpy import load\nload(path)", ["load()"]),
        ("importlib.import_module(name)", ["import_module(name)"]),
        ("import_module(f'{a}.b')", ["import_module(f'{a}.b')"]),
        ("importlib.import_module(f'cmvq_keras.{name}')", []),
        ("importlib.import_module(f'{__name__}.{name}')", []),
        ("subprocess.run(text, shell=True)", ["subprocess.run(shell=True)"]),
        ("os.system(text)", ["os.system()"]),
        ("import runpy", ["import runpy"]),
        ("model.eval()", []),
        ("re.compile(text)", []),
    ],
)
def test_each_way_is_noticed(source, told):
    assert unpicklers(source) == told
