"""What a script for version 0.1.0 imports is still found, with a warning."""

import importlib
import inspect
import json
import pathlib
import subprocess
import sys
import warnings

import keras
import pytest

import cmvq_keras as cmvq
from cmvq_keras import old_names

pytestmark = pytest.mark.once

FILE = pathlib.Path(__file__).parent / "golden" / "names_0.1.0.json"
NAMES = json.loads(FILE.read_text())
WARNING = r"cmvq_keras\.{} is now cmvq_keras\..* The old name goes in version"
#: What it did was removed.
REMOVED = {"recomputing"}
PACKAGES_NOW = {"backend", "data.store", "training"}
MOVED = sorted(old_names.MODULES.keys() - PACKAGES_NOW)


def _import(old):
    """An old module, imported for the first time."""
    if old in MOVED:
        sys.modules.pop(f"cmvq_keras.{old}", None)
    return importlib.import_module(f"cmvq_keras.{old}")


@pytest.mark.parametrize("old", sorted(NAMES.keys() - REMOVED))
def test_every_module_of_the_first_version_is_found(old):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = _import(old)
        for name in NAMES[old]:
            assert getattr(module, name) is not None, name


@pytest.mark.parametrize("old", sorted(REMOVED))
def test_a_module_of_something_removed_is_not_found(old):
    assert old in NAMES
    with pytest.raises(ModuleNotFoundError, match=old):
        importlib.import_module(f"cmvq_keras.{old}")


@pytest.mark.parametrize("old", MOVED)
def test_an_old_module_warns_where_it_is_imported(old):
    new = old_names.MODULES[old]
    if new.rpartition(".")[2] in {"jax", "tensorflow", "torch"} - {
        keras.config.backend()
    }:
        pytest.skip("a module of another backend")
    sys.modules.pop(f"cmvq_keras.{old}", None)
    with pytest.warns(DeprecationWarning, match=WARNING.format(old)) as caught:
        exec(compile(f"import cmvq_keras.{old}", "a user's script", "exec"))
    assert "a user's script" in [each.filename for each in caught]
    importlib.import_module(f"cmvq_keras.{new}")


@pytest.mark.parametrize(
    ("old", "name"),
    [(old, name) for old, names in old_names.NAMES.items() for name in names],
)
def test_a_definition_is_found_under_its_old_name(old, name):
    module, _, new = old_names.NAMES[old][name].rpartition(".")
    with pytest.warns(DeprecationWarning, match="The old name goes in version"):
        found = getattr(_import(old), name)
    assert found is getattr(importlib.import_module(f"cmvq_keras.{module}"), new)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_functions_are_the_public_ones():
    from cmvq_keras import training
    from cmvq_keras.data.store import Store
    from cmvq_keras.model import CMVQVAE

    assert training.train is cmvq.train
    assert training.evaluate is cmvq.evaluate
    assert Store is cmvq.data.Store
    assert CMVQVAE is cmvq.CMVQVAE
    assert cmvq.run.Run is _import("runs.run").Run


@pytest.mark.parametrize("module", ["run", "training", "data"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_unknown_name_of_an_old_module_is_told(module):
    with pytest.raises(AttributeError, match=f"cmvq_keras.{module}.*'nothing'"):
        _ = _import(module).nothing


def test_an_argument_is_taken_by_its_old_name_with_a_warning():
    @old_names.renamed_argument("told", "on_progress")
    def prepare(recipe, on_progress=None):
        return recipe, on_progress

    with pytest.warns(DeprecationWarning, match="`told` of prepare is now `on_prog"):
        assert prepare("planted", told=print) == ("planted", print)
    with pytest.raises(TypeError, match="Give only one of `on_progress` and `told`"):
        prepare("planted", told=print, on_progress=print)


def test_an_attribute_is_read_and_given_by_its_old_name_with_a_warning():
    from cmvq_keras.data.listing import Listing, SkippedSample
    from cmvq_keras.data.store.check import Report

    lost = (SkippedSample("clip", "cut"),)
    warning = "`left_out` of {} is now `skipped`. The old name goes in version 0.3"
    with pytest.warns(DeprecationWarning, match=warning.format("Listing")):
        listing = Listing(["a"], (), left_out=lost)
    assert listing == Listing(["a"], (), skipped=lost)
    with pytest.warns(DeprecationWarning, match=warning.format("Listing")):
        assert listing.left_out == lost
    with pytest.warns(DeprecationWarning, match=warning.format("Report")):
        assert Report((), {}, ({"sample": "clip"},)).left_out == ({"sample": "clip"},)
    store = object.__new__(cmvq.data.Store)
    store.manifest = {"left_out": [{"split": "train"}, {"split": "test"}]}
    with pytest.warns(DeprecationWarning, match=warning.format("Store")):
        assert store.left_out("test") == [{"split": "test"}]


def test_the_public_functions_take_told(monkeypatch, tmp_path):
    from cmvq_keras.data.store.check import check

    functions = (cmvq.train, cmvq.resume, cmvq.evaluate, cmvq.prepare, check)
    for function in (*functions, cmvq.data.Store.create):
        with (
            pytest.warns(DeprecationWarning, match="`told` of "),
            pytest.raises((ValueError, TypeError, OSError, AttributeError)),
        ):
            # Nothing is there: each ends after it has read its arguments.
            function(tmp_path / "nothing", told=print)


def test_what_is_by_name_alone_is_taken_by_position_with_a_warning():
    @old_names.keyword_only
    def train(recipe, data_dir=None, *, out=None, verbose=True):
        return recipe, data_dir, out, verbose

    assert train("planted", "data", out="run") == ("planted", "data", "run", True)
    with pytest.warns(DeprecationWarning, match="train takes out, verbose by name"):
        assert train("planted", "data", "run", 0) == ("planted", "data", "run", 0)
    with pytest.raises(TypeError, match="positional"):
        train("planted", "data", "run", out="run")
    with pytest.raises(TypeError, match="positional"):
        train("planted", "data", "run", True, None)


@pytest.mark.parametrize(
    "name", [name for name in cmvq.__all__ if inspect.isfunction(getattr(cmvq, name))]
)
def test_public_functions_take_two_arguments_by_position(name):
    parameters = inspect.signature(getattr(cmvq, name)).parameters.values()
    by_position = [each.name for each in parameters if each.kind != each.KEYWORD_ONLY]
    # As Keras's own functions take a model's inputs and labels.
    of_data = ["model", "x", "y"]
    assert len(by_position) <= 2 or by_position == of_data


def test_a_room_with_old_names_still_imports_its_modules():
    code = "from cmvq_keras.data import Sample; from cmvq_keras.data.store import rows"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_the_devices_are_still_reached_after_the_old_module_of_their_name():
    """The package's attribute is then the module; what is in it must answer still."""
    script = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from cmvq_keras import distribution\n"
        "devices = distribution.replicas\n"
        "import cmvq_keras.distribution.replicas as module\n"
        "assert distribution.replicas is module\n"
        "assert module.processes == devices.processes == 1\n"
        "assert module.SeparateReplicas is not None\n"
        "assert not hasattr(module, 'nothing')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
