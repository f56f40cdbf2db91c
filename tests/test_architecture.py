"""The rules of the house: who may import whom, and who may know of the backend."""

import ast
import subprocess
import sys

import imports
import pytest

import cmvq_keras

pytestmark = pytest.mark.once

#: A module imports only from its left; "" is the package itself. The flow of tensors
#: is backend to evaluation, that of arrays data to batches; they meet in runs.
ORDER = (
    *(
        "",
        "old_names",
        "checkout",
        "errors",
        "fileio",
        "validation",
        "registry",
        "cache_dir",
        "tasks",
    ),
    *("recipe", "data.formats", "data.faults", "data.transforms", "data.kinds"),
    *(
        "resolved_recipe",
        "backend",
        "distribution",
        "ops",
        "losses",
        "layers",
        "networks",
    ),
    *("metrics", "data", "data.split", "data.render"),
    *("data.single_file", "data.listing", "data.automatic", "data.tables"),
    "data.decoding",
    *("data.datasets", "data.store", "batches", "recipe_file", "recipes", "models"),
    *(
        "methods",
        "evaluation",
        "runs",
        "tracking",
        "training",
        "exporting",
        "interop",
        "sharing",
    ),
    *("reporting", "experiments", "cli", "__main__"),
)
#: Arrows to the right, with the reason.
AGAINST_THE_ORDER = {
    ("models.build", "methods"): "a recipe's method says how its model is built",
}
#: They know no Keras, so that they can be used before the backend is chosen.
WITHOUT_KERAS = (
    *("data", "errors", "fileio", "recipe", "recipe_file", "recipes", "tasks"),
    "tracking",
)
FRAMEWORKS = {"jax", "tensorflow", "torch"}
#: Rooms whose work it is to know which backend runs.
OF_THE_BACKEND = ("backend", "distribution")
#: Modules elsewhere that import a framework, with the reason.
IMPORTS_A_FRAMEWORK = {
    "interop.convert": "reads and writes the author's .pt files, on every backend",
    "runs.environment": "notes versions, threads and devices beside the run",
}
#: Modules elsewhere that ask which backend runs, with the reason.
ASKS_FOR_THE_BACKEND = {
    "training.api": "a run is gone on with on the backend that it was begun on",
    "experiments.api": "a study notes the backend that it was begun on",
    "exporting.exported": "each backend writes other formats",
}


def _room(module):
    """The entry of `ORDER` that a module belongs to."""
    while module not in ORDER:
        module = module.rpartition(".")[0]
    return module


def _inside(module, rooms):
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def test_every_module_has_its_place_in_the_order():
    strays = [name for name in imports.modules() if name and not _room(name)]
    assert strays == []


def test_a_module_imports_only_from_its_left():
    wrong = {
        (name, other)
        for name, other in imports.arrows()
        if name and ORDER.index(_room(other)) > ORDER.index(_room(name))
    }
    assert wrong == set(AGAINST_THE_ORDER)


def test_no_modules_import_each_other_in_a_circle():
    assert imports.circle() == []


@pytest.mark.parametrize("top", ["keras", *sorted(FRAMEWORKS)])
def test_data_and_recipes_import_no_keras(top):
    found = [
        name
        for name in imports.modules()
        if _inside(name, (*WITHOUT_KERAS, "runs.run"))
        and any(other.partition(".")[0] == top for other in imports.imported(name))
    ]
    assert found == []


def test_data_recipes_and_run_folders_load_no_keras():
    rooms = [
        f"cmvq_keras.{name}"
        for name in imports.modules()
        if _inside(name, (*WITHOUT_KERAS, "runs.run"))
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {rooms}: importlib.import_module(name)\n"
        "print([name for name in sys.modules if name == 'keras'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_only_the_backends_rooms_import_a_framework():
    found = {
        name
        for name in imports.modules()
        if not _inside(name, OF_THE_BACKEND)
        and FRAMEWORKS & {other.partition(".")[0] for other in imports.imported(name)}
    }
    assert found == set(IMPORTS_A_FRAMEWORK)


def _asks_for_the_backend(tree):
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("keras.config.backend", "keras.backend.backend")
        for node in ast.walk(tree)
    )


def _compares_with_a_backend(tree):
    return any(
        isinstance(node, ast.Compare)
        and any(
            isinstance(each, ast.Constant) and each.value in FRAMEWORKS
            for each in ast.walk(node)
        )
        for node in ast.walk(tree)
    )


def test_only_the_backends_rooms_ask_which_backend_runs():
    found = {
        name
        for name, tree in imports.modules().items()
        if not _inside(name, OF_THE_BACKEND)
        and (_asks_for_the_backend(tree) or _compares_with_a_backend(tree))
    }
    assert found == set(ASKS_FOR_THE_BACKEND)


def _table_writers(tree):
    """Names in a module that write tables of texts."""
    names = {"DictWriter", "to_csv", "write_csv", "savetxt"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in names or (module, node.attr) == ("csv", "writer"):
                yield node.attr
        elif isinstance(node, ast.ImportFrom):
            of_csv = {"writer"} if node.module == "csv" else set()
            yield from (n.name for n in node.names if n.name in names | of_csv)


def test_one_function_writes_the_cells_of_tables():
    """So no text of a file becomes a spreadsheet's formula, see `fileio.csv_line`."""
    found = [
        (name, writer)
        for name, tree in imports.modules().items()
        for writer in _table_writers(tree)
    ]
    assert found == [("fileio.contents", "writer")]


def test_no_room_bears_the_name_of_a_public_function():
    rooms = {name.partition(".")[0] for name in imports.modules()}
    public = set(cmvq_keras.__all__) - set(cmvq_keras._MODULES)
    assert rooms & public == set()


def test_each_public_name_is_the_same_when_it_is_read_again():
    first = {name: getattr(cmvq_keras, name) for name in cmvq_keras.__all__}
    code = [f"import cmvq_keras.{name}" for name in imports.modules() if name]
    for line in code:
        if not line.endswith((*FRAMEWORKS, "__main__")):
            exec(line)
    again = {name: getattr(cmvq_keras, name) for name in cmvq_keras.__all__}
    assert [name for name in first if first[name] is not again[name]] == []
