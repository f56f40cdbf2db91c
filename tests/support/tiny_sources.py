"""Tiny sources in their official formats, for tests without the real data."""

import pathlib
import wave

import numpy as np
import scipy.io

REAL = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


def write_mnist(root, train=60, test=30):
    """`mnist/mnist.npz`; every digit is there, pixel (0, 0) holds the row's number."""
    content = {}
    for part, count in (("train", train), ("test", test)):
        pictures = np.zeros((count, 28, 28), np.uint8)
        pictures[:] = (np.arange(count) % 256)[:, None, None]
        content[f"x_{part}"] = pictures
        content[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    (root / "mnist").mkdir(parents=True, exist_ok=True)
    np.savez_compressed(root / "mnist" / "mnist.npz", **content)


def write_svhn(root, train=20, test=10):
    """`svhn/*_32x32.mat`; label 10 is digit 0, red holds the row's number."""
    (root / "svhn").mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("test", test)):
        pictures = np.zeros((32, 32, 3, count), np.uint8)
        pictures[:, :, 0, :] = np.arange(count)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
        content = {"X": pictures, "y": labels}
        scipy.io.savemat(root / "svhn" / f"{part}_32x32.mat", content)


def write_fsdd(root, takes=range(3, 8)):
    """`fsdd/recordings/*.wav`: digit d is a tone of (d + 1) * 200 Hz."""
    folder = root / "fsdd" / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for digit in range(10):
        for take in takes:
            tone = np.sin(np.arange(2000) * 2 * np.pi * 200 * (digit + 1) / 8000)
            write_wav(folder / f"{digit}_theo_{take}.wav", tone * 0.1 * (take + 1))


def write_wav(path, signal, rate=8000, width=2):
    """`signal` of shape (samples,) or (samples, channels) in [-1, 1] as PCM."""
    signal = np.asarray(signal, np.float64)
    signal = signal[:, None] if signal.ndim == 1 else signal
    whole = np.round(signal * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        content = (whole + 128).astype(np.uint8).tobytes()
    else:
        content = whole.astype("<i8").reshape(-1, 1).view(np.uint8)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(signal.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)
