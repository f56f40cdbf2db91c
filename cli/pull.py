"""`cmvq pull`: a run comes from the Hugging Face Hub."""

import shlex

import click

from cmvq_keras.cli import options


@click.command("pull", short_help="Download a run from the Hugging Face Hub.")
@click.argument("address", metavar="hub:OWNER/NAME[@REVISION]")
@click.option(
    "-o",
    "--out",
    metavar="RUN",
    required=True,
    type=click.Path(file_okay=False),
    help="Run folder to write.",
)
@options.backend
def command(address, out, backend):
    """Download a run and check it; nothing stays of one that is refused.

    \b
    cmvq pull hub:me/first -o runs/first

    The weights must be those of the recipe's network. No code comes with a run. It
    needs pip install 'cmvq-keras[hub]'.
    """
    from cmvq_keras.sharing import hub

    hub.Address.parse(address)
    hub.api()
    options.start_backend(backend)
    from cmvq_keras.sharing import download

    run = download.pull(address, out)
    folder = shlex.quote(str(out))
    click.echo(f"Pulled: {run.directory} ({run.recipe.name})")
    click.echo(f"Next:\n  cmvq evaluate {folder}\n  cmvq report {folder}")
