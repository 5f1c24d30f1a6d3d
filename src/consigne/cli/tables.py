"""Plain tables for a terminal: aligned, no lines, readable by people and by ``awk``."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

import click


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Print rows under a head; the columns numbered in ``right`` are aligned to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for number, row in enumerate((head, *rows)):
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        line = "  ".join(cells).rstrip()
        click.echo(click.style(line, dim=number == 0))


def print_fields(fields: Mapping[str, str]) -> None:
    """Print names and values in two columns; empty values are left out."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        if value:
            click.echo(f"{click.style(name.ljust(width), dim=True)}  {value}")


def columns() -> int:
    """Return the width to write in: the terminal's, or 100 where there is none."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size((100, 24)).columns
    return 100
