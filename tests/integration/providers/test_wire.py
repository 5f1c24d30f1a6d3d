"""What a provider's server does reaches the caller as the domain's events and errors."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from consigne.domain.errors import (
    ConsigneError,
    ContextTooLong,
    InvalidRequest,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    UpstreamFailed,
    UpstreamTimedOut,
)
from consigne.domain.events import Event, MessageStart, MessageStop, TextDelta
from consigne.domain.messages import TextBlock, ThinkingBlock, ToolUseBlock
from consigne.domain.usage import Usage
from doubles.upstream import (
    ANTHROPIC_USAGE,
    CUT,
    OPENAI_USAGE,
    Reply,
    ScriptedUpstream,
    body,
    chunk,
    completion,
    frame,
    frames,
    message,
    stream,
    streams,
    text_block,
)
from support.providing import SECRET, Kind, answer_of, ask, provider_at

KINDS: Any = pytest.mark.parametrize("kind", ["openai", "anthropic"])


async def play(kind: Kind, *replies: Reply, whole: bool = False, **fields: Any) -> Sequence[Event]:
    """Return the events of one answer."""
    async with (
        ScriptedUpstream(*replies).serve() as server,
        provider_at(kind, server.url, **fields) as (provider, model),
    ):
        return [event async for event in provider.generate(model, ask(whole=whole))]


@KINDS
async def test_whole_and_streamed_are_the_same_answer(kind: Kind) -> None:
    whole = completion("Hello é") if kind == "openai" else message(text_block("Hello é"))
    parts = streams("Hel", "lo ", "é")[kind]
    async with (
        ScriptedUpstream(body(whole), stream(*parts)).serve() as server,
        provider_at(kind, server.url) as (provider, model),
    ):
        first = await answer_of(provider.generate(model, ask(whole=True)))
        second = await answer_of(provider.generate(model, ask()))
    assert first.id != second.id
    assert first.message == second.message
    assert first.message.text == "Hello é"
    written = 2 if kind == "anthropic" else 0
    assert first.usage == second.usage == Usage(12, 4, 5, written, 2)
    assert first.stop_reason == second.stop_reason == "end_turn"
    assert first.model == "far"
    assert "stream" not in server.requests[0]
    assert server.requests[1]["stream"] is True
    assert server.requests[0]["model"] == "tiny"


@KINDS
async def test_any_split_of_the_bytes_gives_the_same_events(kind: Kind) -> None:
    raw = b"".join(streams("Hel", "lo ", "é\U0001f600")[kind])
    expected = [type(event) for event in await play(kind, stream(raw))]
    for size in (1, 7, 64):
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
        found = await play(kind, stream(*pieces))
        assert [type(event) for event in found] == expected
        texts = [event.text for event in found if isinstance(event, TextDelta)]
        assert "".join(texts) == "Hello é\U0001f600"


@KINDS
async def test_the_key_and_the_operators_headers_are_sent(kind: Kind) -> None:
    async with (
        ScriptedUpstream(stream(*streams("a")[kind])).serve() as server,
        provider_at(kind, server.url, headers={"X-Team": "blue"}) as (provider, model),
    ):
        await answer_of(provider.generate(model, ask()))
    sent = server.headers[0]
    assert sent["x-team"] == "blue"
    if kind == "openai":
        assert sent["authorization"] == f"Bearer {SECRET}"
        assert server.paths == ["/v1/chat/completions"]
    else:
        assert sent["x-api-key"] == SECRET
        assert sent["anthropic-version"] == "2023-06-01"
        assert server.paths == ["/v1/messages"]


@KINDS
async def test_a_proxy_is_told_the_whole_address(kind: Kind) -> None:
    async with (
        ScriptedUpstream(stream(*streams("a")[kind])).serve() as server,
        provider_at(
            kind, "http://far.example:81", proxy=server.url.replace("//", "//me:word@")
        ) as (provider, model),
    ):
        await answer_of(provider.generate(model, ask()))
    assert server.headers[0]["host"] == "far.example:81"
    assert server.headers[0]["proxy-authorization"] == "Basic bWU6d29yZA=="
    assert server.urls[0].startswith("http://far.example:81/v1/")


@KINDS
async def test_connections_serve_again(kind: Kind) -> None:
    async with (
        ScriptedUpstream(stream(*streams("a")[kind])).serve() as server,
        provider_at(kind, server.url) as (provider, model),
    ):
        for _ in range(5):
            await answer_of(provider.generate(model, ask()))
        assert len(server.connections) == 1


@KINDS
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("status", "error", "kind_of"),
    [
        (400, {"type": "invalid_request_error", "message": "temperature: too hot"}, InvalidRequest),
        (400, {"code": "context_length_exceeded", "message": "too many"}, ContextTooLong),
        (400, {"message": "prompt is too long: 9 tokens > 8 maximum"}, ContextTooLong),
        (413, {"type": "request_too_large", "message": "too much"}, RequestTooLarge),
        (422, {"message": "unprocessable"}, InvalidRequest),
        (401, {"message": f"Incorrect API key provided: {SECRET}"}, UpstreamFailed),
        (403, {"message": f"{SECRET} may not"}, UpstreamFailed),
        (404, {"type": "not_found_error", "message": "model: tiny"}, UpstreamFailed),
        (408, {}, UpstreamTimedOut),
        (429, {"type": "rate_limit_error", "message": "slower"}, RateLimited),
        (429, {"code": "insufficient_quota", "message": "pay first"}, UpstreamFailed),
        (500, {"message": f"trace with {SECRET}"}, UpstreamFailed),
        (502, {}, UpstreamFailed),
        (503, {}, Overloaded),
        (504, {}, UpstreamTimedOut),
        (529, {"type": "overloaded_error", "message": "full"}, Overloaded),
        (302, {}, UpstreamFailed),
    ],
)
async def test_refusals_are_told_as_ours(
    kind: Kind, whole: bool, status: int, error: dict[str, Any], kind_of: type[ConsigneError]
) -> None:
    reply = body({"type": "error", "error": error}, status=status, retry_after="7")
    with pytest.raises(ConsigneError) as caught:
        await play(kind, reply, whole=whole)
    assert type(caught.value) is kind_of
    assert SECRET not in caught.value.message
    assert f"{kind}-up" in caught.value.message
    if status in (429, 529) and isinstance(caught.value, RateLimited | Overloaded):
        assert caught.value.retry_after == 7
    if status == 400:
        assert error["message"] in caught.value.message


@KINDS
@pytest.mark.parametrize("content", [b"", b"<html>nginx</html>", b"[1]", b'{"error": "as text"}'])
async def test_refusals_of_any_form_are_understood(kind: Kind, content: bytes) -> None:
    with pytest.raises(InvalidRequest, match=f"{kind}-up refused"):
        await play(kind, Reply(content, status=400))
    with pytest.raises(UpstreamFailed, match="can't be understood"):
        await play(kind, Reply(content), whole=True)


@KINDS
async def test_a_stream_that_is_cut_is_an_error(kind: Kind) -> None:
    parts = streams("Hello", " world")[kind]
    for end in range(len(parts) - (2 if kind == "openai" else 1)):
        for tail in ((), (CUT,), (parts[end][:20],)):
            if end == 0 and tail == (CUT,):
                continue
            with pytest.raises(UpstreamFailed):
                await play(kind, stream(*parts[:end], *tail))


@KINDS
async def test_what_comes_before_a_cut_is_not_lost(kind: Kind) -> None:
    found: list[Event] = []
    async with (
        ScriptedUpstream(stream(*streams("Hello", " world")[kind][:4], CUT)).serve() as server,
        provider_at(kind, server.url) as (provider, model),
    ):
        try:
            async for event in provider.generate(model, ask()):
                found.append(event)  # noqa: PERF401 - what came before the error is asserted
        except UpstreamFailed:
            pass
        else:
            pytest.fail("a cut stream is an error")
    assert isinstance(found[0], MessageStart)
    assert any(isinstance(event, TextDelta) for event in found)


@KINDS
@pytest.mark.parametrize("garbage", [b"data: {]\n\n", b'data: {"type": 5}\n\n', b'data: "a"\n\n'])
async def test_garbage_in_a_stream_is_an_error(kind: Kind, garbage: bytes) -> None:
    if kind == "openai" and b"type" in garbage:
        garbage = b'data: {"choices": 5}\n\n'
    with pytest.raises(UpstreamFailed, match="can't be understood"):
        await play(kind, stream(*streams("a")[kind][:3], garbage))


@pytest.mark.parametrize(
    ("error", "kind_of"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Overloaded),
        ({"type": "rate_limit_error", "message": "slower"}, RateLimited),
        ({"type": "api_error", "message": "trace"}, UpstreamFailed),
        ({"type": "invalid_request_error", "message": "no"}, InvalidRequest),
    ],
)
@KINDS
async def test_errors_within_a_stream(
    kind: Kind, error: dict[str, Any], kind_of: type[ConsigneError]
) -> None:
    last = chunk(error=error) if kind == "openai" else frame("error", error=error)
    with pytest.raises(kind_of) as caught:
        await play(kind, stream(*streams("a")[kind][:3], last))
    assert "trace" not in caught.value.message


@KINDS
@pytest.mark.parametrize("whole", [True, False])
async def test_a_server_that_is_not_there(kind: Kind, whole: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with provider_at(kind, url) as (provider, model):
            with pytest.raises(UpstreamFailed, match="can't be reached"):
                await answer_of(provider.generate(model, ask(whole=whole)))


@KINDS
@pytest.mark.parametrize("whole", [True, False])
async def test_a_server_that_says_nothing(kind: Kind, whole: bool) -> None:
    silence = stream(*streams("a")[kind][:2], asyncio.Event())
    with pytest.raises(UpstreamTimedOut):
        await play(kind, silence, whole=whole, timeout_s=0.2)


@KINDS
async def test_a_connection_closed_meanwhile_is_opened_again(kind: Kind) -> None:
    good = stream(*streams("a")[kind])
    found = await play(kind, Reply(CUT), good)
    assert isinstance(found[-1], MessageStop)
    with pytest.raises(UpstreamFailed):
        await play(kind, Reply(CUT))


@KINDS
async def test_closing_the_iterator_aborts_the_request(kind: Kind) -> None:
    never = asyncio.Event()
    async with (
        ScriptedUpstream(stream(*streams("a")[kind][:4], never)).serve() as server,
        provider_at(kind, server.url) as (provider, model),
    ):
        events = provider.generate(model, ask())
        assert isinstance(await anext(events), MessageStart)
        await events.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            await server.aborted.wait()


@KINDS
async def test_cancelling_the_reader_aborts_the_request(kind: Kind) -> None:
    async with (
        ScriptedUpstream(stream(asyncio.Event())).serve() as server,
        provider_at(kind, server.url) as (provider, model),
    ):
        task = asyncio.create_task(answer_of(provider.generate(model, ask(whole=True))))
        async with asyncio.timeout(60):
            await server.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.aborted.wait()


async def test_a_server_that_never_ends_its_stream_delays_nobody_for_long() -> None:
    async with (
        ScriptedUpstream(stream(*streams("a")["openai"], asyncio.Event())).serve() as server,
        provider_at("openai", server.url) as (provider, model),
    ):
        events = provider.generate(model, ask())
        async with asyncio.timeout(60):
            async for event in events:
                if isinstance(event, MessageStop):
                    break
            await events.aclose()  # type: ignore[attr-defined]
            await server.aborted.wait()


async def test_openai_tools_thinking_and_refusals_become_blocks() -> None:
    call = {"index": 0, "id": "call_1", "type": "function"}
    parts = [
        chunk({"role": "assistant", "reasoning_content": "Hm"}),
        chunk({"reasoning": "m"}),
        chunk({"content": "So"}),
        chunk({"tool_calls": [call | {"function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
        chunk({"tool_calls": [call | {"index": 1, "function": {"name": "g"}}]}),
        chunk({}, "tool_calls", usage=OPENAI_USAGE),
    ]
    async with (
        ScriptedUpstream(stream(*parts)).serve() as server,
        provider_at("openai", server.url) as (provider, model),
    ):
        found = await answer_of(provider.generate(model, ask()))
    assert found.stop_reason == "tool_use"
    assert found.usage == Usage(12, 4, 5, reasoning_tokens=2)
    assert found.message.content == (
        ThinkingBlock("Hmm"),
        TextBlock("So"),
        ToolUseBlock("call_1", "f", {"a": 1}),
        ToolUseBlock("call_1", "g", {}),
    )


async def test_openai_logprobs_and_stop_strings() -> None:
    token = {"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}
    top = {"token": "�", "bytes": [240], "logprob": -1.0}
    first = {
        "index": 0,
        "delta": {"content": "a"},
        "logprobs": {"content": [token | {"top_logprobs": [top]}]},
    }
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}
    found = await play("openai", stream(chunk(choices=[first]), chunk(choices=[last])))
    deltas = [event for event in found if isinstance(event, TextDelta)]
    assert deltas[0].logprobs[0].top == ((b"\xf0", -1.0),)
    assert isinstance(found[-1], MessageStop)
    assert (found[-1].stop_reason, found[-1].stop_sequence) == ("stop_sequence", "END")


async def test_anthropic_signatures_survive_and_unknown_blocks_leave_no_gap() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "unheard_of", "data": "y"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1]}},
    ]
    whole = message(*blocks, reason="tool_use")
    parts = [
        frames("x")[0],
        frame(
            "content_block_start",
            index=0,
            content_block={"type": "thinking", "thinking": "", "signature": ""},
        ),
        frame("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm"}),
        frame(
            "content_block_delta", index=0, delta={"type": "signature_delta", "signature": "sig"}
        ),
        frame("content_block_stop", index=0),
        frame("content_block_start", index=1, content_block=blocks[1]),
        frame("content_block_stop", index=1),
        frame("content_block_start", index=2, content_block=blocks[2]),
        frame("content_block_stop", index=2),
        frame("content_block_start", index=3, content_block=blocks[3] | {"input": {}}),
        frame(
            "content_block_delta",
            index=3,
            delta={"type": "input_json_delta", "partial_json": '{"a": [1]}'},
        ),
        frame("content_block_stop", index=3),
        frame("a_kind_of_the_future", whatever=1),
        frame("message_delta", delta={"stop_reason": "tool_use"}, usage=ANTHROPIC_USAGE),
        frame("message_stop"),
    ]
    async with (
        ScriptedUpstream(body(whole), stream(*parts)).serve() as server,
        provider_at("anthropic", server.url) as (provider, model),
    ):
        first = await answer_of(provider.generate(model, ask(whole=True)))
        second = await answer_of(provider.generate(model, ask()))
    hidden = ThinkingBlock("", redacted="x")
    expected = (ThinkingBlock("Hm", "sig"), hidden, ToolUseBlock("toolu_1", "f", {"a": [1]}))
    assert first.message.content == second.message.content == expected
    assert msgspec.structs.replace(first, id="") == msgspec.structs.replace(second, id="")
