"""Damaged files: how they come to be, and what a parser may do with one.

@EXAMPLES
def test_a_mutated_clip(examples, tmp_path):
    try_mutations(read_clip, good_bytes, tmp_path / "clip.flv", examples, check)

@pytest.mark.parametrize("damage", PLAIN)
def test_a_damaged_clip(damage, tmp_path):
    refused(read_clip, damaged(tmp_path / "clip.flv", good_bytes, damage))
"""

import contextlib
import copy
import functools
import os
import signal
import struct
import time
import tracemalloc

import pytest
from click import ClickException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cmvq_keras.cli.group import one_line

EXAMPLES = pytest.mark.parametrize(
    "examples", [100, pytest.param(2000, marks=pytest.mark.long(reason="2,000 files"))]
)
PLAIN = (
    "empty",
    "cut",
    "wrong magic",
    "text",
    "directory",
    "link loop",
    "link to nowhere",
    "pipe",
    "unreadable",
)
SECONDS = 10.0  # of computing for one file
WAIT = 120.0  # seconds on the clock: long, as other programs may be busy
MEMORY = 64_000_000  # bytes that Python and numpy may take at once for one file
_EXTREMES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
_EXTREMES += (2**62, 2**63 - 1, 2**63, 2**64 - 1)
_NUMBERS = (b"-1", b"0", b"1e999", b"NaN", b"999999999999", b"18446744073709551616")
_HEADER = 512  # bytes in which most formats state their sizes


class TooSlowError(BaseException):
    """No `except Exception` of a parser takes it."""


def mutated(content):
    """A strategy of damaged copies of a file.

    Args:
        content: bytes of a good file.
    """
    whole = st.one_of(
        st.just(b""),
        st.binary(max_size=200),
        st.builds(lambda tail: content[:16] + tail, st.binary(max_size=200)),
    )
    edited = st.lists(_edits(len(content)), min_size=1, max_size=4).map(
        lambda edits: functools.reduce(lambda data, edit: edit(data), edits, content)
    )
    # One file in nine has nothing of the good one but its first bytes.
    return st.one_of(*[edited] * 8, whole)


def _edits(size):
    """Functions from bytes to bytes."""
    last = max(size - 1, 0)
    place = st.one_of(
        st.integers(0, last), st.integers(0, min(last, _HEADER)), st.integers(-64, -1)
    )
    length = st.one_of(st.integers(1, 16), st.integers(1, max(size, 1)))
    extreme = st.builds(
        _packed,
        st.sampled_from(_EXTREMES),
        st.sampled_from("BHIQ"),
        st.sampled_from("<>"),
    )
    return st.one_of(
        st.builds(_flip, place, st.integers(1, 255)),
        st.builds(_overwrite, place, extreme),
        st.builds(_overwrite, place, st.binary(min_size=1, max_size=8)),
        st.builds(_overwrite, place, length.map(lambda n: bytes(min(n, 4096)))),
        st.builds(_insert, place, st.binary(min_size=1, max_size=64)),
        st.builds(_number, st.integers(0, 200), st.sampled_from(_NUMBERS)),
        st.builds(_copy, place, place, length),
        st.builds(_remove, place, length),
        st.builds(_cut, place),
        st.just(lambda data: data + data),
    )


def _packed(value, kind, order):
    size = struct.calcsize(kind)
    return struct.pack(order + kind, value % 2 ** (8 * size))


def _flip(place, bits):
    def edit(data):
        changed = bytearray(data)
        if changed:
            changed[place % len(changed)] ^= bits
        return bytes(changed)

    return edit


def _overwrite(place, new):
    def edit(data):
        start = place % max(len(data), 1)
        return (data[:start] + new + data[start + len(new) :])[: len(data)]

    return edit


def _insert(place, new):
    def edit(data):
        start = place % (len(data) + 1)
        return data[:start] + new + data[start:]

    return edit


def _number(index, new):
    """Another number in place of the index-th run of digits of a header in text."""

    def edit(data):
        head, runs = data[:8192], []
        for position, byte in enumerate(head):
            if not 48 <= byte <= 57:
                continue
            if runs and runs[-1][1] == position:
                runs[-1][1] = position + 1
            else:
                runs.append([position, position + 1])
        if not runs:
            return data
        start, stop = runs[index % len(runs)]
        return data[:start] + new + data[stop:]

    return edit


def _copy(source, target, length):
    def edit(data):
        start = source % max(len(data), 1)
        return _insert(target, data[start : start + length])(data)

    return edit


def _remove(place, length):
    def edit(data):
        start = place % max(len(data), 1)
        return data[:start] + data[start + length :]

    return edit


def _cut(place):
    return lambda data: data[: place % max(len(data), 1)]


def try_mutations(parse, content, path, examples, check=None, wrap=None, named=None):
    """Reads many damaged copies of a file.

    Args:
        parse: function of the path.
        content: bytes of a good file.
        path: where the damaged ones are written, one after the other.
        examples: how many.
        check: function that asserts that what `parse` gave is valid.
        wrap: function of mutated bytes that gives the file's bytes, e.g. packs them
            with a right checksum, so that damage reaches what lies behind it.
        named: the text that an error has to hold; the path by itself.

    Returns:
        How many were refused.
    """

    def read(damaged):
        path.write_bytes(wrap(damaged) if wrap else damaged)
        return outcome(parse, path, named)

    # A good file is read: otherwise every refusal below would prove nothing. The first
    # reading imports libraries, which takes time and memory.
    path.write_bytes(wrap(content) if wrap else content)
    value = parse(path)
    if check is not None:
        check(value)
    return _tried(mutated(content), read, examples, check)


def try_inputs(inputs, call, examples, check=None):
    """Calls a function with many inputs.

    Args:
        inputs: a strategy.
        call: function of one of them; it may raise a ValueError, an OSError, or what
            Click tells its user.
        examples: how many.
        check: as in `try_mutations`.

    Returns:
        How many were refused.
    """

    def made(given):
        try:
            with _bounded():
                return call(given), None
        except (ValueError, OSError, ClickException) as error:
            text = one_line(error)
            assert len(text.splitlines()) == 1, text
            return None, text

    return _tried(inputs, made, examples, check)


def _tried(inputs, made, examples, check):
    """How many of the inputs give an error: `made` gives `(value, error)`."""
    refusals = []

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def attempt(given):
        value, error = made(given)
        if error is not None:
            refusals.append(error)
        elif check is not None:
            check(value)

    attempt()
    return len(refusals)


def json_values():
    """A strategy of anything that JSON can hold."""
    numbers = st.one_of(
        st.integers(-3, 70),
        st.sampled_from([2**31, -(2**63), 10**400]),
        st.floats(),
    )
    plain = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=12))
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.text(max_size=12), inner, max_size=4),
        ),
        max_leaves=8,
    )


def edited(content):
    """A strategy of copies of JSON content with up to three things changed.

    An entry gets another value, is left out, or comes a second time under a name that
    is nearly its own.
    """
    place = st.integers(0, 10_000)
    how = st.sampled_from(["set", "set", "set", "drop", "rename"])
    edits = st.lists(
        st.tuples(place, how, json_values(), st.text(max_size=3)),
        min_size=1,
        max_size=3,
    )
    return edits.map(lambda made: functools.reduce(_edited, made, content))


def _edited(content, edit):
    number, how, value, letters = edit
    content = copy.deepcopy(content)
    places = list(_places(content))
    if not places:
        return value
    holder, key = places[number % len(places)]
    if how == "set":
        holder[key] = value
    elif how == "drop":
        del holder[key]
    elif isinstance(holder, dict):
        holder[key[:-1] + letters] = holder[key]
    return content


def _places(content):
    """`(container, key)` of every value below the outermost one."""
    keys = {dict: lambda: list(content), list: lambda: range(len(content))}
    for key in keys.get(type(content), tuple)():
        yield content, key
        yield from _places(content[key])


def outcome(parse, path, named=None):
    """`(value, None)` or `(None, error)` of reading one file.

    Asserts that an error is a ValueError or an OSError that names the file on one
    line, and that neither time nor memory ran away.
    """
    try:
        with _bounded():
            return parse(path), None
    except (ValueError, OSError) as error:
        text = str(error)
        assert len(text.splitlines()) == 1, text
        assert str(named or path) in text, text
        return None, text


def refused(parse, path, named=None):
    """The text of the error that reading a file has to end in; see `outcome`."""
    value, error = outcome(parse, path, named)
    assert error is not None, f"{path} was read: {value!r}"
    return error


@contextlib.contextmanager
def _bounded():
    """Raises TooSlowError after a while, and asserts that memory stayed small."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with _alarm():
            yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY, f"it took {peak:,} bytes"
    assert time.process_time() - start < SECONDS, "it took too long"


@contextlib.contextmanager
def _alarm():
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number, frame):
        raise TooSlowError(f"not done after {WAIT} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, WAIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def damaged(path, content, damage):
    """Puts something else than a good file to a path.

    Args:
        path: where; what is there is replaced.
        content: bytes of a good file.
        damage: one of `PLAIN`. Skips the test where the platform has no such thing.

    Returns:
        The path.
    """
    path.unlink(missing_ok=True)
    contents = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "wrong magic": b"\x93\xff\x00\x01" + content[4:],
        "text": b"version https://git-lfs.github.com/spec/v1\n",
    }
    if damage in contents:
        path.write_bytes(contents[damage])
    elif damage == "directory":
        path.mkdir()
    elif damage == "link loop":
        path.symlink_to(path)
    elif damage == "link to nowhere":
        path.symlink_to(path.with_name("nowhere"))
    elif damage == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this platform has no pipes in folders")
        os.mkfifo(path)
    else:
        _unreadable(path, content)
    return path


def _unreadable(path, content):
    path.write_bytes(content)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
