"""Data sets in untrusted HDF5 files, read a slice at a time.

Chunks are unpacked here, not by HDF5: what HDF5 does not find it gives as zeros, and
it takes as much memory as a damaged chunk unpacks to.
"""

import itertools
import math
import zlib

import numpy as np

from cmvq_keras.fileio import ZLIB_RATIO

MAX_CHUNK = 2**26  # bytes that one chunk takes in memory
_DEFLATE, _SHUFFLE = 1, 2


def open_dataset(file, name, shape, dtype):
    """A data set at the file's root, checked before any of its values is read.

    Args:
        file: an open `h5py.File`.
        name: the data set's.
        shape: of one slice of the first axis.
        dtype: its `numpy.dtype`.

    Returns:
        `h5py.Dataset`.

    Raises:
        ValueError: when it is absent, a link, in other files, packed in an unknown
            way, or of another shape or type.
    """
    found = own_dataset(file, name)
    if found.shape is None or found.shape[1:] != shape or found.dtype != dtype:
        raise ValueError(
            f"{name} must be (n, {', '.join(map(str, shape))}) {dtype.name}. "
            f"Received: {found.shape} {found.dtype}"
        )
    _check_storage(found, name)
    return found


def own_dataset(group, name):
    """A data set that lies in the file itself; nothing of it is read.

    Args:
        group: an open `h5py.Group`.
        name: the data set's, in that group.

    Raises:
        ValueError: when it is absent, a link, no data set, or in other files.
    """
    from h5py import Dataset, HardLink  # slow to import

    link = group.get(name, getlink=True)
    if link is None:
        raise ValueError(f"it lacks the data set {name}")
    # Links and external storage could name any file of this machine.
    if not isinstance(link, HardLink):
        raise ValueError(f"{name} is a link")
    found = group[name]
    if not isinstance(found, Dataset):
        raise ValueError(f"{name} is not a data set")
    if found.is_virtual or found.external:
        raise ValueError(f"{name} lies in other files")
    return found


def whole_dataset(group, name):
    """As `own_dataset`, with all its bytes in the file: as large as it says it is.

    Raises:
        ValueError: also for one that is packed, in chunks, or of which a part is not
            stored.
    """
    found = own_dataset(group, name)
    if found.chunks is not None or _filters(found):
        raise ValueError(f"{name} is packed, or in chunks")
    stored = found.id.get_storage_size()
    if found.shape is None or stored != found.nbytes:
        raise ValueError(f"{name} is {found.shape} {found.dtype}, in {stored:,} bytes")
    return found


def finite_values(dataset, name):
    """All values of a `whole_dataset`; a ValueError where one is not finite."""
    values = dataset[()]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite. Received: NaN or infinity")
    return values


def _check_storage(found, name):
    if found.chunks is None:
        if _filters(found):
            raise ValueError(f"{name} is packed, but not in chunks")
        return
    if _chunk_bytes(found) > MAX_CHUNK:
        raise ValueError(
            f"{name} has chunks of {_chunk_bytes(found):,} bytes, above {MAX_CHUNK:,}"
        )
    unknown = set(_filters(found)) - {_DEFLATE, _SHUFFLE}
    if unknown:
        raise ValueError(f"{name} is packed with unknown filters: {unknown}")


def _chunk_bytes(dataset):
    return math.prod(dataset.chunks) * dataset.dtype.itemsize


def _filters(dataset):
    """Numbers of the filters, in the order in which they packed a chunk."""
    settings = dataset.id.get_create_plist()
    return [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]


def read_slice(dataset, row):
    """One slice of the first axis; nothing else of the file is read.

    Args:
        dataset: from `open_dataset`.
        row: position on its first axis.

    Returns:
        Array of `dataset.shape[1:]`.

    Raises:
        ValueError, or another of h5py's errors: for damaged files, and for a slice of
            which a part is not stored.
    """
    if dataset.chunks is None:
        if dataset.id.get_storage_size() != dataset.nbytes:
            raise ValueError("it is not stored as a whole")
        return dataset[row]
    filters = _filters(dataset)
    values = np.empty(dataset.shape[1:], dataset.dtype)
    first, *steps = dataset.chunks
    starts = (
        range(0, size, step) for size, step in zip(values.shape, steps, strict=True)
    )
    for corner in itertools.product(*starts):
        chunk = _chunk(dataset, (row - row % first, *corner), filters)
        place = tuple(map(slice, corner, np.add(corner, steps)))
        part = values[place]
        # A chunk at the border is stored whole.
        part[...] = chunk[row % first][tuple(map(slice, part.shape))]
    return values


def read_whole(dataset):
    """All values of a data set whose storage was checked; see `read_slice`."""
    if dataset.chunks is None:
        if dataset.id.get_storage_size() != dataset.nbytes:
            raise ValueError("it is not stored as a whole")
        return dataset[()]
    filters, values = _filters(dataset), np.empty(dataset.shape, dataset.dtype)
    starts = (
        range(0, size, step)
        for size, step in zip(values.shape, dataset.chunks, strict=True)
    )
    for corner in itertools.product(*starts):
        part = values[tuple(map(slice, corner, np.add(corner, dataset.chunks)))]
        chunk = _chunk(dataset, corner, filters)
        part[...] = chunk[tuple(map(slice, part.shape))]
    return values


def check_storage(found, name, max_bytes):
    """Raises ValueError for a data set that is too large, packed in an unknown way, or
    of which the file's own bytes cannot hold what it states."""
    if found.shape is None or found.nbytes > max_bytes:
        raise ValueError(
            f"{name} takes more than {max_bytes:,} bytes, or has no values"
        )
    _check_storage(found, name)
    stored = found.id.get_storage_size()
    if found.nbytes > ZLIB_RATIO * max(stored, 1):
        raise ValueError(f"{name} states an impossible size")


def _chunk(dataset, corner, filters):
    """A chunk's values; an error if it is not stored."""
    wanted = _chunk_bytes(dataset)
    # Packing adds a few bytes to what does not shrink; h5py refuses more than fits.
    room = np.empty(wanted + wanted // 100 + 100, np.uint8)
    skipped, data = dataset.id.read_direct_chunk(corner, out=room)
    for position, kind in reversed(list(enumerate(filters))):
        if skipped >> position & 1:
            continue
        data = _inflated(data, wanted) if kind == _DEFLATE else _sorted(dataset, data)
    if len(data) != wanted:
        raise ValueError(f"a chunk has {len(data):,} bytes, not {wanted:,}")
    return np.frombuffer(data, dataset.dtype).reshape(dataset.chunks)


def _inflated(data, wanted):
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, wanted + 1)
    except zlib.error as error:
        raise ValueError(f"a chunk is damaged ({error})") from None
    # At the end lies the checksum.
    if not unpacker.eof:
        raise ValueError(f"a chunk is damaged, or has more than {wanted:,} bytes")
    return unpacked


def _sorted(dataset, data):
    """Undoes the shuffle: first bytes of all values, then second ones, and so on."""
    size = dataset.dtype.itemsize
    if len(data) % size:
        raise ValueError("a chunk is damaged")
    return np.frombuffer(data, np.uint8).reshape(size, -1).T.tobytes()
