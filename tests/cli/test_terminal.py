"""What reaches a terminal, and how a command ends when nobody reads it."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

import click
import pytest
from command_line import invoke, python

from cmvq_keras.cli import group, report, terminal

pytestmark = pytest.mark.once

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
TITLE = "\x1b]0;title\x07"


class Screen(io.StringIO):
    """Where people read."""

    name = "<screen>"

    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_texts_of_files_are_spelled_out(stream, monkeypatch):
    out, err = stream(), stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with terminal.printable():
        print(f"class {TITLE}\u202e\n\tnext")
        click.echo(f"reason {TITLE}", err=True)
    assert out.getvalue() == "class \\x1b]0;title\\x07\\u202e\n\tnext\n"
    assert err.getvalue().endswith("title\\x07\n")
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_screen_takes_our_own_sequences_alone(monkeypatch):
    screen, log = Screen(), io.StringIO()
    for stream in (screen, log):
        monkeypatch.setattr(sys, "stdout", stream)
        with terminal.printable():
            print("\r\033[K\033[31mred\033[0m\033[2J", end="")
    assert screen.getvalue() == "\r\033[K\033[31mred\033[0m\\x1b[2J"
    assert "\033" not in log.getvalue()


def test_a_report_says_what_it_does_to_a_screen_alone(monkeypatch):
    for stream, told in (Screen(), "Report: starting Keras ...\n"), (io.StringIO(), ""):
        monkeypatch.setattr(sys, "stderr", stream)
        report._show_step("starting Keras")
        assert stream.getvalue() == told


AT_THE_START = """
import sys
from cmvq_keras.cli import main, options, report

def start(backend):
    print(sys.stderr.getvalue(), "keras" in sys.modules, "torch" in sys.modules)
    sys.exit(7)

options.start_backend = start
sys.stderr = screen = __import__("io").StringIO()
screen.isatty = lambda: True
main(sys.argv[1:])
"""


def test_a_report_says_so_before_keras_is_loaded(tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    done = python(AT_THE_START, "report", FIXTURE, folder=tmp_path)
    assert done.returncode == 7, done.stderr
    assert done.stdout == "Report: starting Keras ...\n False False\n"


def test_every_command_writes_so(monkeypatch):
    @click.command()
    def command():
        click.echo(TITLE)
        raise ValueError(f"the class {TITLE} \u202eabc is unknown")

    monkeypatch.setattr(group.CommandGroup, "get_command", lambda *_: command)
    result = invoke("recipes")
    assert result.stdout == "\\x1b]0;title\\x07\n"
    assert result.stderr == (
        "Error: the class \\x1b]0;title\\x07 \\u202eabc is unknown\n"
    )


@pytest.mark.parametrize("words", [["recipes"], ["--help"], ["recipes", "--json"]])
def test_a_closed_pipe_ends_in_one_line(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cmvq_keras.cli", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    os.close(writer)
    assert done.stderr == (
        "Error: The output was closed early: its reader has stopped.\n"
    )
    assert done.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_what_a_full_output_still_holds_is_given_up():
    # Closing it would fail at what it holds.
    with open("/dev/full", "w") as full:
        stream = terminal._Printable(full)
        stream.write("a line")
        with pytest.raises(OSError, match="No space left"):
            stream.flush()
        stream.end()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_an_output_without_room_ends_in_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cmvq_keras.cli", "recipes"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.stderr == "Error: No space left on device: <stdout>\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("environment.json", {"store": {"folder": f"/{TITLE}", "manifest": "x"}}),
        ("environment.json", {"backend": TITLE}),
        ("metrics.json", {"best_epoch": f"{TITLE}\u202e"}),
        ("recipe.json", {"name": TITLE}),
    ],
)
def test_a_run_sets_no_title(name, change, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FIXTURE, run)
    content = json.loads((run / name).read_text())
    (run / name).write_text(json.dumps({**content, **change}))
    for words in (["evaluate", run], ["train", "--resume", run]):
        result = invoke(*words)
        for line in result.output.splitlines():
            assert line.isprintable(), line
