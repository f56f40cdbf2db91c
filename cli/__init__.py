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
    """Train multimodal networks and measure what each modality adds (CM-VQVAE).

    \b
    cmvq train --recipe planted

    This first run needs no data. CMVQ_DEBUG=1 shows the traceback of an error.
    """
