"""`cmvq push`: a run goes to the Hugging Face Hub."""

import click


@click.command("push", short_help="Upload a run to the Hugging Face Hub.")
@click.argument("run", metavar="RUN", type=click.Path())
@click.argument("address", metavar="hub:OWNER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option(
    "--report",
    is_flag=True,
    help="Also upload report.html, which shows samples of the data.",
)
def command(run, address, private, report):
    """Upload the finished run folder RUN, with a card of its numbers.

    \b
    cmvq push runs/first hub:me/first

    recipe.json is uploaded as it is; environment.json without paths and command line.
    Log in first: hf auth login. It needs pip install 'cmvq-keras[hub]'.
    """
    from cmvq_keras.sharing import upload

    page = upload.push(run, address, private=private, report=report)
    click.echo(f"Pushed: {page}")
    click.echo(f"Next:\n  cmvq pull {address} -o FOLDER")
