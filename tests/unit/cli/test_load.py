"""The load generator: figures that mean what they say, for every kind of server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.cli.http_stream import Connection
from consigne.cli.load import Dialect, Level, Target, measure, quantile
from consigne.domain.errors import OperatorError

Respond = Callable[[dict[str, object], asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


class Peer:
    """A server in this loop that answers posted JSON with whatever bytes a test writes."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.connections = 0
        self.running = 0
        self.most_running = 0
        self.bodies: list[dict[str, object]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line.split(b":")[1]) for line in head.split(b"\r\n")
                     if line.startswith(b"content-length")), 0
                )  # fmt: skip
                body = json.loads(await reader.readexactly(length) or b"{}")
                self.bodies.append(body)
                self.running += 1
                self.most_running = max(self.most_running, self.running)
                await self.respond(body, writer)
                self.running -= 1
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(respond: Respond) -> AsyncIterator[Peer]:
    it = Peer(respond)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()


def sized(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes, step: int) -> bytes:
    """Cut a body into chunks at places that respect nothing."""
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return HEAD + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def events(*bodies: object, end: bytes = b"\n\n") -> bytes:
    return b"".join(b"data: " + json.dumps(body).encode() + end for body in bodies)


def openai(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}}], "usage": None}


def words_of(body: dict[str, object]) -> int:
    (message,) = body["messages"]  # type: ignore[misc]
    return len(str(message["content"]).split())  # type: ignore[index]


OPENAI_ANSWER = (
    events(openai(""), openai("Hé"), openai("l\n"), openai("lo"))
    + b": still here\n\n"
    + events({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 7}})
    + b"data: [DONE]\n\n"
)
ANTHROPIC_ANSWER = b"".join(
    f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
    for kind, fields in [
        ("message_start", {"message": {"usage": {"input_tokens": 15, "output_tokens": 1,
                                                 "cache_read_input_tokens": 5}}}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        ("ping", {}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Hé"}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta",
                                                       "thinking": "l"}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "lo"}}),
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
        ("message_stop", {}),
    ]
)  # fmt: skip
ANSWERS = {"openai": OPENAI_ANSWER, "anthropic": ANTHROPIC_ANSWER}


def usage(dialect: Dialect, count: int) -> bytes:
    names = ("prompt_tokens", "input_tokens")
    return sized(200, json.dumps({"usage": {names[dialect == "anthropic"]: count}}).encode())


def answering(dialect: Dialect, streamed: bytes) -> Respond:
    async def respond(body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        writer.write(streamed if body["stream"] else usage(dialect, 4 + 2 * words_of(body)))

    return respond


async def load(
    url: str, dialect: Dialect = "openai", *, concurrency: int = 2, requests: int = 4
) -> Level:
    target = Target(url, "k", "m", dialect)
    return await measure(
        target, concurrency=concurrency, requests=requests, prompt_tokens=104, max_tokens=9
    )


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_tokens_are_those_that_the_server_counted(dialect: Dialect, step: int) -> None:
    async with peer(answering(dialect, chunked(ANSWERS[dialect], step))) as server:
        level = await load(server.url, dialect)
    assert (level.requests, level.errors, level.concurrency) == (4, 0, 2)
    assert level.counted_by_server
    assert level.output_tokens == 28
    assert level.prompt_tokens == 20
    assert level.tokens_per_s == pytest.approx(28 / level.wall_s)
    assert level.ttft_p50_s is not None
    assert level.itl_p50_s is not None
    assert 0 <= level.itl_p50_s <= level.wall_s


async def test_prompts_have_the_length_asked_for_and_differ_from_their_beginning() -> None:
    async with peer(answering("openai", chunked(OPENAI_ANSWER, 50))) as server:
        await load(server.url)
    sent = [body for body in server.bodies if body["stream"]]
    assert [4 + 2 * words_of(body) for body in sent] == [104] * 4
    firsts = {str(body["messages"])[:80] for body in sent}
    assert len(firsts) == 4


async def test_so_many_streams_run_at_once_and_connections_are_kept() -> None:
    at_once = asyncio.Barrier(3)

    async def respond(body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        if body["stream"]:
            await at_once.wait()
        writer.write(
            chunked(OPENAI_ANSWER, 50) if body["stream"] else usage("openai", words_of(body))
        )

    async with peer(respond) as server:
        level = await load(server.url, concurrency=3, requests=9)
    assert level.errors == 0
    assert server.most_running == 3
    assert server.connections == 3 + 1, "one for the calibration"


async def test_a_server_that_closes_after_each_answer_is_connected_to_again() -> None:
    async def respond(body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        if body["stream"]:
            writer.write(HEAD + b"connection: close\r\n\r\n" + OPENAI_ANSWER)
            writer.close()
        else:
            writer.write(usage("openai", words_of(body)))

    async with peer(respond) as server:
        level = await load(server.url, concurrency=1, requests=3)
    assert (level.errors, level.output_tokens) == (0, 21)


async def test_without_counts_from_the_server_events_are_counted_and_it_is_said() -> None:
    plain = events(openai("a"), openai("b"), end=b"\r\n\r\n") + b"data: [DONE]\r\n\r\n"
    async with peer(answering("openai", chunked(plain, 5))) as server:
        level = await load(server.url)
    assert not level.counted_by_server
    assert level.output_tokens == 8


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sized(529, b"{}"), "status 529"),
        (chunked(events(openai("a"), {"error": {"message": "It died."}}), 9), "It died"),
        (chunked(b"data: [DONE]\n\n", 9), "no text"),
        (chunked(b"data: {oops}\n\n", 9), "can't be read"),
        (b"SMTP ready\r\n\r\n", "no HTTP"),
    ],
)
async def test_failures_are_counted_and_the_first_is_told(answer: bytes, said: str) -> None:
    async with peer(answering("openai", answer)) as server:
        level = await load(server.url, concurrency=1, requests=2)
    assert level.errors == 2
    assert said in level.error
    assert level.output_tokens == 0
    assert level.ttft_p50_s is None


async def test_a_cut_stream_is_an_error() -> None:
    async def respond(body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        if not body["stream"]:
            writer.write(usage("openai", words_of(body)))
            return
        writer.write(chunked(OPENAI_ANSWER, 50)[:-60])
        writer.close()

    async with peer(respond) as server:
        level = await load(server.url, concurrency=1, requests=1)
    assert level.errors == 1
    assert "mid-answer" in level.error


async def test_a_refusal_of_the_first_request_ends_it_at_once() -> None:
    async with peer(answering("openai", b"")) as server:
        server.respond = lambda _, writer: write(writer, sized(401, b'{"error": "no key"}'))
        with pytest.raises(OperatorError, match=r"401.*no key"):
            await load(server.url)
    with pytest.raises(OperatorError, match="does not answer"):
        await load(server.url)


async def write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(OperatorError, match="no address"):
        Connection(url, {})


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_a_value_that_was_seen(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_no_values_have_no_quantile() -> None:
    assert quantile([], 0.5) is None
