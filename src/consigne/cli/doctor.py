"""``consigne doctor``: what is installed, what is loaded, what is wrong and how to mend it."""

import sys
from typing import TYPE_CHECKING

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import ConsigneError

if TYPE_CHECKING:
    from consigne.cli.checks import Finding

_MARKS = {"ok": ("ok  ", "green"), "warn": ("note", "yellow"), "bad": ("BAD ", "red")}


@click.command()
@click.option("--deep", is_flag=True, help="Also read every model file and compare its hash.")
@click.option("--network", is_flag=True, help="Also try the package index and the hub.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, deep: bool, network: bool, as_json: bool) -> None:
    """Check this installation and say how to mend what is wrong (exit code 1 if anything is)."""
    from consigne.cli import checks

    findings = [*checks.software(), *checks.machine()]
    try:
        settings = settings_of(ctx)
    except ConsigneError as error:
        findings.append(checks.Finding("settings", "bad", error.message, "Mend or remove it."))
    else:
        findings += checks.data_folder(settings.data_dir)
        findings += checks.database(settings.database_target)
        findings += checks.models(settings, deep=deep)
        findings += checks.server(settings)
    if network:
        findings += checks.network()
    _print(findings, as_json=as_json)
    if any(finding.state == "bad" for finding in findings):
        ctx.exit(1)


def _print(findings: "list[Finding]", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        body = {"ok": all(f.state != "bad" for f in findings), "findings": findings}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark, colour = _MARKS[finding.state]
        click.echo(f"{click.style(mark, fg=colour)}  {finding.name.ljust(width)}  {finding.says}")
        if finding.mend:
            click.echo(f"{' ' * (width + 8)}{finding.mend}")
