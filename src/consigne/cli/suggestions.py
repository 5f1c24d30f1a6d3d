"""Show the models that are worth having on this machine."""

import sys
import textwrap
from datetime import date
from typing import TYPE_CHECKING

import click
import msgspec

from consigne.cli.tables import columns, print_table
from consigne.engines.downloads.steps import size
from consigne.engines.machine import this_machine
from consigne.gateway.catalogue import Suggestion, catalogue, memory_bandwidth, suggest
from consigne.gateway.image_catalogue import image_catalogue

if TYPE_CHECKING:
    from consigne.engines.library import ModelLibrary


def show(library: "ModelLibrary", *, as_json: bool) -> None:
    """Print the suggestions, as a table or as JSON."""
    machine, bandwidth = this_machine(), memory_bandwidth()
    installed = {model.id for model in library.list()}
    found = suggest(machine, bandwidth=bandwidth, installed=installed)
    if as_json:
        body = {"as_of": catalogue().as_of, "machine": machine, "suggestions": found}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
        return
    click.echo(
        f"For this machine ({machine.cores} cores, {size(machine.memory_bytes)} of memory at "
        f"{size(bandwidth)}/s), as of {_month(catalogue().as_of)}:\n"
    )
    print_table(
        ("", "name", "size", "tokens/s", "licence", "languages"),
        [_row(s) for s in found],
        right=(2, 3),
    )
    click.echo()
    for suggestion in found:
        if suggestion.recommended:
            note = f"* {suggestion.name}. {suggestion.note.en}"
            click.echo(textwrap.fill(note, columns(), subsequent_indent="  "))
            click.echo(f"  consigne models pull {suggestion.source}")


def show_images(library: "ModelLibrary", *, as_json: bool) -> None:
    """Print the image models worth having, as a table or as JSON."""
    found = image_catalogue()
    if as_json:
        body = msgspec.json.format(msgspec.json.encode(found), indent=2)
        sys.stdout.buffer.write(body + b"\n")
        return
    installed = {model.id for model in library.list()}
    print_table(
        ("", "name", "size", "pixels", "runs on", "licence"),
        [
            (
                "+" if entry.id in installed else "",
                entry.id,
                size(entry.size_bytes),
                f"{entry.width}x{entry.height}",
                "torch" if entry.gpu else "OpenVINO",
                entry.license,
            )
            for entry in found.model
        ],
        right=(2, 3),
    )
    click.echo()
    for entry in found.model:
        about = f"{entry.id}: {entry.note.en} {entry.license_url}"
        click.echo(textwrap.fill(about, columns(), subsequent_indent="  ", break_long_words=False))
    click.echo(
        f"\nLicences and sizes as they were seen in {_month(found.as_of)} (--json says what was); "
        "the licence's own text decides.\n  consigne models pull NAME"
    )


def _row(s: Suggestion) -> tuple[str, ...]:
    mark = "*" if s.recommended else "+" if s.installed else ""
    speed = f"~{s.expected_tokens_per_s:.0f}" if s.fits else "too big"
    more = f" +{len(s.languages) - 4}" if len(s.languages) > 4 else ""
    return mark, s.source, size(s.size_bytes), speed, s.license, " ".join(s.languages[:4]) + more


def _month(day: date) -> str:
    return day.strftime("%B %Y")
