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
@click.option(
    "--packages",
    help="Packages to bring as well, with what they need: numpy,pandas,matplotlib",
)
@click.option("--packages-from", help="A folder or an address that has Pyodide's files.")
@click.pass_context
def install(
    ctx: click.Context,
    what: str,
    archive: Path | None,
    packages: str | None,
    packages_from: str | None,
) -> None:
    """Install Python for the readers' browsers (Pyodide, 13 MB); restart the service then.

    With --packages, what is installed already stays as it is.
    """
    from consigne.chat.tools import python_package, python_wheels

    data_dir = settings_of(ctx).data_dir
    folder = python_package.installed(data_dir)
    if folder is None or archive is not None or not packages:
        folder = python_package.install(data_dir, archive)
    brought = ""
    if packages:
        names = [name for name in packages.split(",") if name.strip()]
        source = packages_from or python_wheels.PUBLISHED
        new = python_wheels.bring(folder, names, source, _tell)
        brought = f" with {', '.join(new)}" if new else ""
    click.echo(
        f"Installed {what} {python_package.VERSION}{brought} in {folder}. Restart the service."
    )


def _tell(package: str) -> None:
    click.echo(f"Bringing {package} …", err=True)
