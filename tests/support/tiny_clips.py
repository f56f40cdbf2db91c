"""Tiny CREMA-D and RML in their official layouts, for tests without the real clips."""

import functools
import io

import av
import numpy as np
from tiny_sources import write_wav

EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
RML_EMOTIONS = ("an", "di", "fe", "ha", "sa", "su")
# Muxer, picture codec and sound codec, as in the official files.
FLV = ("flv", "flv", "libmp3lame")
AVI = ("avi", "mpeg4", "libmp3lame")


@functools.cache
def clip(
    kind=FLV,
    size=(480, 360),
    seconds=1.5,
    rate=30,
    sample_rate=44_100,
    channels=1,
    pitch=400,
    options=(),
    away=(),
):
    """A clip's bytes: picture n is gray 40 + 3 n, its left and its bottom are black.

    Args:
        kind: muxer, codec of the pictures, codec of the sound or None for no sound.
        size: width and height in pixels.
        seconds: of pictures and of sound.
        rate: pictures per second.
        sample_rate: Hz.
        channels: 1 or 2; the second one is half as loud.
        pitch: Hz of the tone that is the sound.
        options: pairs of a muxer's options.
        away: triples: "pictures" or "sound", and from when to when it is left out.
    """
    muxer, pictures, sound = kind
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options=dict(options)) as container:
        streams = [container.add_stream(pictures, rate=rate)]
        streams[0].width, streams[0].height = size
        streams[0].pix_fmt, streams[0].bit_rate = "yuv420p", 400_000
        frames = _pictures(size, round(seconds * rate))
        if sound:
            layout = "mono" if channels == 1 else "stereo"
            streams.append(container.add_stream(sound, sample_rate, layout=layout))
            frames = _interleaved(
                frames, rate, _blocks(seconds, sample_rate, layout, pitch), sample_rate
            )
        for frame in frames:
            is_sound = isinstance(frame, av.AudioFrame)
            moment = frame.pts / (sample_rate if is_sound else rate)
            if any(
                what == ("pictures", "sound")[is_sound] and start <= moment < end
                for what, start, end in away
            ):
                continue
            stream = streams[is_sound]
            container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return file.getvalue()


def gray(number):
    """The level of picture `number`, 0 to 255."""
    return min(40 + 3 * number, 235)


def tone(seconds, sample_rate, pitch=400):
    """`(samples,)` float64: what a clip's first channel sounds like."""
    return 0.3 * np.sin(
        np.arange(round(seconds * sample_rate)) * 2 * np.pi * pitch / sample_rate
    )


def _pictures(size, count):
    width, height = size
    for number in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[: height * 7 // 9, width // 5 :] = gray(number)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        yield frame


def _blocks(seconds, sample_rate, layout, pitch):
    signal = tone(seconds, sample_rate, pitch)
    signal = np.stack([signal, signal / 2][: 1 if layout == "mono" else 2])
    for start in range(0, signal.shape[1], 1152):
        values = np.ascontiguousarray(signal[:, start : start + 1152], np.float32)
        block = av.AudioFrame.from_ndarray(values, format="fltp", layout=layout)
        block.sample_rate, block.pts = sample_rate, start
        yield block


def _interleaved(frames, rate, blocks, sample_rate):
    """Pictures and sound in the order of their times."""
    timed = [(frame.pts / rate, place, frame) for place, frame in enumerate(frames)]
    timed += [(b.pts / sample_rate, -1 - place, b) for place, b in enumerate(blocks)]
    return [frame for _, _, frame in sorted(timed, key=lambda each: each[:2])]


def crema_d_names(counts=(2, 1, 1)):
    """Official names by split, `counts` clips of every emotion in each."""
    names, actor = {}, 1001
    for split, count in zip(("train", "validation", "test"), counts, strict=True):
        actors = range(actor, actor + count)
        names[split] = [f"{who}_DFA_{what}_XX" for who in actors for what in EMOTIONS]
        actor += count
    return names


def write_crema_d(root, counts=(2, 1, 1)):
    """`crema_d/` with a few clips; an emotion has a tone of its own.

    Args:
        root: the data root.
        counts: clips of every emotion to train with, to validate, to test.

    Returns:
        The folder with the lists: what `data.split` has to be.
    """
    folder = root / "crema_d"
    for name in ("VideoFlash", "AudioWAV", "lists"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_demographics(folder / "VideoDemographics.csv")
    for split, names in crema_d_names(counts).items():
        lines = [f"{name},{name.split('_')[2]}\n" for name in names]
        (folder / "lists" / f"{split}.csv").write_text("".join(lines))
        for name in names:
            pitch = 300 + 150 * EMOTIONS.index(name.split("_")[2])
            flv = folder / "VideoFlash" / f"{name}.flv"
            flv.write_bytes(clip(pitch=pitch))
            wav = folder / "AudioWAV" / f"{name}.wav"
            write_wav(wav, tone(1.5, 16_000, pitch), 16_000)
    return folder / "lists"


def write_demographics(path, actors=range(1001, 1092)):
    """`VideoDemographics.csv`; odd numbers are male."""
    lines = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for actor in actors:
        sex = "Male" if actor % 2 else "Female"
        lines.append(f'{actor},{20 + actor % 50},"{sex}","Asian","Not Hispanic"')
    path.write_text("\n".join(lines) + "\n")


def write_rml(root, speakers=8, takes=1):
    """`rml/s1/an1.avi` and so on; the last speaker has a folder for the language."""
    for speaker in range(1, speakers + 1):
        folder = root / "rml" / f"s{speaker}"
        folder = folder / "English" if speaker == speakers else folder
        folder.mkdir(parents=True, exist_ok=True)
        for position, emotion in enumerate(RML_EMOTIONS):
            content = clip(AVI, (320, 240), 3, pitch=300 + 150 * position, channels=2)
            for take in range(1, takes + 1):
                (folder / f"{emotion}{take}.avi").write_bytes(content)
