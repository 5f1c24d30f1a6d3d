"""Spans of the calls that have a model do something, for whoever collects spans in this process.

They bear the attributes of OpenTelemetry's conventions for HTTP servers and for generative AI. The
paths that pass the framework by have them like all others.
"""

import sys
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from consigne import __version__
from consigne.gateway.metering import HERE, OK, OPERATIONS, Use

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer


LOOK_EVERY_S = 1.0
"""How often it is asked whether somebody collects spans: it may be configured at any time."""


class Tracing:
    """Begins spans, if OpenTelemetry is configured."""

    def __init__(self) -> None:
        self._provider: Any = None
        self._tracer: Tracer | None = None
        self._look_again = 0.0

    def begin(self, scope: Scope, now: float) -> "CallSpan | None":
        """Begin a call's span, unless nobody collects them; ``now`` is of any steady clock."""
        if now >= self._look_again:
            self._look_again = now + LOOK_EVERY_S
            self._look()
        return None if self._tracer is None else CallSpan(self._tracer, scope)

    def _look(self) -> None:
        trace = sys.modules.get("opentelemetry.trace")
        if trace is None:
            return
        provider = trace.get_tracer_provider()
        if provider is not self._provider:
            idle = isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)
            self._provider = provider
            self._tracer = None if idle else provider.get_tracer("consigne", __version__)


class CallSpan:
    """One call's span; what others trace meanwhile is below it."""

    def __init__(self, tracer: "Tracer", scope: Scope) -> None:
        from opentelemetry import context, propagate, trace

        path = scope["path"]
        self._span: Span = tracer.start_span(
            f"POST {path}",
            context=propagate.extract(Headers(scope=scope)),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": "POST", "http.route": path, "url.path": path},
        )
        self._mark = context.attach(trace.set_span_in_context(self._span))

    def watching(self, send: Send) -> Send:
        """Return a ``send`` that notes the answer's status."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self._span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    self._fail(str(status))
            await send(message)

        return noted

    def end(self, use: Use) -> None:
        """End it with what the call used."""
        from opentelemetry import context

        context.detach(self._mark)
        operation = OPERATIONS[use.endpoint]
        named = use.asked or use.model
        self._span.update_name(f"{operation} {use.model}" if use.model else operation)
        self._span.set_attributes(
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "consigne" if use.target in ("", HERE) else use.target,
                "gen_ai.usage.input_tokens": use.input,
                "gen_ai.usage.output_tokens": use.output,
                "gen_ai.usage.cache_read.input_tokens": use.cached,
                **({"gen_ai.request.model": named} if named else {}),
                **({"gen_ai.response.model": use.model} if use.model else {}),
                **({"gen_ai.response.time_to_first_chunk": use.first} if use.first else {}),
            }
        )
        if use.status != OK:
            self._fail(use.status)
        self._span.end()

    def _fail(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))
