"""The Hugging Face Hub: where a run lies there, and its faults in one line."""

import contextlib
import dataclasses
import importlib.util
import os
import re

from cmvq_keras import fileio
from cmvq_keras.errors import DownloadError

PREFIX = "hub:"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ADDRESS = re.compile(rf"{PREFIX}({_PART}/{_PART})(?:@([A-Za-z0-9._/-]{{1,100}}))?")


@dataclasses.dataclass(frozen=True)
class Address:
    """A repository of the hub.

    Args:
        name: "owner/name".
        revision: a branch, tag or commit; None for the newest.
    """

    name: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address that `hub:owner/name` or `hub:owner/name@revision` stands for.

        Raises:
            ValueError: for a text of another form.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ValueError(
                "The address of a run must be hub:owner/name, or "
                f"hub:owner/name@revision. Received: {text}"
            )
        return cls(*found.groups())

    def __str__(self):
        return f"{PREFIX}{self.name}"


def api():
    """The hub's client, with the token that `hf auth login` or HF_TOKEN gave it.

    Raises:
        ImportError: without the package, with what to install.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ImportError(
            "This needs huggingface_hub, which is not installed. Do: pip install "
            "'cmvq-keras[hub]'"
        )
    import huggingface_hub

    return huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


@contextlib.contextmanager
def reported(address):
    """A context in which faults of the hub become a DownloadError of one line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RepositoryNotFoundError:
        raise DownloadError(
            f"{address} does not exist, or is private. Log in: hf auth login"
        ) from None
    except errors.RevisionNotFoundError:
        raise DownloadError(f"{address} has no revision {address.revision}") from None
    except Exception as error:  # those of its HTTP library have no base in common
        raise DownloadError(f"{address}: {fileio.one_line(error)}") from None
