"""``consigne tools``: bring what tools of the chat need and Consigne's package does not hold."""

from pathlib import Path

import click

from consigne.cli.context import settings_of


@click.group()
def tools() -> None:
    """Bring what tools of the chat need."""


@tools.command()
@click.argument("what", type=click.Choice(["python"]))
@click.option(
    "--from",
    "archive",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The archive of its npm package, where npm can't bring it.",
)
@click.pass_context
def install(ctx: click.Context, what: str, archive: Path | None) -> None:
    """Install Python for the readers' browsers (Pyodide, 13 MB); restart the service then."""
    from consigne.chat.tools import python_package

    folder = python_package.install(settings_of(ctx).data_dir, archive)
    click.echo(f"Installed {what} {python_package.VERSION} in {folder}. Restart the service.")
