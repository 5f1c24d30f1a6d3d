"""The tools that need nothing: the calculator, and the date and time."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from consigne.chat.tools.base import (
    Call,
    ChatTool,
    Outcome,
    ToolFailed,
    Words,
    args_of,
    said,
    schema_of,
)
from consigne.chat.tools.outside import outside
from consigne.domain import sources


class CalculateArgs(msgspec.Struct, frozen=True):
    """What the calculator is given."""

    expression: Annotated[
        str,
        Meta(
            max_length=1000,
            description="Such as '17 * 23', '(1 + 0.05) ** 10', 'sqrt(2) / 3'. Angles in radians.",
        ),
    ]


class DateArgs(msgspec.Struct, frozen=True):
    """Where the time is wanted."""

    time_zone: Annotated[
        str, Meta(max_length=64, description="IANA name such as 'Europe/Paris'; default UTC.")
    ] = "UTC"


async def _calculate(call: Call) -> Outcome:
    args = args_of(call, CalculateArgs)
    found: dict[str, str] = await outside("calculate", {"expression": args.expression}, cpu_s=3)
    exact = f" (exactly {found['exact']})" if "exact" in found else ""
    return said(f"{args.expression} = {found['value']}{exact}")


async def _date(call: Call) -> Outcome:
    args = args_of(call, DateArgs)
    try:
        zone = ZoneInfo(args.time_zone)
    except (ValueError, OSError, KeyError):
        raise ToolFailed(f"There is no time zone {args.time_zone!r}.") from None
    now: datetime = sources.now().astimezone(zone)
    week = now.isocalendar()
    return said(
        f"{now:%A}, {now.date().isoformat()}, {now:%H:%M:%S} in {args.time_zone} "
        f"(UTC{now:%z}; week {week.week} of {week.year}, day {now:%j} of the year)"
    )


CALCULATOR = ChatTool(
    name="calculate",
    title=Words("Calculator", "Calculatrice"),
    description="Evaluate an arithmetic expression exactly. Use it for any sum you can't be sure "
    "of. Knows + - * / // % **, parentheses, pi, e, sqrt, exp, ln, log, sin, round, factorial…",
    input_schema=schema_of(CalculateArgs),
    run=_calculate,
    read_only=True,
    timeout_s=10,
)

DATE = ChatTool(
    name="date_and_time",
    title=Words("Date and time", "Date et heure"),
    description="Return today's date, the day of the week and the time.",
    input_schema=schema_of(DateArgs),
    run=_date,
    read_only=True,
)
