"""The real server, process and terminal: bounded keys, and answers that survive its end."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.server import ServerProcess

BODY: dict[str, Any] = {
    "model": "",
    "max_tokens": 8,
    "messages": [{"role": "user", "content": "Say hello."}],
}


@pytest.mark.slow
def test_keys_made_in_the_terminal_are_bounded_and_answers_outlive_the_server(
    make_data_dir: Callable[[], Path],
) -> None:
    data_dir = make_data_dir()
    server = ServerProcess(data_dir)
    made = ("keys", "create", "app", "--expires", "90d", "--scopes", "generate")
    key = server.run(*made, "--requests-per-minute", "50").stdout.strip()
    headers = {"x-api-key": key, "idempotency-key": "order 7"}
    first = httpx.post(f"{server.url}/v1/messages", json=BODY, headers=headers, timeout=60)
    assert first.status_code == 200, first.text
    assert first.headers["anthropic-ratelimit-requests-limit"] == "50"
    streamed = {"x-api-key": key, "idempotency-key": "order 8"}
    body = BODY | {"stream": True}
    stream = httpx.post(f"{server.url}/v1/messages", json=body, headers=streamed, timeout=60)
    assert "message_stop" in stream.text
    refused = httpx.get(f"{server.url}/v1/models", headers={"x-api-key": key})
    assert refused.status_code == 403
    server.kill()

    server = ServerProcess(data_dir)
    try:
        again = httpx.post(f"{server.url}/v1/messages", json=BODY, headers=headers, timeout=60)
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        replayed = httpx.post(f"{server.url}/v1/messages", json=body, headers=streamed)
        assert replayed.content == stream.content
    finally:
        assert server.stop() == 0


def ask(server: ServerProcess, body: dict[str, Any]) -> socket.socket:
    payload = json.dumps(body).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nhost: t\r\nx-api-key: {server.key}\r\n"
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload)
    return connection


async def answered(server: ServerProcess, wanted: int) -> int:
    """Ask until the answer has this status; return how often."""
    async with httpx.AsyncClient(base_url=server.url, headers={"x-api-key": server.key}) as http:
        for attempt in range(2000):
            if (await http.post("/v1/messages", json=BODY, timeout=60)).status_code == wanted:
                return attempt
    raise TimeoutError(f"no answer had the status {wanted}")


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
async def test_on_the_real_engine_a_client_that_goes_away_frees_its_slot(
    one_at_a_time: ServerProcess, stream: bool
) -> None:
    endless = BODY | {"max_tokens": 8000, "stop_sequences": ["never written"], "stream": stream}
    endless["messages"] = [{"role": "user", "content": "Count from 1 to 5000, one a line."}]
    assert await answered(one_at_a_time, 200) >= 0
    connection = ask(one_at_a_time, endless)
    await answered(one_at_a_time, 529)
    connection.close()
    left = time.monotonic()
    await answered(one_at_a_time, 200)
    assert time.monotonic() - left < 5  # an answer of its own is written meanwhile


@pytest.mark.slow
def test_on_the_real_server_a_half_closed_connection_is_answered(
    one_at_a_time: ServerProcess,
) -> None:
    with ask(one_at_a_time, BODY) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b"HTTP/1.1 200 OK" in answer
    assert b'"type":"message"' in answer


@pytest.fixture(scope="module")
def one_at_a_time(make_data_dir: Callable[[], Path]) -> Iterator[ServerProcess]:
    settings = {"CONSIGNE_ENGINE__MAX_RUNNING": "1", "CONSIGNE_ENGINE__MAX_QUEUED": "0"}
    process = ServerProcess(make_data_dir(), environ=settings)
    yield process
    assert process.stop() == 0
