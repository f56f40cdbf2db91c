"""What a figure of a report is: numbers or samples of a run as pictures."""

import base64
import collections.abc
import dataclasses

from cmvq_keras.reporting import page


@dataclasses.dataclass(frozen=True)
class Strip:
    """One sample in several versions, side by side.

    Args:
        png: bytes; the versions have equal widths.
        sounds: WAV bytes of each version, in their order; none for what is silent.
    """

    png: bytes
    sounds: tuple = ()

    @property
    def source(self):
        """The picture as a data URI."""
        return data_uri("image/png", self.png)


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of the page: a drawing of numbers, or pixels.

    Args:
        name: of its file, without the ending.
        title: what it shows.
        content: an `<svg>` element of `cmvq_keras.reporting.canvas.svg`, or the bytes
            of a PNG file.
        versions: of samples, titles of the columns of each of `strips`.
        strips: a `Strip` a sample; the page then shows these in place of `content`.
        is_wide: whether it is as large as its content says, and scrolls on a phone.
    """

    name: str
    title: str
    content: str | bytes
    versions: tuple = ()
    strips: tuple = ()
    is_wide: bool = False

    @property
    def file_name(self):
        """Of its file."""
        return f"{self.name}.{'svg' if isinstance(self.content, str) else 'png'}"

    @property
    def source(self):
        """A PNG as a data URI; None for SVG."""
        is_svg = isinstance(self.content, str)
        return None if is_svg else data_uri("image/png", self.content)

    @property
    def drawing(self):
        """SVG of our own, which a template does not escape."""
        return page.drawing(self.content)  # pyright: ignore


@dataclasses.dataclass(frozen=True)
class Figure:
    """A kind of picture that a report holds. One module holds one of them.

    Args:
        position: figures stand on the page in the order of this number.
        draw: function of an `Opened` run (`cmvq_keras.reporting.open`), its `Analysis`
            (`cmvq_keras.reporting.analysis`) and the numbers of the shown samples. It
            yields `Picture`s; none where the run has nothing to show.
    """

    position: int
    draw: collections.abc.Callable


def data_uri(kind, content):
    """Bytes as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
