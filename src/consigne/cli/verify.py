"""``consigne verify``: say of a picture whether it was made here, and whether it was changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consigne.cli.context import settings_of
from consigne.cli.picture_files import read_picture

if TYPE_CHECKING:
    from consigne.provenance.verifying import Finding

_WORDS = {
    "intact": "Made with Consigne, and not changed since.",
    "changed": "Made with Consigne, and changed since.",
    "stripped": "The pixels bear Consigne's mark; the signed credentials are gone or were lost.",
    "foreign": "It carries content credentials of another maker.",
    "unmarked": "Nothing in this file tells where it is from.",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, file: Path, as_json: bool) -> int:
    """Say who made a picture, with what, and whether it was changed since.

    FILE may be -, the standard input.

    The exit code is 0 for a picture of Consigne's that was not changed, 1 for any other.
    """
    import msgspec

    from consigne.business.pictures import Marker

    data = read_picture(file)
    found = Marker(settings_of(ctx)).verify(data)
    if as_json:
        body = msgspec.json.format(msgspec.json.encode(found), indent=2)
        sys.stdout.buffer.write(body + b"\n")
    else:
        _show(found)
    return 0 if found.verdict == "intact" else 1


def _show(found: "Finding") -> None:
    from consigne.cli.tables import print_fields

    click.echo(_WORDS[found.verdict])
    whose = {True: " (this installation)", False: " (not this installation)", None: ""}
    print_fields(
        {
            "signed by": f"{found.signer}{whose[found.ours]}" if found.signer else "",
            "program": found.generator,
            "model": found.model,
            "made at": found.made_at,
            "picture": found.picture_id,
            "mark": "in the pixels" if found.marked else "not found",
            "since then": "; ".join(found.changes),
            "problems": ", ".join(found.problems),
        }
    )
