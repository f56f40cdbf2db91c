"""The command line, `cmvq`: one file a command.

Nothing here imports numpy or Keras until a command runs: `cmvq --help` answers at
once, and `--backend` is decided before Keras is imported.
"""

import click

from cmvq_keras import __version__
from cmvq_keras.cli.group import CommandGroup


@click.group(cls=CommandGroup)
@click.version_option(__version__, prog_name="cmvq")
def main():
    """Train multimodal networks and see what each modality gives (CM-VQVAE).

    `cmvq train --recipe planted` needs no data and is a good first run.
    Set CMVQ_DEBUG=1 to see the full traceback of an error.
    """
