"""Archives of a download: a damaged one is refused, or only its good names unpacked."""

import gzip
import io
import re
import shutil
import tarfile

import pytest
from damage import EXAMPLES, refused, try_mutations

from cmvq_keras.data.formats import archives

pytestmark = pytest.mark.once

PATTERN = r"[0-9]_[a-z]+_[0-9]{1,2}\.wav"
BLOCK = 512  # bytes


def _tar():
    content = io.BytesIO()
    names = ("a/3_theo_1.wav", f"a/{'long' * 30}.txt", "a/3_theo_2.wav")
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 300
            archive.addfile(member, io.BytesIO(bytes(300)))
    return content.getvalue().rstrip(b"\0").ljust(BLOCK * 12, b"\0")


def _with_checksums(content):
    """Packed; what looks like a header has the checksum of its damaged content."""
    blocks = []
    for start in range(0, len(content), BLOCK):
        block = bytearray(content[start : start + BLOCK])
        if block[257:262] == b"ustar" and len(block) == BLOCK:
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
        blocks.append(bytes(block))
    return gzip.compress(b"".join(blocks), 1)


def _unpack(path):
    folder = path.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        archives.unpack(path, folder, PATTERN)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return folder


def _is_flat(folder):
    assert [path.name for path in folder.parent.iterdir()].count("unpacked") == 1
    for path in folder.iterdir():
        assert path.is_file()
        assert not path.is_symlink()
        assert re.fullmatch(PATTERN, path.name)


PACKINGS = {"tar": _with_checksums, "tar.gz": None}


@EXAMPLES
@pytest.mark.parametrize("name", PACKINGS)
def test_a_mutated_archive_is_refused_or_unpacked_well(name, examples, tmp_path):
    wrap = PACKINGS[name]
    content = _tar() if wrap else gzip.compress(_tar())
    path = tmp_path / "a.tar.gz"
    refusals = try_mutations(_unpack, content, path, examples, _is_flat, wrap)
    print(f"{name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_a_header_takes_no_memory(kind, tmp_path):
    member = tarfile.TarInfo("a/3_theo_1.wav")
    member.type, member.size = kind, 3_000_000_000
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(2048)))
    assert "a header in it states an impossible size" in refused(_unpack, path)
