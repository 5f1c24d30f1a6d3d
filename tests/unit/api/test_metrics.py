"""Metrics and spans: true figures, bounded labels, and no reader whom the operator did not mean."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from consigne.api import errors, metrics
from consigne.domain.errors import UpstreamFailed
from consigne.engines.pool import EnginePool
from consigne.jobs.runtime import Jobs
from consigne.settings import EngineSettings, MetricsSettings, ServerSettings, Settings
from consigne.telemetry.meters import MOST_SERIES, OTHER, SPEEDS, Meters
from doubles.scripted import START, text
from support.usage import Metered

CHAT = {"model": "small", "messages": [{"role": "user", "content": "Hello"}]}
LOOPBACK = ("127.0.0.1", 50_000)


@pytest.fixture
async def metered() -> AsyncIterator[Metered]:
    made = Metered()
    yield made
    await made.close()


def client(
    metered: Metered,
    folder: Path,
    reader: tuple[str, int] = LOOPBACK,
    url: str = "http://127.0.0.1",
    public_url: str = "",
    **settings: Any,
) -> httpx.AsyncClient:
    """Return a client of the metrics alone, at an address."""
    app = FastAPI(openapi_url=None)
    app.state.services = SimpleNamespace(
        settings=Settings(
            metrics=MetricsSettings(**settings), server=ServerSettings(public_url=public_url)
        ),
        usage=metered.usage,
        gateway=metered.gateway,
        pool=EnginePool(EngineSettings()),
        jobs=Jobs(folder / "jobs.db"),
    )
    app.include_router(metrics.router)
    errors.install(app)

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"state": {"request_id": "req_1"}}, receive, send)

    transport = httpx.ASGITransport(with_state, client=reader)
    return httpx.AsyncClient(transport=transport, base_url=url)


async def read(metered: Metered, folder: Path) -> dict[str, dict[tuple[str, ...], float]]:
    """Return all samples by name and by the values of their labels, in the labels' order."""
    async with client(metered, folder) as reader:
        answer = await reader.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[values] = sample.value
    return found


async def test_the_metrics_say_what_happened(metered: Metered, tmp_path: Path):
    metered.script.scripts = [metered.script.script, (START, *text("a")[:2], UpstreamFailed("cut"))]
    async with metered.client() as caller:
        assert (await caller.post("/v1/chat/completions", json=CHAT)).status_code == 200
        stream = CHAT | {"stream": True}
        assert (await caller.post("/v1/chat/completions", json=stream)).status_code == 200
        for number in range(3):
            unknown = CHAT | {"model": f"made-up-{number}"}
            assert (await caller.post("/v1/chat/completions", json=unknown)).status_code == 404
        assert (await caller.get("/v1/models")).status_code == 200
    found = await read(metered, tmp_path)
    chat = ("chat_completions", "tiny")
    assert found["consigne_requests_total"] == {
        (*chat, "ok", "here"): 1,
        (*chat, "upstream_failed", "here"): 1,
    }
    tokens = found["consigne_tokens_total"]
    kinds = ("input", "cached", "output")
    assert [tokens["chat_completions", kind, "tiny", "here"] for kind in kinds] == [24, 8, 6]
    assert found["consigne_http_responses_total"] == {
        ("chat_completions", "200"): 2,
        ("chat_completions", "404"): 3,
        ("api", "200"): 1,
    }
    ended = found["gen_ai_server_request_duration_seconds_count"]
    assert ended == {
        ("", "chat", "consigne", "tiny"): 1,
        ("upstream_failed", "chat", "consigne", "tiny"): 1,
    }
    first = found["gen_ai_server_time_to_first_token_seconds_count"]
    assert first["", "chat", "consigne", "tiny"] == 1
    assert found["process_resident_memory_bytes"][()] > 0
    assert found["process_cpu_seconds_total"][()] > 0
    assert not any(
        "made-up" in value for values in found.values() for each in values for value in each
    )


def test_series_are_bounded():
    meters = Meters()
    for number in range(MOST_SERIES + 50):
        meters.of(("messages", f"model-{number}", "here", "ok")).requests += 1
    assert len(meters.series) == MOST_SERIES + 1
    assert meters.series["messages", OTHER, OTHER, "ok"].requests == 50


def test_a_model_s_speed_is_that_of_its_last_whole_answers():
    meters = Meters()
    for tokens, seconds in ((100, 1.0), (300, 1.0), (9, 1.0), (500, 0.01)):
        meters.wrote("tiny", tokens, seconds)
        assert meters.speed("tiny") is None, "two answers tell nothing yet"
    meters.wrote("tiny", 100, 0.5)
    assert meters.speed("tiny") == 200
    for _ in range(SPEEDS):
        meters.wrote("tiny", 50, 1.0)
    assert meters.speed("tiny") == 50


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (200, {}),
        (200, {"url": "http://localhost:8000"}),
        (200, {"reader": ("::1", 1)}),
        (403, {"reader": ("192.0.2.7", 1)}),
        (403, {"url": "http://rebound.example"}),
        (403, {"public_url": "https://ai.example"}),
        (404, {"enabled": False}),
        (401, {"token": "secret"}),
    ],
)
async def test_without_a_token_only_this_machine_reads(
    metered: Metered, tmp_path: Path, status: int, given: dict[str, Any]
):
    async with client(metered, tmp_path, **given) as reader:
        assert (await reader.get("/metrics")).status_code == status


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
async def test_what_a_proxy_passes_on_is_not_this_machine(
    metered: Metered, tmp_path: Path, name: str
):
    async with client(metered, tmp_path) as reader:
        answer = await reader.get("/metrics", headers={name: "192.0.2.7"})
    assert answer.status_code == 403


async def test_with_its_token_anybody_reads(metered: Metered, tmp_path: Path):
    far = {"reader": ("192.0.2.7", 1), "url": "http://ai.example", "token": "secret"}
    async with client(metered, tmp_path, **far) as reader:
        for header, status in (("Bearer secret", 200), ("Bearer wrong", 401), ("é", 401)):
            sent = {"authorization": header.encode("latin-1")}
            assert (await reader.get("/metrics", headers=sent)).status_code == status


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Collect spans, as an operator would have it done."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"stream": True}),
        ("/v1/responses/compact", {"model": "small", "input": "Hello"}),
    ],
    ids=["past the framework", "streamed", "through the framework"],
)
async def test_each_way_gives_one_span(
    metered: Metered, spans: InMemorySpanExporter, path: str, body: dict[str, Any]
):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with metered.client() as caller:
        answer = await caller.post(path, json=body, headers={"traceparent": parent})
    assert answer.status_code == 200
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("chat tiny", trace.SpanKind.SERVER)
    assert span.parent is not None
    assert f"{span.parent.span_id:x}" == "b7ad6b7169203331"
    wanted = {
        "http.request.method": "POST",
        "http.route": path,
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "consigne",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "tiny",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
    }
    assert {name: _attributes(span)[name] for name in wanted} == wanted


async def test_a_span_tells_its_error(metered: Metered, spans: InMemorySpanExporter):
    metered.script.scripts.append((UpstreamFailed("gone"),))
    async with metered.client() as caller:
        await caller.post("/v1/chat/completions", json=CHAT)
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert _attributes(span)["error.type"] == "upstream_failed"


def _attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
