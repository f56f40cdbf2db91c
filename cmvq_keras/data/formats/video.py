"""Pictures and sound of untrusted clips (FLV, AVI), through PyAV.

A clip is read into memory as a whole and given to FFmpeg with the format that its
first bytes say: a file that pretends to be a playlist cannot name others.
"""

import contextlib
import dataclasses
import io

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.formats import containers, sound_frames, strict

ENDINGS = (".flv", ".avi", ".mp4", ".mov", ".mkv", ".webm")
CUT_SECONDS = 0.5  # a clip that ends that much before its stated end is cut
MIN_SECONDS = 0.4  # no expression is shorter: what is left of a cut clip
MAX_PACKETS = 1000  # a second, of pictures and sound
FRAME_RATES = (5, 120)  # pictures per second; others are damage


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is refused before memory is taken.

    Args:
        max_bytes: of the file.
        max_pixels: of one picture.
        max_seconds: of the clip.
    """

    max_bytes: int = 256_000_000
    max_pixels: int = 1920 * 1080
    max_seconds: float = 60.0


@contextlib.contextmanager
def open_clip(path, limits):
    """A clip for a `with` block.

    Args:
        path: a file in FLV, AVI, MP4 or Matroska, whatever its name.
        limits: `Limits`.

    Yields:
        A `Clip`.

    Raises:
        ValueError: in one line, with the path: for everything that is wrong with the
            file, now or while its pictures and sound are decoded; whatever is raised
            within the block becomes one.
        OSError: if the file is not there, or cannot be read.
    """
    import av

    with fileio.opened(path, "clip", limits.max_bytes) as file:
        content = file.read()
        with av.open(
            io.BytesIO(content),
            format=containers.container(content),
            metadata_errors="replace",
            container_options={"max_streams": "8"},
        ) as container:
            yield Clip(container, limits)


class Clip:
    """One clip, its packets in memory; see `open_clip`.

    Attributes:
        duration: seconds: the stated ones, else pictures by their rate.
        frame_count: pictures that a player shows, counted: FLV does not state it, and
            an edit list of MP4 hides some. By packets; `frames_around_middle` corrects
            it where the decoder gives another number.
        rate: pictures per second.
        size: `(height, width)` in pixels.
    """

    def __init__(self, container, limits):
        # PyAV gives no codec context for a codec that it does not know.
        known = [each for each in container.streams if each.codec_context]
        self._video = next((each for each in known if each.type == "video"), None)
        self._audio = next((each for each in known if each.type == "audio"), None)
        if self._video is None:
            raise ValueError("it has no pictures that can be decoded")
        self._limits = limits
        self._check_pixels()
        strict.make_strict(self._video.codec_context, max_pixels=str(limits.max_pixels))
        if self._audio is not None:
            strict.make_strict(self._audio.codec_context)
        self._packets = self._demux(container)
        self.frame_count = sum(map(_is_shown, self._packets[self._video.index]))
        if not self.frame_count:
            raise ValueError("it has no pictures")
        self.rate = self._rate()
        self.duration = self._duration(container)
        self._check_gaps(self._video, "new picture")

    @property
    def size(self):
        context = self._video.codec_context
        return context.height, context.width

    def frames(self, numbers):
        """Pictures by number, counted from 0.

        The whole clip is decoded: a number means the same picture in every codec, and
        damage anywhere in it is met.

        Args:
            numbers: sequence of whole numbers, in any order.

        Returns:
            List of `(height, width, 3)` uint8, in the order of `numbers`.

        Raises:
            ValueError: for a picture that is missing, and for one that a strict
                decoder refuses, whether it is among the wanted or not.
        """
        found = self._decode(set(numbers))
        missing = set(numbers) - set(found)
        if missing:
            raise ValueError(
                f"its picture {min(missing)} of {self.frame_count} is missing"
            )
        return [found[number] for number in numbers]

    def frames_around_middle(self, offsets):
        """Pictures relative to number `frame_count // 2`, counted from 0.

        Args:
            offsets: whole numbers; what is before the first or behind the last
                picture means that one.

        Returns:
            As `frames`.

        Raises:
            ValueError: as `frames`.
        """
        expected = self.frame_count
        numbers = self._numbers(offsets)
        found = self._decode(set(numbers))
        if self.frame_count != expected:
            # The decoder shows more or fewer pictures than there are packets.
            numbers = self._numbers(offsets)
            found = self._decode(set(numbers))
        return [found[number] for number in numbers]

    def _numbers(self, offsets):
        middle, last = self.frame_count // 2, self.frame_count - 1
        return [min(max(middle + offset, 0), last) for offset in offsets]

    def _decode(self, wanted):
        """Pictures by number; all are decoded and counted, the wanted ones kept."""
        context, packets = self._video.codec_context, self._packets[self._video.index]
        found, count = {}, 0
        for frame in strict.decoded(context, packets, "a picture"):
            self._check_picture(frame, count)
            if count in wanted:
                found[count] = frame.to_ndarray(format="rgb24")
            count += 1
        if not count:
            raise ValueError("none of its pictures can be decoded")
        self.frame_count = count
        return found

    def sound(self):
        """The sound.

        Returns:
            `((channels, samples) float32 in about [-1, 1], rate in Hz)`.

        Raises:
            ValueError: without a sound, or for one that is damaged, changes its rate
                or its channels, is silent from end to end, or away for much of the
                clip's time.
        """
        if self._audio is None or not self._packets[self._audio.index]:
            raise ValueError("it has no sound")
        self._check_gaps(self._audio, "sound")
        rate = self._audio.codec_context.sample_rate
        blocks = self._blocks(rate)
        signal = sound_frames.joined(blocks)
        if not signal.any():
            raise ValueError("its sound is silent")
        return signal, rate

    def _blocks(self, rate):
        """`(channels, samples)` arrays that follow each other."""
        context, blocks, samples = self._audio.codec_context, [], 0
        packets = self._packets[self._audio.index]
        for frame in strict.decoded(context, packets, "its sound"):
            blocks.append(sound_frames.samples(frame, rate))
            samples += frame.samples
            if samples > self._limits.max_seconds * rate:
                raise ValueError(_too_long(samples / rate, self._limits))
        return blocks

    def _demux(self, container):
        """Packets by stream.

        Raises:
            ValueError: for a cut file, and for more packets than a clip can have.
        """
        streams = [each for each in (self._video, self._audio) if each is not None]
        packets = {stream.index: [] for stream in streams}
        most = int(self._limits.max_seconds * MAX_PACKETS)
        for number, packet in enumerate(container.demux(streams)):
            if number > most:
                raise ValueError(f"it has more than {most:,} parts")
            if packet.is_corrupt:
                raise ValueError("it is truncated or damaged")
            if packet.size:
                packets[packet.stream_index].append(packet)
        return packets

    def _rate(self):
        """Pictures a second: the stated ones, else by the pictures' times."""
        low, high = FRAME_RATES
        stated = self._video.average_rate or self._video.guessed_rate or 0
        end = self._end(self._video.index)
        for rate in (float(stated), (self.frame_count - 1) / end if end > 0 else 0):
            if low <= rate <= high:
                return rate
        raise ValueError(
            f"it must have {low} to {high} pictures per second. Received: "
            f"{float(stated):g}"
        )

    def _duration(self, container):
        stated = (container.duration or 0) / 1e6
        duration = stated if stated > 0 else self.frame_count / self.rate
        longest = max(duration, self.frame_count / self.rate)
        if longest > self._limits.max_seconds:
            raise ValueError(_too_long(longest, self._limits))
        if self.frame_count / self.rate < MIN_SECONDS:
            raise ValueError(f"it has only {self.frame_count} pictures")
        end = max(map(self._end, self._packets))
        if end < duration - CUT_SECONDS:
            raise ValueError(
                f"it is truncated: it ends after {end:.2f} of {duration:.2f} seconds"
            )
        return duration

    def _check_gaps(self, stream, what):
        times = {index: self._starts(index) for index in self._packets}
        check_gaps(times.pop(stream.index), times.values(), what)

    def _end(self, index):
        """Seconds at which a stream's last packet starts."""
        return float(self._starts(index).max(initial=0))

    def _starts(self, index):
        return starts(list(filter(_is_shown, self._packets[index])))

    def _check_pixels(self):
        height, width = self.size
        if not 0 < height * width <= self._limits.max_pixels:
            raise ValueError(
                f"its pictures must have up to {self._limits.max_pixels:,} pixels. "
                f"Received: {width} x {height}"
            )

    def _check_picture(self, frame, number):
        if frame.is_corrupt:
            raise ValueError(f"its picture {number} is damaged")
        if frame.rotation:
            raise ValueError(f"its pictures are rotated ({frame.rotation} degrees)")
        if (frame.height, frame.width) != self.size:
            raise ValueError(f"its picture {number} has another size")


def _is_shown(packet):
    """Whether a player shows the packet's picture: an edit list may hide it."""
    return not packet.is_discard


def _too_long(seconds, limits):
    return f"it lasts {seconds:.1f} seconds, not up to {limits.max_seconds:g}"


MOST_AWAY = 0.3  # of a clip's time without a new picture, or without sound


def starts(packets):
    """Seconds at which each of a stream's packets starts, `(n,)`."""
    times = [
        (packet.pts if packet.pts is not None else packet.dts) or 0
        for packet in packets
    ]
    bases = [packet.time_base for packet in packets]
    return np.array([float(t * base) for t, base in zip(times, bases, strict=True)])


def check_gaps(own, others, what):
    """Refuses a stream that is away for much of the clip's time.

    It would be stretched over the whole: a spectrogram by its reflections, a picture
    taken for the middle one that is not.

    Args:
        own: `(n,)` seconds at which the stream's parts start.
        others: sequence of the same of the clip's other streams.
        what: the stream, for the message.

    Raises:
        ValueError: for a gap within, before or behind it.
    """
    every = np.concatenate([own, *others])
    first, last = every.min(), every.max()
    gap = np.diff(np.sort(own), prepend=first, append=last).max()
    if gap > MOST_AWAY * (last - first):
        raise ValueError(
            f"it has no {what} for {gap:.2f} of {last - first:.2f} seconds"
        )
