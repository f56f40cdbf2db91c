"""The command line, `cmvq`: one file a command.

Nothing here imports numpy or Keras until a command runs: `cmvq --help` answers at
once, and `--backend` is decided before Keras is imported.
"""

import click

from cmvq_keras import __version__
from cmvq_keras.cli.group import CommandGroup

#: What `cmvq` alone shows.
START = """\
cmvq trains multimodal networks and measures what each modality adds.

1. Check the installation:
     cmvq doctor
2. Train without any data, in about a minute:
     cmvq train --recipe planted --out runs/first
3. See what it learned (needs: pip install "cmvq-keras[report]"):
     cmvq report runs/first
4. Train on a table of your own files:
     cmvq train --table clips.csv

All commands: cmvq --help. Options and an example of one: cmvq train --help.
"""


@click.group(cls=CommandGroup, invoke_without_command=True)
@click.version_option(__version__, prog_name="cmvq")
@click.pass_context
def main(context):
    """Train multimodal networks and measure what each modality adds (CM-VQVAE).

    \b
    cmvq train --recipe planted

    This first run needs no data. CMVQ_DEBUG=1 shows the traceback of an error.
    """
    if context.invoked_subcommand is None:
        click.echo(START, nl=False)
