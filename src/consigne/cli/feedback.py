"""``consigne feedback``: what people think of answers, as data to train on."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from consigne.cli.store import on_database
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.store.db import Database


@click.group()
def feedback() -> None:
    """Read what people think of the answers."""


@feedback.command()
@click.option(
    "--form",
    type=click.Choice(["ratings", "pairs"]),
    default="ratings",
    show_default=True,
    help="One line for each opinion, or for each disliked answer beside a liked one.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, replaced once it is whole (default: standard output).",
)
@click.option("--organisation", default="", help="Its id (default: the first).")
@click.pass_context
def export(ctx: click.Context, form: str, output: Path | None, organisation: str) -> None:
    """Write the feedback as lines of JSON, for training."""
    if output is None:
        _write(ctx, sys.stdout.buffer, form, organisation)
        return
    partial = output.with_name(f"{output.name}.partial")
    try:
        with partial.open("wb") as file:
            written = _write(ctx, file, form, organisation)
        partial.replace(output)
    except OSError as error:
        raise OperatorError(f"Can't write {output}: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"{written} lines written to {output}.", err=True)


def _write(ctx: click.Context, file: BinaryIO, form: str, organisation: str) -> int:
    import msgspec

    from consigne.business.home import find_home
    from consigne.chat.feedback import FORMS, Feedback

    async def work(db: "Database") -> int:
        async with db.reading() as session:
            home = await find_home(session)
        wanted = organisation or (home.organisation_id if home else "")
        count = 0
        async for record in Feedback(db).export(wanted, FORMS[FORMS.index(form)]):
            file.write(msgspec.json.encode(record) + b"\n")
            count += 1
        return count

    return on_database(ctx, work)
