"""The real server, process and terminal: bounded keys, and answers that survive its end."""

from collections.abc import Callable
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
    assert "only generate; 50 requests/min" in " ".join(server.run("keys", "list").stdout.split())
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
