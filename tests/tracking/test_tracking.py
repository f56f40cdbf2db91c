"""Records of a training: TensorBoard, W&B, MLflow, CSV. All are written offline."""

import json
import pathlib
import struct
import time

import pytest
from command_line import error_of

from cmvq_keras import fileio, recipes, registry, tracking
from cmvq_keras.runs.run import Run
from cmvq_keras.tracking import csv_file, record
from cmvq_keras.tracking.record import Record
from cmvq_keras.tracking.tracker import Tracker

pytestmark = pytest.mark.once

EPOCHS = [{"loss": 2.5, "val_loss": 3.0}, {"loss": 1.5, "val_loss": 2.75}]
METRICS = {"test": {"accuracy": 0.75, "per_class": {"a (b)": 0.5}, "names": ["x"]}}
FINAL = {"test.accuracy": 0.75, "test.per_class.a (b)": 0.5}
LOST = {"loss": 9.0, "val_loss": 9.0}
BLOCK, WHOLE_OR_LAST = 32768, (1, 4)
OFFLINE = {"WANDB_MODE": "offline", "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path_factory):
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path_factory.mktemp("wandb")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder))
    for name in ("WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def _run(folder, log):
    recipe = recipes.get("planted").with_settings({"training.log": log})
    folder.mkdir()
    (folder / "recipe.json").write_text(recipe.to_json())
    return Run(folder)


def _recorded(folder, log, lost=EPOCHS[1]):
    """A run that was stopped in its second epoch, gone on with, and reported.

    No checkpoint was written after the second epoch: it comes again.
    """
    run = _run(folder, log)
    with Record(run) as begun:
        begun.log(EPOCHS[0], 1)
        begun.log(lost, 2)
    with Record(run, 1) as begun:
        begun.log(EPOCHS[1], 2)
        begun.finish(METRICS)
    for epoch, numbers in enumerate(EPOCHS, 1):
        run.append_history({"epoch": epoch, **numbers})
    page = folder / "report.html"
    page.write_text("page")
    record.add_file(run, page)
    return run


def test_a_csv_file_holds_settings_curves_final_numbers_and_files(tmp_path, capsys):
    run = _recorded(tmp_path / "run", "csv", LOST)
    assert capsys.readouterr().err == ""
    content = (run.directory / csv_file.FILE).read_bytes()
    header, *rows = (row for _, row in fileio.csv_rows(content))
    assert header == ["kind", "epoch", "name", "value"]
    of = {kind: [row[1:] for row in rows if row[0] == kind] for kind, *_ in rows}
    names = [name for _, name, _ in of["setting"]]
    assert names == list(run.recipe.settings())
    assert ["", "training.batch_size", "64"] in of["setting"]
    assert of["epoch"] == [
        [str(epoch), name, str(value)]
        for epoch, numbers in enumerate(EPOCHS, 1)
        for name, value in numbers.items()
    ]
    assert {name: float(value) for _, name, value in of["final"]} == FINAL
    assert of["file"] == [["", "report.html", str(run.directory / "report.html")]]


def _events(folder):
    """Yields `(step, tag, value)` and starts of a TensorBoard folder; its files are
    records of a length, a checksum, the content and its checksum."""
    from tensorboardX.proto import event_pb2

    for path in sorted(
        folder.glob("events*"), key=lambda path: path.stat().st_mtime_ns
    ):
        content, start = path.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = event_pb2.Event.FromString(content[start + 12 :][:length])
            start += length + 16
            if event.HasField("session_log"):
                yield event.step, "start", event.session_log.status
            for value in event.summary.value:
                yield event.step, value.tag, value.simple_value


def test_tensorboard_shows_scalars_and_drops_what_comes_again(tmp_path, capsys):
    pytest.importorskip("tensorboardX", reason="extra tensorboard")
    run = _recorded(tmp_path / "run", "tensorboard", LOST)
    assert capsys.readouterr().err == ""
    found = list(_events(run.directory / "tensorboard"))
    scalars = [each for each in found if each[1] in ("loss", "val_loss", "start")]
    assert scalars[:4] == [
        (1, "loss", 2.5),
        (1, "val_loss", 3.0),
        (2, "loss", 9.0),
        (2, "val_loss", 9.0),
    ]
    # TensorBoard leaves out what an older file has from this step on.
    assert scalars[4:7] == [(2, "start", 1), (2, "loss", 1.5), (2, "val_loss", 2.75)]
    tags = [tag for _, tag, _ in found]
    assert "settings/text_summary" in tags
    assert "report.html/text_summary" in tags
    final = {
        tag: value for _, tag, value in _events(run.directory / "tensorboard/final")
    }
    assert final["final/test.accuracy"] == 0.75
    assert "_hparams_/session_start_info" in final


@pytest.mark.slow(reason="MLflow sets up its database")
def test_mlflow_keeps_one_run_in_a_local_database(tmp_path, capsys):
    pytest.importorskip("mlflow", reason="extra mlflow")
    pytest.importorskip("sqlalchemy", reason="extra mlflow")
    from mlflow import MlflowClient

    run = _recorded(tmp_path / "run", "mlflow")
    assert "Warning" not in capsys.readouterr().err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("planted")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["training.batch_size"] == "64"
    assert set(found.data.params) == set(run.recipe.settings())
    assert found.data.metrics["final/test.accuracy"] == 0.75
    assert found.data.metrics["final/test.per_class.a _b_"] == 0.5
    steps = client.get_metric_history(found.info.run_id, "loss")
    assert [(each.step, each.value) for each in steps] == [(1, 2.5), (2, 1.5)]
    (artifact,) = client.list_artifacts(found.info.run_id)
    assert artifact.path == "report.html"
    assert len(list((tmp_path / "mlartifacts").rglob("report.html"))) == 1


def _wandb_records(path):
    """Yields what W&B wrote: LevelDB's log format after seven bytes."""
    from wandb.proto import wandb_internal_pb2

    content, start, parts = path.read_bytes(), 7, b""
    while start + 7 <= len(content):
        if BLOCK - start % BLOCK < 7:
            start += BLOCK - start % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, start + 4)
        parts += content[start + 7 : start + 7 + length]
        start += 7 + length
        if kind in WHOLE_OR_LAST:
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


@pytest.mark.slow(reason="W&B starts a service")
def test_wandb_offline_goes_on_with_the_same_run(tmp_path, capsys):
    pytest.importorskip("wandb", reason="extra wandb")
    run = _recorded(tmp_path / "run", "wandb")
    assert "Warning" not in capsys.readouterr().err
    noted = json.loads((run.directory / record.NOTES).read_text())["wandb"]
    # The process of W&B that writes may still be at it.
    end = time.monotonic() + 60
    records = []
    while not any(each.HasField("artifact") for each in records):
        assert time.monotonic() < end
        files = tmp_path.glob(f"wandb/offline-run-*/run-{noted}.wandb")
        records = [each for path in files for each in _wandb_records(path)]
    begun = [each.run for each in records if each.HasField("run")]
    assert {(each.run_id, each.display_name, each.project) for each in begun} == {
        (noted, "run", "cmvq-keras")
    }
    history = [
        (each.history.step.num, item.nested_key[0] or item.key, item.value_json)
        for each in records
        if each.HasField("history")
        for item in each.history.item
    ]
    assert (1, "loss", "2.5") in history
    assert (2, "loss", "1.5") in history
    text = " ".join(str(each) for each in records)
    assert "final/test.accuracy" in text
    assert "training.batch_size" in text
    assert f"report-{noted}" in text


class Broken(Tracker):
    """Fails where it is told to."""

    fails_at = "log"

    def _do(self, name):
        if name == self.fails_at:
            raise RuntimeError(f"no network\nwhile in {name}")

    def open(self, settings, epoch):
        self._do("open")

    def log(self, numbers, epoch):
        self._do("log")

    def finish(self, numbers):
        self._do("finish")

    def close(self, completed):
        self._do("close")


@pytest.mark.parametrize("fails_at", ["open", "log", "finish", "close"])
def test_a_tracker_that_fails_ends_alone_in_one_line(
    fails_at, tmp_path, monkeypatch, capsys
):
    run = _run(tmp_path / "run", "csv")
    real = tracking.get
    monkeypatch.setattr(Broken, "fails_at", fails_at)
    monkeypatch.setattr(
        tracking, "get", lambda name: Broken if name == "broken" else real(name)
    )
    with Record(run, names=("broken", "csv")) as begun:
        for epoch, numbers in enumerate(EPOCHS, 1):
            begun.log(numbers, epoch)
        begun.finish(METRICS)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"Warning: broken records nothing more: no network while in {fails_at}. "
        "The run folder has everything."
    ]
    assert "final,,test.accuracy,0.75\n" in (run.directory / "log.csv").read_text()


@pytest.mark.parametrize("content", ["[]", '{"csv": "../../x", "mlflow": 3}', "{"])
def test_notes_of_another_form_are_not_used(content, tmp_path, capsys):
    run = _run(tmp_path / "run", "csv")
    (run.directory / record.NOTES).write_text(content)
    with Record(run) as begun:
        assert [tracker.note for tracker in begun._open.values()] in ([None], [])


def test_a_planted_link_is_not_written_through(tmp_path, capsys):
    run, target = _run(tmp_path / "run", "tensorboard,csv"), tmp_path / "target"
    target.mkdir()
    for name in ("tensorboard", csv_file.FILE, record.NOTES):
        (run.directory / name).symlink_to(target)
    with Record(run) as begun:
        begun.log(EPOCHS[0], 1)
    assert list(target.iterdir()) == []
    assert capsys.readouterr().err.count("Warning: ") == 2


def test_a_recipe_names_trackers(tmp_path):
    planted = recipes.get("planted")
    assert planted.training.log is None
    for text in ("wandb", "csv, tensorboard", "none"):
        made = planted.with_settings({"training.log": text})
        assert tracking.names(made.training.log) == tuple(
            word.strip() for word in text.split(",") if word != "none"
        )
    for text in ("wandbb", "csv,csv", ""):
        error = error_of("train", "--recipe", "planted", "--log", text, code=1)
        assert (
            "training.log must be some of csv, mlflow, tensorboard, wandb, with commas "
            "between them, or none."
        ) in error


def test_a_missing_package_is_told_before_any_work(tmp_path, monkeypatch):
    for name in registry.names("tracking", "TRACKERS"):
        if tracking.get(name).module is None:
            tracking.need(name)
            continue
        monkeypatch.setattr(tracking.get(name), "module", "no_such_module")
        with pytest.raises(ImportError, match=rf"pip install 'cmvq-keras\[{name}\]'"):
            tracking.need(f"csv,{name}")


def test_each_tracker_with_a_package_has_an_extra():
    text = (pathlib.Path(__file__).parents[2] / "pyproject.toml").read_text()
    for name in registry.names("tracking", "TRACKERS"):
        if module := tracking.get(name).module:
            assert f'\n{name} = ["{module}' in text


def test_only_a_recorded_run_takes_a_report(tmp_path):
    run = _run(tmp_path / "run", None)
    with pytest.raises(ValueError, match="has no record to add to"):
        record.add_file(run, tmp_path / "report.html")
