"""Which client the terminal gets, and what the remote one makes of a server's stream."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.cli.client import running_server
from consigne.cli.remote import RemoteClient
from consigne.cli.serve import ServerFile
from consigne.domain.errors import ContextTooLong, EngineCrashed, EngineFailed, InvalidRequest
from consigne.domain.events import Answer, AnswerBuilder
from consigne.domain.messages import (
    ImageBlock,
    Message,
    OutputFormat,
    Request,
    Sampling,
    TextBlock,
    ThinkingBlock,
)
from consigne.domain.usage import Usage

HELLO = Request("m", (Message("user", (TextBlock("Hello"),)),))


@contextmanager
def listening() -> Iterator[str]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def write(folder: Path, url: str, pid: int) -> None:
    body = msgspec.json.encode(ServerFile(url, pid, "sk"))
    (folder / "server.json").write_bytes(body)


class TestRunningServer:
    def test_none_without_a_file(self, tmp_path: Path) -> None:
        assert running_server(tmp_path) is None

    def test_found_while_it_lives_and_answers(self, tmp_path: Path) -> None:
        with listening() as url:
            write(tmp_path, url, os.getpid())
            assert running_server(tmp_path) == ServerFile(url, os.getpid(), "sk")

    def test_a_dead_process_s_file_is_not_believed(self, tmp_path: Path) -> None:
        child = os.spawnlp(os.P_NOWAIT, "true", "true")
        os.waitpid(child, 0)
        with listening() as url:
            write(tmp_path, url, child)
            assert running_server(tmp_path) is None

    def test_an_address_that_does_not_answer_is_not_believed(self, tmp_path: Path) -> None:
        with listening() as url:
            pass
        write(tmp_path, url, os.getpid())
        assert running_server(tmp_path) is None

    @pytest.mark.parametrize("body", [b"", b"{}", b"{", b'{"url": 3, "pid": 1, "key": ""}'])
    def test_a_damaged_file_is_not_believed(self, tmp_path: Path, body: bytes) -> None:
        (tmp_path / "server.json").write_bytes(body)
        assert running_server(tmp_path) is None


def ask(
    body: bytes, status: int = 200, request: Request = HELLO
) -> tuple[Answer, dict[str, object]]:
    """Answer a request with ``body``; return what the client makes of it, and what it sent."""
    sent: dict[str, object] = {}

    def handle(got: httpx.Request) -> httpx.Response:
        sent.update(json.loads(got.content))
        return httpx.Response(status, content=body)

    async def run() -> Answer:
        builder = AnswerBuilder()
        transport = httpx.MockTransport(handle)
        async with httpx.AsyncClient(base_url="http://server", transport=transport) as http:
            async for event in RemoteClient(http).generate(request):
                builder.add(event)
        return builder.answer()

    return asyncio.run(run()), sent


def stream(*chunks: dict[str, object]) -> bytes:
    lines = [f"data: {json.dumps({'id': 'c1', 'model': 'm1', **chunk})}\n\n" for chunk in chunks]
    return "".join([*lines, ": still here\n\n", "data: [DONE]\n\n"]).encode()


def delta(finish: str | None = None, **fields: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}], "usage": None}


USAGE: dict[str, object] = {
    "choices": [],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 3},
    },
}


def test_a_stream_becomes_the_same_events_as_the_engine_s() -> None:
    body = stream(
        delta(role="assistant", content=""),
        delta(reasoning_content="Hm"),
        delta(content="Hel"),
        delta(content="lo"),
        delta("length"),
        USAGE,
    )
    answer, _ = ask(body)
    assert answer == Answer(
        id="c1",
        model="m1",
        message=Message("assistant", (ThinkingBlock("Hm"), TextBlock("Hello"))),
        stop_reason="max_tokens",
        usage=Usage(9, 3, 4),
    )


@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text())))
def test_no_text_is_lost_however_it_is_cut(parts: list[tuple[str, str]]) -> None:
    answer, _ = ask(stream(*(delta(**{kind: text}) for kind, text in parts), delta("stop")))
    written = "".join(text for kind, text in parts if kind == "content")
    thought = "".join(text for kind, text in parts if kind == "reasoning_content")
    assert answer.message.text == written
    blocks = answer.message.content
    assert "".join(b.thinking for b in blocks if isinstance(b, ThinkingBlock)) == thought


def test_what_was_asked_for_is_sent() -> None:
    request = Request(
        "m",
        HELLO.messages,
        system=(TextBlock("Be brief."),),
        output=OutputFormat("json_schema", {"type": "object"}),
        sampling=Sampling(temperature=1.5, seed=7),
        max_tokens=5,
        thinking=False,
    )
    _, sent = ask(stream(delta("stop", content="x")), request=request)
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (sent["temperature"], sent["seed"], sent["max_completion_tokens"]) == (1.5, 7, 5)
    assert sent["reasoning_effort"] == "none"
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }


def test_what_was_not_asked_for_is_not_sent() -> None:
    _, sent = ask(stream(delta("stop", content="x")))
    assert set(sent) == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "Too long.", "code": "context_length_exceeded"}, ContextTooLong),
        (400, {"message": "Not so.", "code": None}, InvalidRequest),
        (404, {"message": "No model.", "code": "something-new"}, InvalidRequest),
        (500, {"message": "It died.", "code": "engine_crashed"}, EngineCrashed),
        (502, None, EngineFailed),
    ],
)
def test_refusals_keep_their_kind_and_words(
    status: int, error: dict[str, object] | None, kind: type[Exception]
) -> None:
    body = json.dumps({"error": error}).encode() if error else b"<html>"
    with pytest.raises(kind) as caught:
        ask(body, status)
    assert str(caught.value) == (
        error["message"] if error else "The server answered with status 502."
    )


def test_an_error_in_mid_stream_is_raised() -> None:
    broken = {"error": {"message": "It died.", "code": "engine_crashed"}}
    with pytest.raises(EngineCrashed, match="It died"):
        ask(stream(delta(content="Hel"), broken))


def test_a_stream_that_is_cut_is_no_answer() -> None:
    with pytest.raises(EngineFailed, match="mid-answer"):
        ask(stream(delta(content="Hel")))


def test_a_broken_connection_is_said_plainly() -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield stream(delta(content="Hel"))
        raise httpx.ReadError("reset")

    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=cut()))
        async with httpx.AsyncClient(base_url="http://server", transport=transport) as http:
            async for _ in RemoteClient(http).generate(HELLO):
                pass

    with pytest.raises(EngineFailed, match="connection to the server broke"):
        asyncio.run(run())


def test_pictures_are_refused_before_anything_is_sent() -> None:
    request = Request("m", (Message("user", (ImageBlock(url="http://x/y.png"),)),))
    with pytest.raises(InvalidRequest, match="text only"):
        ask(b"", request=request)


def test_the_server_s_file_is_the_owner_s_alone(tmp_path: Path) -> None:
    from consigne.cli.serve import _write_server_file

    _write_server_file(tmp_path, ServerFile("http://x", 1, "sk"))
    assert stat.S_IMODE((tmp_path / "server.json").stat().st_mode) == 0o600
