"""Clips: pictures that share a network, and times that are told apart."""

import numpy as np
import pytest
from keras import ops

from cmvq_keras.data import kinds, tables
from cmvq_keras.networks import VideoDecoder, VideoEncoder

STRIDES = ((2, 2),)


def clips(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3, 8, 8, 1)).astype("uint8")


def test_a_clip_becomes_a_grid_and_comes_back():
    encoder = VideoEncoder(8, STRIDES, 6)
    decoder = VideoDecoder(3, 1, 8, STRIDES)
    x = clips(2) / np.float32(255)
    grid = encoder(x)
    assert grid.shape == (2, 4, 4, 6)
    assert encoder.compute_output_shape(x.shape)[1:] == (4, 4, 6)
    assert decoder(grid).shape == (2, 3, 8, 8, 1)


def test_samples_do_not_mix_and_times_do():
    encoder = VideoEncoder(8, STRIDES)
    x = clips(2) / np.float32(255)
    before = ops.convert_to_numpy(encoder(x))
    changed = x.copy()
    changed[0, 2, 7, 7] += 1
    after = ops.convert_to_numpy(encoder(changed))
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)
    np.testing.assert_allclose(after[0, 0, 0], before[0, 0, 0], atol=1e-6)
    assert np.abs(after[0, 3, 3] - before[0, 3, 3]).max() > 1e-6
    reverse = ops.convert_to_numpy(encoder(x[:, ::-1]))
    assert np.abs(reverse - before).max() > 1e-4


@pytest.mark.once
def test_clips_are_read_evenly_and_resized(tmp_path):
    av = pytest.importorskip("av", reason="writes the clip")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(11):
            values = np.full((32, 32, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(values, "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    about = kinds.get("video")
    assert about.measure([path]) == ((8, 32, 32, 3), {})
    found = about.readers({})[".mp4"](path, (3, 16, 16, 1))
    assert (found.shape, found.dtype) == ((3, 16, 16, 1), np.uint8)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), [0, 100, 200], atol=6)
    assert about.pictures(found[None] / 255, 32)[0].size == (32, 32)
    np.save(tmp_path / "clip.npy", found)
    assert tables.columns._kind_of("clip", tmp_path / "clip.npy") == "video"
