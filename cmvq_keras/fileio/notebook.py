"""Tables for a notebook, as HTML in which every text is escaped."""

import html
from collections.abc import Iterable

from cmvq_keras.fileio.text import printable


def table(rows: Iterable, header: Iterable | None = None) -> str:
    """A table.

    Args:
        rows: rows of cells; each is written with `str`.
        header: the columns' names, or None.
    """
    lines = [] if header is None else [_line("th", header)]
    lines += [_line("td", row) for row in rows]
    return f"<table>{''.join(lines)}</table>"


def titled(title: str, *parts: str) -> str:
    """HTML of parts under a title, which is escaped."""
    return f"<div><b>{escaped(title)}</b>{''.join(parts)}</div>"


def folded(title: str, part: str) -> str:
    """HTML of a part that a click on its title shows."""
    summary = f"<summary>{escaped(title)}</summary>"
    return f"<details>{summary}{part}</details>"


def lines(texts: Iterable[str]) -> str:
    """HTML of a list; nothing for an empty one."""
    found = "".join(f"<li>{escaped(text)}</li>" for text in texts)
    return f"<ul>{found}</ul>" if found else ""


def escaped(text: object) -> str:
    """Any text as HTML shows it, on one line."""
    return html.escape(printable(text))


def _line(tag, cells):
    inner = "".join(f"<{tag}>{escaped(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"
