"""``GET /metrics``: what the service counts of itself, in Prometheus' text form.

Most of it is read where it lives, when somebody asks: the engines' queues, the providers' faults.
"""

import hmac
import ipaddress
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne import __version__
from consigne.api.auth import services_of
from consigne.domain.errors import NotAuthenticated, NotFound, NotPermitted
from consigne.gateway.metering import HERE, OK, OPERATIONS
from consigne.telemetry.meters import Histogram, Series

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from consigne.api.services import Services

router = APIRouter()

_PROXIED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_LABELS: Final = ("endpoint", "model", "target", "status")
_GEN_AI: Final = (
    "gen_ai_operation_name",
    "gen_ai_request_model",
    "gen_ai_provider_name",
    "error_type",
)
"""The labels of the GenAI conventions, as Prometheus writes them."""


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return the metrics to whoever may read them."""
    services = services_of(request)
    check_reader(request, services)
    from prometheus_client import ProcessCollector
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
    from prometheus_client.registry import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(services))
    ProcessCollector(registry=registry)
    body = generate_latest(registry)
    return Response(body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})


def check_reader(request: Request, services: "Services") -> None:
    """Refuse who may not read: without a token in the settings, all but this machine itself.

    A proxy on this machine is no reader of its own: what it passes on is refused, where it can be
    told, and everything is where the settings speak of a public address.

    Raises:
        NotFound: There are no metrics here.
        NotAuthenticated: The token is missing or wrong.
        NotPermitted: The reader is not this machine.
    """
    settings = services.settings.metrics
    if not settings.enabled:
        raise NotFound("The metrics are switched off here.")
    if secret := settings.secret:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {secret}".encode()):
            raise NotAuthenticated("The metrics need their token, as 'Authorization: Bearer …'.")
        return
    proxied = any(name in request.headers for name in _PROXIED)
    here = request.client is not None and _is_loopback(request.client.host)
    named = _is_loopback(request.url.hostname or "")
    if proxied or not here or not named or services.settings.server.public_url:
        raise NotPermitted(
            "The metrics are for this machine alone, until the setting metrics.token lets others "
            "read them."
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Collector:
    """Reads everything once, when Prometheus asks."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics."""
        yield _info("consigne", "The version that runs.", {"version": __version__})
        yield from self._requests()
        yield from self._work()
        yield from self._engines()
        yield from self._providers()
        yield from self._jobs()

    def _requests(self) -> "Iterator[Metric]":
        meters = self._services.usage.meters
        series = list(meters.series.items())
        yield _counter(
            "consigne_requests",
            "Requests that reached a model, and the chat's own.",
            _LABELS,
            ((labels, each.requests) for labels, each in series),
        )
        yield _counter(
            "consigne_batch_requests",
            "Those of them that came in batches.",
            _LABELS,
            ((labels, each.batch) for labels, each in series if each.batch),
        )
        tokens = (
            ((*labels[:3], kind), getattr(each, kind))
            for labels, each in _by_target(series)
            for kind in ("input", "cached", "output")
        )
        names = (*_LABELS[:3], "kind")
        told = "Tokens read (cached ones included), read from the prefix cache, and written."
        yield _counter("consigne_tokens", told, names, tokens)
        pictures = ((labels, each.images) for labels, each in _by_target(series) if each.images)
        yield _counter("consigne_images", "Pictures made.", _LABELS[:3], pictures)
        for attribute, name, told in _HISTOGRAMS:
            yield _histogram(name, told, series, attribute)
        yield _counter(
            "consigne_http_responses",
            "Answers over HTTP, by kind of path; 499 are those that their client left.",
            ("path", "status"),
            (((path, str(status)), n) for (path, status), n in list(meters.responses.items())),
        )
        for name, told, count in (
            ("written", "Records of usage in the database.", meters.records_written),
            ("lost", "Records of usage that could not be written.", meters.records_lost),
        ):
            yield _counter(f"consigne_usage_records_{name}", told, (), [((), count)])

    def _work(self) -> "Iterator[Metric]":
        traffic = self._services.gateway.traffic
        yield _gauge(
            "consigne_generations",
            "Generations under way, by whether somebody waits for them.",
            ("waited_for",),
            [(("true",), traffic.online), (("false",), traffic.background)],
        )

    def _engines(self) -> "Iterator[Metric]":
        pool = self._services.pool
        loaded = pool.loaded()
        for name, told, attribute in (
            ("running", "Requests a model is at work on.", "running"),
            ("queued", "Requests that wait for a model.", "queued"),
            ("resident_memory_bytes", "Memory of a model's process.", "rss"),
        ):
            values = [((each.id,), getattr(each, attribute)) for each in loaded]
            yield _gauge(f"consigne_engine_{name}", told, ("model",), values)
        restarts = [((model,), count) for model, count in pool.restarts.items()]
        told = "Times that a model's process was started anew after it had died."
        yield _counter("consigne_engine_restarts", told, ("model",), restarts)

    def _providers(self) -> "Iterator[Metric]":
        troubles = self._services.gateway.troubles()
        yield _counter(
            "consigne_provider_faults",
            "What went wrong at providers, by our name for it.",
            ("provider", "code"),
            (
                ((name, code), n)
                for name, each in troubles.items()
                for code, n in each.faults.items()
            ),
        )
        yield _counter(
            "consigne_provider_retries",
            "Requests sent again because a provider had closed its connection.",
            ("provider",),
            (((name,), each.retries) for name, each in troubles.items()),
        )

    def _jobs(self) -> "Iterator[Metric]":
        jobs = self._services.jobs
        yield _gauge("consigne_jobs_running", "Steps of jobs under way.", (), [((), jobs.running)])
        ended = (((how,), n) for how, n in jobs.ended.items())
        yield _counter("consigne_job_steps", "Steps of jobs that ended.", ("outcome",), ended)


_HISTOGRAMS: Final = (
    ("duration", "gen_ai_server_request_duration_seconds", "From a request to its answer's end."),
    ("first", "gen_ai_server_time_to_first_token_seconds", "Until the answer's first token."),
    ("per_token", "gen_ai_server_time_per_output_token_seconds", "Between tokens after the first."),
)

Values = Iterable[tuple[tuple[str, ...], float]]


def _by_target(
    series: Iterable[tuple[tuple[str, str, str, str], Series]],
) -> Iterator[tuple[tuple[str, str, str], Series]]:
    """Sum the series of all statuses."""
    sums: dict[tuple[str, str, str], Series] = {}
    for labels, each in series:
        total = sums.setdefault(labels[:3], Series())
        for name in ("input", "cached", "output", "images"):
            setattr(total, name, getattr(total, name) + getattr(each, name))
    yield from sums.items()


def _counter(name: str, told: str, labels: tuple[str, ...], values: Values) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, told, labels=labels)
    for each, value in values:
        family.add_metric(each, value)
    return family


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Values) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, told, labels=labels)
    for each, value in values:
        family.add_metric(each, value)
    return family


def _info(name: str, told: str, values: dict[str, str]) -> "Metric":
    from prometheus_client.core import InfoMetricFamily

    return InfoMetricFamily(name, told, value=values)


def _histogram(
    name: str,
    told: str,
    series: Iterable[tuple[tuple[str, str, str, str], Series]],
    attribute: str,
) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    summed: dict[tuple[str, ...], Histogram] = {}
    for (endpoint, model, target, status), each in series:
        error = "" if status == OK else status
        provider = "consigne" if target == HERE else target
        found: Histogram = getattr(each, attribute)
        total = summed.setdefault(
            (OPERATIONS[endpoint], model, provider, error), Histogram(found.bounds)
        )
        total.counts = [a + b for a, b in zip(total.counts, found.counts, strict=True)]
        total.total += found.total
    family = HistogramMetricFamily(name, told, labels=_GEN_AI)
    for told_labels, total in summed.items():
        if any(total.counts):
            family.add_metric(told_labels, list(_buckets(total)), total.total)
    return family


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float]]:
    count = 0
    for bound, here in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
        count += here
        yield str(bound), count
