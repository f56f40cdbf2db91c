"""What a figure of a report is: numbers or samples of a run as pictures."""

import base64
import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Args:
        name: of its file, without the ending.
        title: what it shows.
        png: bytes.
        sounds: `(title, WAV bytes)`, to play below it.
    """

    name: str
    title: str
    png: bytes
    sounds: tuple = ()

    @property
    def source(self):
        """The picture as a data URI."""
        return data_uri("image/png", self.png)


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
