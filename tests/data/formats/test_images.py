"""Pictures of one's own: upright, and with no colours that nobody sees."""

import numpy as np
import pytest
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
