"""Any text as a terminal shows it."""

import re

# Control characters; what has no width, but for joiners, which some languages need;
# marks that turn the direction of writing; halves of letters.
_HIDDEN = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\U000e0000-\\U000e007f"
)
_IN_A_LINE = re.compile(f"[{_HIDDEN}]")
_IN_LINES = re.compile(f"(?![\\n\\r\\t])[{_HIDDEN}]")


def printable(text):
    """Any text as one line for a terminal.

    Control characters, and marks that turn the direction of writing, are spelled out.
    """
    return _IN_A_LINE.sub(_spelled, " ".join(str(text).split()))


def printable_lines(text):
    """As `printable`, but ends of lines and spaces stay."""
    return _IN_LINES.sub(_spelled, str(text))


def _spelled(match):
    return ascii(match.group())[1:-1]


def one_line(error):
    """What an exception says, on one line of printable characters."""
    shown = printable(error)
    if isinstance(error, EOFError):
        return shown or "it is truncated"
    return shown or type(error).__name__


def duration(seconds):
    """A time for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
