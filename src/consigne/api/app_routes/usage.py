"""What was used, for those who look after the organisation."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Administrator
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import Out
from consigne.api.auth import services_of
from consigne.business.usage_report import MOST_DAYS, By, last_days
from consigne.domain import sources

router = APIRouter(tags=["Usage"])


class UsageSum(Out):
    """What the requests of one day, model, key, person or kind of call used."""

    id: str
    name: str
    requests: int
    failed: int
    cancelled: int
    input_tokens: int
    cached_tokens: int
    cache_creation_tokens: int
    output_tokens: int
    reasoning_tokens: int
    images: int
    cost: int | None
    """In micro-units of the currency."""


class UsageReport(Out):
    """The sums of some days."""

    by: By
    since: datetime
    until: datetime
    currency: str
    total: UsageSum
    rows: list[UsageSum]
    more: bool


@router.get("/usage", response_model=UsageReport)
async def read_usage(
    request: Request,
    caller: Administrator,
    by: By = "day",
    days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 30,
) -> Response:
    """Sum what your organisation used in the last days, today's included, in UTC."""
    services, now = services_of(request), sources.now()
    await services.usage.flush()
    since = last_days(days, now)
    return reply(await services.usage_report.read(caller.organisation_id, by, since, sources.now()))
