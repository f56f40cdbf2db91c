"""Pictures of one's own: upright, and with no colours that nobody sees."""

import io

import numpy as np
import pytest
from damage import outcome, refused
from PIL import Image

from cmvq_keras.data.formats import images

pytestmark = pytest.mark.once

CORNER = np.zeros((8, 8, 3), np.uint8)
CORNER[:4, :4] = 255  # the upper left


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_cameras_note_of_which_side_is_up_is_followed(
    orientation, turns, ending, tmp_path
):
    path = tmp_path / f"a{ending}"
    notes = Image.Exif()
    notes[0x0112] = orientation
    Image.fromarray(CORNER).save(path, exif=notes)
    found = images.read_image(path, (8, 8, 3))
    # The note says how the picture has to be turned to be upright.
    expected = np.rot90(CORNER, turns).astype(int)
    assert np.abs(found - expected).max() < 30


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3)])
def test_transparent_pixels_are_refused_and_an_unused_alpha_is_not(shape, tmp_path):
    path = tmp_path / "a.png"
    alpha = np.full((8, 8, 1), 255, np.uint8)
    Image.fromarray(np.concatenate([CORNER, alpha], -1)).save(path)
    found = images.read_image(path, shape)
    assert np.array_equal(found, CORNER[..., : shape[-1]])
    alpha[0, 0] = 254
    Image.fromarray(np.concatenate([CORNER, alpha], -1)).save(path)
    with pytest.raises(ValueError, match=r"a\.png .* it has transparent pixels"):
        images.read_image(path, shape)


def _photo(kind, size=(96, 64), **options):
    """The bytes of a picture with something to see everywhere."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    file = io.BytesIO()
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    picture.convert(options.pop("mode", "RGB")).save(file, kind, **options)
    return file.getvalue()


def _read(path):
    return images.read_image(path, (8, 8, 3))


def test_a_jpeg_with_a_wrong_byte_is_refused_and_pillow_reads_it(tmp_path):
    content = _photo("JPEG", quality=90)
    path = tmp_path / "a.jpg"
    start = content.index(b"\xff\xda") + 14
    decoded = refusals = 0
    for place in range(start, len(content) - 20, len(content) // 60):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with Image.open(path) as picture:
            picture.load()
        decoded += 1
        _, error = outcome(_read, path)
        refusals += error is not None
    # JPEG has no checksums: some changes give another picture that could be.
    assert decoded > 40
    assert refusals


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}])
@pytest.mark.parametrize("left", [0.3, 0.95])
def test_a_jpeg_whose_tail_is_zeros_is_refused(left, options, tmp_path):
    content = _photo("JPEG", (640, 480), quality=60, **options)
    kept = int(left * len(content))
    path = tmp_path / "a.jpg"
    path.write_bytes(content[:kept] + bytes(len(content) - kept))
    assert "is not a readable picture" in refused(_read, path)


@pytest.mark.parametrize("left", [0.3, 0.95])
def test_a_jpeg_whose_tail_is_zeros_is_refused_where_pillow_reads_it(left, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=60)
    content = file.getvalue()
    kept = int(left * len(content))
    path = tmp_path / "a.jpg"
    path.write_bytes(content[:kept] + bytes(len(content) - kept))
    with Image.open(path) as picture:
        picture.load()
    assert "its end is missing" in refused(_read, path)


def test_an_animated_png_is_refused(tmp_path):
    path = tmp_path / "a.png"
    first, *others = (Image.new("RGB", (9, 9), (value, 0, 0)) for value in (0, 90))
    first.save(path, save_all=True, append_images=others)
    assert "it has several pictures" in refused(_read, path)


def test_a_png_with_a_wrong_checksum_is_refused(tmp_path):
    content = bytearray(_photo("PNG"))
    content[content.index(b"IEND") - 5] ^= 1  # the checksum of the pixels
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with Image.open(path) as picture:
        picture.load()  # Pillow does not compare it
    assert "it is damaged" in refused(_read, path)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}])
def test_webp_is_read_whatever_its_name_and_not_when_damaged(options, tmp_path):
    content = _photo("WEBP", **options)
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with Image.open(io.BytesIO(content)) as picture:
        expected = picture.resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(_read(path), np.asarray(expected))
    path.write_bytes(content[: len(content) // 2])
    refused(_read, path)


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"optimize": True},
        {"restart_marker_blocks": 3},
        {"mode": "CMYK"},
        {"exif": b"Exif\x00\x00damaged notes"},
        {"comment": b"\xff\xd9"},
    ],
)
def test_whole_jpegs_of_every_make_are_read(sampling, options, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(
        _photo("JPEG", subsampling=sampling, **options) + b"behind its end"
    )
    with Image.open(path) as picture:
        picture = picture.convert("RGB").resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(_read(path), np.asarray(picture))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a" + bytes(20), "a GIF picture"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x00\x05\x16\x07" + bytes(99), "the AppleDouble companion"),
        (bytes(100), "zeros"),
    ],
)
def test_what_is_no_picture_is_called_what_it_is(content, kind, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    said = refused(_read, path)
    assert f"it must be a PNG, JPEG or WebP picture. Received: {kind}" in said


def test_a_pointer_of_git_lfs_says_what_to_do(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    assert "a git-lfs pointer, not the file itself. Run `git lfs pull`" in refused(
        _read, path
    )
