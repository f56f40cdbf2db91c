"""What grows with a training's steps: benchmarks/endurance.py in its small form."""

import importlib.util
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).parents[2] / "benchmarks" / "endurance.py"
EPOCH = 15

pytestmark = [
    pytest.mark.slow(reason="leaks show over many steps alone"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if not PATH.exists():
        pytest.skip("benchmarks/ is not there")
    spec = importlib.util.spec_from_file_location("endurance", PATH)
    endurance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(endurance)
    folder = tmp_path_factory.mktemp("endurance") / "run"
    return endurance.measure(folder, steps=150, epoch=EPOCH, at=[60, 150])


def test_files_and_threads_grow_no_more(found):
    first, last = found["series"][60], found["series"][150]
    # Fewer, where garbage of the tests before this one was collected.
    assert last["files"] <= first["files"]
    # A library may start a thread of a pool late, but not one in each epoch.
    assert last["threads"] - first["threads"] < (150 - 60) / EPOCH


def test_the_run_folder_stays_under_three_times_weights_and_optimizer(found):
    assert found["state"] > 10**6
    assert found["rest"] < found["state"]
    assert found["largest"] < 3 * found["state"]
