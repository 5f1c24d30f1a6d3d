"""``consigne usage``: what was used, by whom, and what it cost; works while the server runs."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from consigne.cli.context import settings_of
from consigne.cli.store import on_database
from consigne.domain import sources
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.business.usage_report import Report, Sum
    from consigne.store.db import Database

_BY = ("day", "model", "key", "user", "endpoint")


@click.command()
@click.option(
    "--by", type=click.Choice(_BY), default="day", show_default=True, help="What is summed."
)
@click.option(
    "--since",
    metavar="TIME",
    default="30d",
    show_default=True,
    help="From when on: a day (2026-11-01, in UTC), or how long ago: 12h, 7d, 4w.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with all that is known.")
@click.option("--organisation", default="", help="Its id (default: the first).")
@click.pass_context
def usage(ctx: click.Context, /, by: str, since: str, organisation: str, *, as_json: bool) -> None:
    """Say what was used: requests, tokens, pictures, and the cost where models have prices."""
    from consigne.business.home import find_home
    from consigne.business.usage_report import BYS, UsageReport

    settings, now = settings_of(ctx).usage, sources.now()
    begin = _begin(since, now)

    async def work(db: "Database") -> "Report":
        async with db.reading() as session:
            home = await find_home(session)
        wanted = organisation or (home.organisation_id if home else "")
        what = next(each for each in BYS if each == by)
        return await UsageReport(db, settings).read(wanted, what, begin, now)

    report = on_database(ctx, work)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    elif not report.rows:
        click.echo(f"Nothing was used since {begin:%Y-%m-%d %H:%M} UTC.")
    else:
        _print(report)


def _begin(since: str, now: datetime) -> datetime:
    if found := re.fullmatch(r"([1-9][0-9]{0,3})([hdw])", since):
        unit = {"h": "hours", "d": "days", "w": "weeks"}[found[2]]
        return now - timedelta(**{unit: int(found[1])})
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise OperatorError(
            f"'{since}' is no time. Give a day such as 2026-11-01, or 12h, 7d or 4w."
        ) from None


def _print(report: "Report") -> None:
    from consigne.cli.tables import print_table

    head = [report.by, "requests", "failed", "input", "cached", "output"]
    shows_images, shows_cost = report.total.images > 0, report.total.cost is not None
    head += ["images"] if shows_images else []
    head += [report.currency] if shows_cost else []

    def row(name: str, each: "Sum") -> list[str]:
        counts = (
            each.requests,
            each.failed,
            each.input_tokens,
            each.cached_tokens,
            each.output_tokens,
        )
        cells = [name, *(f"{count:,}" for count in counts)]
        cells += [f"{each.images:,}"] if shows_images else []
        return cells + ([_money(each.cost)] if shows_cost else [])

    rows = [row(each.name or _NAMELESS[report.by], each) for each in report.rows]
    if report.more:
        rows.append(["…", *[""] * (len(head) - 1)])
    rows.append(row("all", report.total))
    print_table(head, rows, right=range(1, len(head)))


_NAMELESS = {"key": "(the chat)", "user": "(keys)", "model": "", "day": "", "endpoint": ""}


def _money(micros: int | None) -> str:
    """Return an amount with as many decimals as it needs, two at least."""
    if micros is None:
        return "–"
    text = f"{micros // 1_000_000:,}.{micros % 1_000_000:06d}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.partition(".")[2]))
