"""How many CREMA-D clips one core prepares a second, and what a worker's memory is.

    OMP_NUM_THREADS=1 python -m benchmarks.prepare_speed

Makes clips that look like the official ones (FLV, 480 x 360, 30 pictures per second,
2.5 seconds, Sorenson H.263 and MP3 at 44.1 kHz), decodes each to one frame and its mel
spectrogram in this one process, and prints a line of a Markdown table.
"""

import argparse
import pathlib
import resource
import sys
import tempfile
import time

import av
import numpy as np

from cmvq_keras.data.datasets.crema_d.clips import LIMITS, RATE, Item, Reader
from cmvq_keras.data.formats import video
from cmvq_keras.data.transforms import clips, mel

SHAPES = {"image": (128, 128, 3), "audio": (256, 256, 1)}
SECONDS, PICTURES, SIZE = 2.5, 30, (480, 360)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=20, help="how many are made")
    parser.add_argument("--rounds", type=int, default=10, help="the best one counts")
    parser.add_argument("--frames", type=int, default=1, help="of every clip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"{seed}.flv" for seed in range(options.clips)]
        for seed, path in enumerate(paths):
            write_clip(path, seed)
        offsets = clips.draw_offsets("clip", (-15, 15), options.frames, seed=0)
        items = [
            Item(str(path), None, offsets if options.frames > 1 else (0,))
            for path in paths
        ]
        size = sum(path.stat().st_size for path in paths) / len(paths)
        rate = len(items) / best(Reader(**SHAPES), items, options.rounds)
        parts = {
            "open": _open,
            "frame": Reader(image=SHAPES["image"]),
            "sound": _sound,
            "mel": _mel(paths[0]),
        }
        spent = {
            name: 1000 * best(read, items, options.rounds) / len(items)
            for name, read in parts.items()
        }
    text = ", ".join(f"{name} {each:.1f}" for name, each in spent.items())
    print("| clips/s a core | frames a clip | kB a clip | ms a clip | MB a process |")
    print("|---|---|---|---|---|")
    print(
        f"| {rate:.0f} | {options.frames} | {size / 1000:.0f} | {text} | "
        f"{peak_megabytes():.0f} |"
    )


def best(read, items, rounds):
    """Processor seconds of the fastest round; others on the machine do not count."""
    times = []
    for _ in range(rounds + 1):
        start = time.process_time()
        for item in items:
            read(item)
        times.append(time.process_time() - start)
    return min(times[1:])


def write_clip(path, seed):
    """One clip: a textured picture that moves, and noise with a tone."""
    generator = np.random.default_rng(seed)
    with av.open(str(path), "w", format="flv") as container:
        pictures = container.add_stream("flv", rate=PICTURES)
        pictures.width, pictures.height = SIZE
        pictures.pix_fmt, pictures.bit_rate = "yuv420p", 400_000
        sound = container.add_stream("libmp3lame", RATE, layout="mono")
        for frame in _pictures(generator):
            container.mux(pictures.encode(frame))
        for block in _blocks(generator):
            container.mux(sound.encode(block))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))


def _pictures(generator):
    width, height = SIZE
    coarse = generator.integers(0, 255, (height // 20, width // 20, 3), np.uint8)
    texture = coarse.repeat(20, axis=0).repeat(20, axis=1)
    for number in range(round(SECONDS * PICTURES)):
        grain = generator.integers(-6, 7, texture.shape)
        picture = np.clip(np.roll(texture, 2 * number, axis=1) + grain, 0, 255)
        frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
        frame.pts = number
        yield frame


def _blocks(generator):
    time_axis = np.arange(round(SECONDS * RATE)) / RATE
    signal = 0.3 * np.sin(2 * np.pi * 220 * time_axis)
    signal = (signal + generator.normal(0, 0.01, len(signal))).astype(np.float32)
    for start in range(0, len(signal), 1152):
        values = signal[None, start : start + 1152]
        block = av.AudioFrame.from_ndarray(values, format="fltp", layout="mono")
        block.sample_rate, block.pts = RATE, start
        yield block


def _open(item):
    with video.open_clip(item.clip, LIMITS):
        pass


def _sound(item):
    with video.open_clip(item.clip, LIMITS) as clip:
        return clips.mono(clip, RATE)


def _mel(path):
    signal = _sound(Item(str(path), None))
    return lambda item: mel.decibels(signal, RATE, SHAPES["audio"])


def peak_megabytes():
    """The most memory that this process had, with the clips that it made."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
