"""Fixtures that several test files share."""

import collections
import gc
import os
import signal
import threading

import graphs
import pytest
from click.testing import CliRunner

# A shell's background job ignores Ctrl-C, and so would all that the tests start.
if threading.current_thread() is threading.main_thread() and (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)


#: Files of a minute or more, the longest first: begun last, one of them would keep one
#: worker waiting for the other.
LONGEST = (
    "test_several_devices.py",
    "test_training.py",
    "test_survive.py",
    "test_compare.py",
    "test_every_recipe.py",
    "test_cmvqvae.py",
    "test_no_room.py",
    "test_weight_transfer.py",
    "test_build.py",
    "test_exporting.py",
    "test_fuzz_weights.py",
    "test_cache_dir.py",
    "test_endurance.py",
    "test_better_training.py",
)


def pytest_collection_modifyitems(items):
    """Marks what lies in a file test_cross_*.py; the longest files come first.

    A marker `slow` or `long` says why, which goes with the test's report.
    """
    for item in items:
        if item.path.name.startswith("test_cross_"):
            item.add_marker(pytest.mark.cross)
        for marker in item.iter_markers():
            if marker.name in ("slow", "long"):
                if not marker.kwargs.get("reason"):
                    raise pytest.UsageError(
                        f"{item.nodeid}: give {marker.name} a reason=..."
                    )
                item.user_properties.append(("slow", marker.kwargs["reason"]))
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


def pytest_terminal_summary(terminalreporter):
    """The ten slowest tests, with what was made for them, and why they take long."""
    seconds, reasons = collections.Counter(), {}
    for report in terminalreporter.getreports("") + terminalreporter.getreports(
        "passed"
    ):
        seconds[report.nodeid] += report.duration
        if "slow" in (found := dict(report.user_properties)):
            reasons[report.nodeid] = found["slow"]
    terminalreporter.section("ten slowest tests")
    for name, taken in seconds.most_common(10):
        reason = reasons.get(name, "not marked slow")
        terminalreporter.write_line(f"{taken:6.1f} s  {name}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def plain_graphs():
    """TensorFlow runs its graphs as they are: it would optimize each for longer than
    the tiny models compute."""
    graphs.run_plain()


@pytest.fixture(scope="session", autouse=True)
def seldom_collected():
    """Garbage is looked for less often, and not in what was imported: it took a tenth
    of the tests' time."""
    if os.environ.get("KERAS_BACKEND"):
        import keras  # noqa: F401
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """Stores that a training makes by itself do not go to the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMVQ_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder and the output of one tiny training through the command line."""
    from cmvq_keras.cli import main

    folder = tmp_path_factory.mktemp("trained") / "made" / "run"
    arguments = "train --recipe planted --limit 64 --epochs 2 --batch-size 32 --out"
    result = CliRunner().invoke(main, [*arguments.split(), str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result.output
