"""What plain HTTP/1.1 clients rely on: kept connections, half-closed ones, slow ones, lost ones."""

import asyncio
import gc
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from consigne.api import connections
from consigne.api.door import Door
from consigne.api.exchange import Exchange
from consigne.api.server import http_server
from doubles.scripted import KEY, START, ScriptedGateway, stop, text
from support.dialects import served

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}


class Later(asyncio.Event):
    """A pause of the scripted model, on its own event loop."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def wait(self) -> Any:
        await asyncio.sleep(self.seconds)
        return True


def request(
    body: dict[str, Any] | None = None, *, path: str = "/v1/messages", head: str = ""
) -> bytes:
    method, payload = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
    length = "" if body is None else f"content-length: {len(payload)}\r\n"
    lines = f"{method} {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\n{length}{head}\r\n"
    return lines.encode() + payload


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def read_answers(connection: socket.socket, count: int) -> list[bytes]:
    """Return the bodies of answers that state their length."""
    found, bodies = b"", []
    while len(bodies) < count:
        while b"\r\n\r\n" not in found:
            found += connection.recv(65536)
        head, _, found = found.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 1"):
            continue
        length = re.search(rb"content-length: (\d+)", head)
        assert length, head
        while len(found) < int(length[1]):
            found += connection.recv(65536)
        bodies.append(found[: int(length[1])])
        found = found[int(length[1]) :]
    assert found == b""
    return bodies


def open_connection(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(ScriptedGateway()) as found:
        yield found


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_shuts_its_sending_side_is_answered(stream: bool) -> None:
    gateway = ScriptedGateway(START, Later(0.3), *text("Hello"), stop())
    with served(gateway) as url, open_connection(url) as connection:
        connection.sendall(request(MESSAGE | {"stream": stream}))
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert b"HTTP/1.1 200 OK" in answer
    assert b"Hello" in answer
    if stream:
        assert answer.endswith(b'message_stop"}\n\n\r\n0\r\n\r\n')


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("rude", [False, True])
def test_a_client_that_goes_away_frees_its_slot_at_once(
    stream: bool, begun: bool, rude: bool
) -> None:
    steps = [Later(0.05)] * 6000 if begun else [Later(300)]
    script = [START, *text("a")[:2]]
    for step in steps:
        script += [step, text("b")[1]]
    gateway = ScriptedGateway(*script)
    with served(gateway) as url:
        connection = open_connection(url)
        connection.sendall(request(MESSAGE | {"stream": stream}))
        deadline = time.monotonic() + 60
        while not gateway.running and time.monotonic() < deadline:
            time.sleep(0.005)
        if stream:
            assert b"200 OK" in connection.recv(65536)
        if rude:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        assert gateway.ended.wait(60), "long before its script is over"
        assert gateway.running == 0


def test_one_connection_carries_many_requests(url: str) -> None:
    with open_connection(url) as connection:
        for _ in range(20):
            connection.sendall(request(MESSAGE))
            assert b"Hello world" in read_answers(connection, 1)[0]
            connection.sendall(request(MESSAGE | {"max_tokens": -1}))
            assert b"invalid_request_error" in read_answers(connection, 1)[0]
            connection.sendall(request(path="/v1/nope"))
            assert b"nothing at GET" in read_answers(connection, 1)[0]


def test_an_exchange_goes_with_its_answer_and_waits_for_no_search_for_cycles(url: str) -> None:
    def alive() -> int:
        # Not isinstance: some libraries' objects warn of themselves when they are asked.
        return sum(type(each) is Exchange for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        with open_connection(url) as connection:
            before = alive()
            for _ in range(5):
                connection.sendall(request(MESSAGE))
                read_answers(connection, 1)
            assert alive() <= before + 1  # the connection knows its last one
    finally:
        gc.enable()


def test_an_answer_comes_in_one_piece(url: str) -> None:
    with open_connection(url) as connection:
        connection.sendall(request(MESSAGE))
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head
        assert b"Hello world" in body


def test_pipelined_requests_are_answered_in_their_order(url: str) -> None:
    calls = [request(MESSAGE), request(path="/v1/models/tiny"), request(path="/v1/models/mini")]
    with open_connection(url) as connection:
        connection.sendall(b"".join(calls * 5))
        bodies = read_answers(connection, 15)
    for first, second, third in zip(bodies[::3], bodies[1::3], bodies[2::3], strict=True):
        assert b"Hello world" in first
        assert json.loads(second)["id"] == "tiny"
        assert json.loads(third)["id"] == "mini"


def test_pipelined_requests_of_a_half_closed_connection_are_all_answered() -> None:
    gateway = ScriptedGateway(START, Later(0.1), *text("Hello"), stop())
    with served(gateway) as url, open_connection(url) as connection:
        connection.sendall(request(MESSAGE) * 3)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).count(b'"text":"Hello"') == 3


def test_a_refused_body_does_not_spoil_the_connection(url: str) -> None:
    bad = b"{" + b"x" * 300_000
    with open_connection(url) as connection:
        head = f"POST /v1/nope HTTP/1.1\r\nhost: t\r\ncontent-length: {len(bad)}\r\n\r\n"
        connection.sendall(head.encode() + bad)
        assert b"nothing at POST" in read_answers(connection, 1)[0]
        connection.sendall(request(MESSAGE))
        assert b"Hello world" in read_answers(connection, 1)[0]


def test_a_client_is_told_to_go_on_before_it_sends_its_body(url: str) -> None:
    whole = request(MESSAGE, head="expect: 100-continue\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    with open_connection(url) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert b"Hello world" in read_answers(connection, 1)[0]


@pytest.mark.parametrize(
    ("head", "status"),
    [("content-length: 99999999999\r\n", 413), ("content-encoding: br\r\n", 415)],
)
def test_a_body_that_will_be_refused_is_not_asked_for(url: str, head: str, status: int) -> None:
    sent = f"POST /v1/messages HTTP/1.1\r\nhost: t\r\n{head}expect: 100-continue\r\n"
    if "length" not in head:
        sent += "content-length: 10\r\n"
    with open_connection(url) as connection:
        connection.sendall(sent.encode() + b"\r\n")
        assert connection.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_request_byte_by_byte_is_read(url: str) -> None:
    with open_connection(url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(MESSAGE):
            connection.sendall(bytes([byte]))
        assert b"Hello world" in read_answers(connection, 1)[0]


@pytest.mark.parametrize("cut", [0, 40, 300, -40, -1])
def test_an_offer_to_upgrade_is_passed_over(url: str, cut: int) -> None:
    """Java's client offers HTTP/2 with its first request, body included."""
    head = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
    post, get = request(MESSAGE, head=head), request(path="/v1/models/tiny", head=head)
    with open_connection(url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each, said in ((post, b"Hello world"), (get, b'"id":"tiny"'), (post, b"Hello world")):
            connection.sendall(each[:cut])
            time.sleep(0.01)
            connection.sendall(each[cut:])
            assert said in read_answers(connection, 1)[0]
        chunked = post.partition(b"\r\n\r\n")
        lines = re.sub(rb"content-length: (\d+)", rb"transfer-encoding: chunked", chunked[0])
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(chunked[2]), chunked[2])
        connection.sendall((lines + b"\r\n\r\n" + body) * 2)
        assert read_answers(connection, 2)[1].count(b"Hello world") == 1


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/messages HTTP/1.1\r\nhost: t", request(MESSAGE)[:-5]]
)
def test_a_client_that_never_ends_its_request_is_let_go(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    monkeypatch.setattr(connections, "SILENCE_S", 0.2)
    with served(ScriptedGateway()) as url, open_connection(url) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ") if sent else answer == b""


def test_a_kept_connection_rests_from_its_last_answer_and_is_then_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest_s = 0.4
    rests = property(lambda _: rest_s, lambda *_: None)
    monkeypatch.setattr(connections.Connection, "timeout_keep_alive", rests, raising=False)
    slow = ScriptedGateway(START, Later(1.5 * rest_s), *text("late"), stop())
    with served(slow) as url, open_connection(url) as connection:
        connection.sendall(
            request(path="/v1/models")
        )  # the rest that begins here ends in mid answer
        read_answers(connection, 1)
        asked = time.monotonic()
        connection.sendall(request(MESSAGE))
        assert b"late" in read_answers(connection, 1)[0]
        assert read_all(connection) == b""
    assert time.monotonic() - asked > 2.4 * rest_s


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("/v1/models", ""),
        ("/v1/models/tiny", ""),
        ("/v1/models", "anthropic-version: 2023-06-01\r\n"),
        ("/v1/nope", ""),
    ],
)
def test_head_says_what_get_would_say_without_its_body(url: str, path: str, head: str) -> None:
    asked = request(path=path, head=head)
    with open_connection(url) as connection:
        connection.sendall(asked)
        (body,) = read_answers(connection, 1)
        connection.sendall(asked.replace(b"GET", b"HEAD", 1))
        answer = connection.recv(65536).decode()
        assert answer.endswith("\r\n\r\n")
        if path != "/v1/nope":
            assert f"content-length: {len(body)}" in answer
        connection.sendall(asked)
        assert len(read_answers(connection, 1)) == 1


def test_many_that_come_at_once_are_taken_up_in_few_turns() -> None:
    """A turn of the event loop is long while many are served: nobody may wait for hundreds."""

    async def turns(listener: socket.socket, count: int) -> int:
        server = http_server(Door())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        found = 0
        while len(server.server_state.connections) < count:
            await asyncio.sleep(0)
            found += server.started
        server.should_exit = True
        await serving
        return found

    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        for _ in range(64):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        listener.setblocking(False)
        assert uvloop.run(turns(listener, 64)) < 32
