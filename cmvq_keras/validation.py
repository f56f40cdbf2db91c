"""Checks at the door that several readers share."""

import difflib


def one_of(value, known, what):
    """`value` if it is one of `known`.

    Args:
        value: what the caller gave.
        known: iterable of the valid names.
        what: what the value is, for the message, e.g. "split".

    Raises:
        ValueError: with the nearest valid name and all of them.
    """
    known = list(known)
    if value in known:
        return value
    close = difflib.get_close_matches(str(value), known, n=1, cutoff=0.4)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise ValueError(f"Unknown {what} {value}. {hint}Known: {', '.join(known)}.")


def check_limit(limit):
    """Raises ValueError unless `limit` is None or a whole number from 1 up."""
    if limit is not None and not (isinstance(limit, int) and limit >= 1):
        raise ValueError(f"`limit` must be an integer >= 1. Received: {limit!r}")


def check_data_settings(data):
    """Raises ValueError for a `data.seed` or `data.validation_share` out of range.

    A setting that the recipe does not have is not looked at.
    """
    faults = []
    seed, share = data.get("seed", 0), data.get("validation_share", 0.1)
    if not (isinstance(seed, int) and 0 <= seed < 2**31):
        faults.append(f"data.seed must be in [0, 2**31). Received: {seed!r}")
    if not (isinstance(share, float) and 0 < share < 1):
        faults.append(f"data.validation_share must be in (0, 1). Received: {share!r}")
    if faults:
        raise ValueError("\n".join(faults))
