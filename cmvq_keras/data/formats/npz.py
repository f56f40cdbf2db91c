"""Arrays from untrusted `.npy` and `.npz` files."""

import zipfile

from cmvq_keras import fileio
from cmvq_keras.data.formats import npy

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npy(path, shape):
    """One array of numbers, checked before its values are read.

    Args:
        path: a `.npy` file.
        shape: the shape that it has to have; a last axis of 1 may be left out.

    Returns:
        Array of `shape`, in the file's own dtype: bool, integer or float.

    Raises:
        ValueError: for files that are no `.npy`, hold objects, or have another
            shape.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, ".npy file") as file:
        header = npy.read_header(file, fileio.size(file))
        wanted = (shape, shape[:-1]) if shape[-1] == 1 else (shape,)
        if header.shape not in wanted:
            raise ValueError(f"it must have shape {shape}. Received: {header.shape}")
        return npy.read_values(file, header).reshape(shape)


def shape_of(path):
    """The shape of the array in a `.npy` file, from its header.

    Raises:
        ValueError, OSError: as `read_npy`.
    """
    with fileio.opened(path, ".npy file") as file:
        return tuple(npy.read_header(file, fileio.size(file)).shape)


def read_npz(path, names, max_bytes):
    """Arrays by name from a `.npz` file.

    Args:
        path: the file.
        names: of the arrays to read.
        max_bytes: the unpacked size of those arrays above which the file is
            refused.

    Raises:
        ValueError: for files that are no `.npz`, lack a name or have it twice, hold
            objects, or unpack to more than `max_bytes`.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, ".npz file") as file, zipfile.ZipFile(file) as archive:
        members = {name: _member(archive, name) for name in names}
        if sum(member.file_size for member in members.values()) > max_bytes:
            raise ValueError(f"it unpacks to more than {max_bytes:,} bytes")
        return {name: _read(archive, member) for name, member in members.items()}


def _member(archive, name):
    found = [each for each in archive.infolist() if each.filename == f"{name}.npy"]
    if len(found) != 1:
        raise ValueError(f"it has {name} twice" if found else f"it lacks {name}")
    (member,) = found
    if member.compress_type not in _PACKINGS:
        raise ValueError(f"{name} is packed in an unknown way")
    if member.file_size > fileio.ZLIB_RATIO * member.compress_size:
        raise ValueError(f"{name} states an impossible size")
    return member


def _read(archive, member):
    with archive.open(member) as content:
        return npy.read_values(content, npy.read_header(content, member.file_size))
