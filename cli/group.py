"""The group of commands: loaded when asked for, errors in one line."""

import contextlib
import importlib
import os
import sys
import warnings

import click

from cmvq_keras.cli import terminal
from cmvq_keras.errors import LeaderRefusedError, PeerLostError, RecipeFileError

COMMANDS = (
    "train",
    "evaluate",
    "contribution",
    "advise",
    "compare",
    "sweep",
    "predict",
    "report",
    "reconstruct",
    "reproduce",
    "export",
    "push",
    "pull",
    "prepare",
    "init",
    "data",
    "recipes",
    "doctor",
    "download",
    "convert",
)


class CommandGroup(click.Group):
    """A group whose commands are the modules beside this file.

    A warning to users is one line `Warning: ...` on stderr.
    Every exception ends in one line `Error: ...` on stderr: exit code 2 when the
    command was called wrongly, 130 after Ctrl-C, 143 where SIGTERM is taken, 1 for
    everything else. With the
    environment variable `CMVQ_DEBUG=1` the traceback is shown instead.
    """

    def list_commands(self, ctx):
        """The commands in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx, name):
        """The command of that name, or None."""
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"cmvq_keras.cli.{name}").command

    def resolve_command(self, ctx, args):
        """Finds the command that the arguments name; a wrong name gets a hint."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from cmvq_keras import validation

            hint = validation.did_you_mean(name, COMMANDS, "Commands")
            raise click.UsageError(f"No such command {name}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args, standalone_mode=True, **kwargs):
        """Runs a command; see the class for how errors end."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **kwargs)
        with terminal.printable(), _warnings_in_one_line():
            self._end(*args, **kwargs)

    def _end(self, *args, **kwargs):
        """Runs a command and exits."""
        try:
            code = super().main(*args, standalone_mode=False, **kwargs)
        except Exception as error:
            if os.environ.get("CMVQ_DEBUG") == "1":
                raise
            if isinstance(error, LeaderRefusedError):
                sys.exit(1)  # the first process says why
            code = report(error)
            if isinstance(error, PeerLostError):
                # JAX's own end would wait for the lost process, and then crash.
                sys.stdout.flush()
                os._exit(code)
        sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def _warnings_in_one_line():
    """Shows what warns a user without the place in the code where it was found."""
    usual = warnings.formatwarning

    def shown(message, category, *place, **line):
        if not issubclass(category, UserWarning) or os.environ.get("CMVQ_DEBUG") == "1":
            return usual(message, category, *place, **line)
        return f"Warning: {' '.join(str(message).split())}\n"

    warnings.formatwarning = shown
    try:
        yield
    finally:
        warnings.formatwarning = usual


def report(error):
    """Prints an exception on stderr and returns the exit code."""
    # Click hands Ctrl-C and a truncated input on as one and the same exception.
    if isinstance(error, click.Abort):
        if not isinstance(error.__cause__, EOFError):
            # A training says where it stopped, and how to go on.
            click.echo(str(error.__cause__ or "") or "Interrupted.", err=True)
            return getattr(error.__cause__, "exit_code", 130)
        error = error.__cause__
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()  # pyright: ignore
        return error.exit_code  # pyright: ignore
    with contextlib.suppress(OSError):  # where stderr is closed, too
        click.echo(f"Error: {one_line(error)}", err=True)
    return getattr(error, "exit_code", 1)


def one_line(error):
    """What an exception says, on one line."""
    from cmvq_keras.fileio import printable

    if isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.strerror}: {error.filename}"
    elif isinstance(
        error, (ValueError, TypeError, ImportError, OSError, RecipeFileError)
    ):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return f"{type(error).__name__} (CMVQ_DEBUG=1 shows where)"
    closed = [line if line[-1] in ".:;,?!" else f"{line};" for line in lines[:-1]]
    return printable(" ".join([*closed, lines[-1]]))
