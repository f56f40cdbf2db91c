"""Checks at the door, and the words in which they refuse."""

import difflib
import numbers


def nearest(name, known, cutoff=0.4):
    """The known name that a wrong one is likely meant to be, or None.

    Args:
        name: what the caller gave.
        known: iterable of the valid names.
        cutoff: how alike they have to be, in [0, 1]; at 0 there always is one.
    """
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(name, known, all_of_them="Known"):
    """A sentence with the nearest known name, or with all of them; "" for none."""
    known = list(known)
    close = nearest(name, known)
    if close is not None:
        return f"Did you mean {close}?"
    return f"{all_of_them}: {', '.join(map(str, known))}." if known else ""


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
    close = nearest(value, known)
    hint = f"Did you mean {close}? " if close else ""
    shown = value if str(value).isprintable() else repr(value)
    raise ValueError(f"Unknown {what} {shown}. {hint}Known: {', '.join(known)}.")


def must_be(name, wanted, value):
    """The sentence that refuses a value: `name` must be `wanted`. Received: ..."""
    return f"{name} must be {wanted}. Received: {value!r}"


def in_range(value, name, interval, kind=float):
    """`value` if it is a number in a range.

    Args:
        value: what the caller gave.
        name: the argument's or setting's, for the message.
        interval: as mathematics writes it, e.g. "[0, 1)"; "(0, inf)" has no end.
            `2**31` may stand for a bound.
        kind: float, or int for whole numbers.

    Raises:
        ValueError: with the range and the value.
    """
    if lies_in(value, interval, kind):
        return value
    raise ValueError(must_be(name, interval_in_words(interval, kind), value))


def lies_in(value, interval, kind=float):
    """Whether a value is a number of that kind in an interval, as in `in_range`."""
    kinds = numbers.Real if kind is float else numbers.Integral
    if not isinstance(value, kinds) or isinstance(value, bool):
        return False
    low, high = map(_bound, interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low  # pyright: ignore
    below = value <= high if interval[-1] == "]" else value < high  # pyright: ignore
    return above and below


def interval_in_words(interval, kind=float):
    """An interval as messages name it."""
    if interval.endswith(" inf)"):
        sign = ">=" if interval[0] == "[" else ">"
        what = "an integer" if kind is int else "a number"
        return f"{what} {sign} {interval[1:-1].split(',')[0]}"
    return f"an integer in {interval}" if kind is int else f"in {interval}"


def _bound(text):
    base, _, exponent = text.strip().partition("**")
    return int(base) ** int(exponent) if exponent else float(base)


def masked_fault(values, name, remedy="Fill them in: x.filled(value)"):
    """A sentence on a masked array, of which the masked entries would count as values;
    None for arrays without."""
    import numpy as np

    if not np.ma.is_masked(values):
        return None
    return (
        f"{name} must have no masked entries. Received: {np.ma.count_masked(values)} "
        f"of them. {remedy}"
    )


def modality_name_faults(names):
    """One line for each name of a modality that another one's history would use."""
    # Keras's history holds the validation values of X under val_X.
    return [
        f"a modality must not have the name val_{name} beside {name}: they would share "
        "columns of the history"
        for name in names
        if f"val_{name}" in names
    ]


def check_limit(limit):
    """Raises ValueError unless `limit` is None or a whole number from 1 up."""
    if limit is not None:
        in_range(limit, "`limit`", "[1, inf)", int)


def check_data_settings(data):
    """Raises ValueError for a `data.seed` or `data.validation_share` out of range.

    A setting that the recipe does not have is not looked at.
    """
    faults = []
    for name, usual, interval, kind in (
        ("seed", 0, "[0, 2**31)", int),
        ("validation_share", 0.1, "(0, 1)", float),
    ):
        try:
            in_range(data.get(name, usual), f"data.{name}", interval, kind)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("\n".join(faults))
