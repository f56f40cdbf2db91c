"""Whether a listing is the one of before, raw files included, without reading them."""

import dataclasses
import hashlib
import os
import pathlib

import numpy as np


def fingerprint(listing):
    """SHA-256 of what a listing says and of the sizes and times of its files.

    Two equal ones are decoded to the same values, as far as can be told without
    reading: the files are those whose paths the items hold.

    Args:
        listing: a `cmvq_keras.data.listing.Listing`.
    """
    digest = hashlib.sha256()
    labels = None if listing.labels is None else np.asarray(listing.labels).tolist()
    columns = {key: list(map(str, words)) for key, words in listing.attributes.items()}
    said = (list(map(str, listing.names)), labels, columns, listing.disjoint)
    digest.update(repr((said, listing.skipped)).encode())
    for group in listing.groups:
        units = None if group.units is None else np.asarray(group.units).tolist()
        digest.update(repr(units).encode())
        for item in group.items:
            digest.update(repr(_about(item)).encode())
    return digest.hexdigest()


def _about(item):
    """What tells an item from another: plain values only, whose text is stable."""
    if isinstance(item, pathlib.PurePath):
        return _stamps(item)
    if isinstance(item, list | tuple):
        return [_about(each) for each in item]
    if dataclasses.is_dataclass(item):
        fields = dataclasses.fields(item)
        return [_about(getattr(item, field.name)) for field in fields]
    if isinstance(item, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(item)).hexdigest()  # pyright: ignore
    if item is None or isinstance(item, str | int | float | np.number):
        return str(item)
    return type(item).__name__


def _stamps(path):
    """A file's path, size and time; of a folder those of what lies in it, too."""
    try:
        stamps = [(str(path), *_size_and_time(path.stat()))]
        if path.is_dir():
            with os.scandir(path) as entries:
                stamps += sorted((e.name, *_size_and_time(e.stat())) for e in entries)
    except OSError:
        return str(path)  # reported when it is decoded
    return stamps


def _size_and_time(about):
    return about.st_size, about.st_mtime_ns
