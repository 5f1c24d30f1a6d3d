"""What the real server records of each kind of call, also under a client that leaves and a kill."""

import json
import sqlite3
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from support.server import ServerProcess
from support.storage import jsonl

Json = dict[str, Any]
MODEL = "smollm2-135m-instruct"
SAID: Any = [{"role": "user", "content": "Count from one to twenty, please."}]
DEADLINE_S = 120.0


def until(done: Callable[[], Any]) -> Any:
    """Return what ``done`` returns once it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := done()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def records(data_dir: Path) -> list[Json]:
    """Return the records in the order of their beginning."""
    with sqlite3.connect(data_dir / "consigne.db") as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM usage_records ORDER BY at, id")
        return [dict(row) for row in found]


def ask_in_the_chat(server: ServerProcess) -> Json:
    """Ask a question as the owner and return the answer's message, once it is whole."""
    origin = {"origin": server.url}
    with httpx.Client(base_url=f"{server.url}/api", headers=origin, timeout=60) as page:
        assert page.post("/session", json={"token": server.login_token}).is_success
        conversation = page.post("/conversations", json={}).json()
        body = {"text": "Say hello.", "parent_id": None, "client_id": str(uuid.uuid4())}
        sent = page.post(f"/conversations/{conversation['id']}/messages", json=body).json()
        where = f"/conversations/{conversation['id']}?around={sent['answer']['id']}"

        def answer() -> Json | None:
            messages: list[Json] = page.get(where).json()["messages"]
            return messages[-1] if messages[-1]["state"] == "complete" else None

        message: Json = until(answer)
        report = page.get("/usage", params={"by": "endpoint", "days": 2}).json()
        assert report["rows"][0]["id"] == "chat"
        return message


def leave_midway(client: openai.OpenAI) -> None:
    """Begin to read a long answer, and hang up."""
    stream = client.chat.completions.create(
        model=MODEL, messages=SAID, max_tokens=1500, stream=True, temperature=0, seed=1
    )
    for number, _ in enumerate(stream):
        if number == 8:
            break
    stream.close()


def run_batch(client: openai.OpenAI) -> Json:
    """Answer two requests in a batch and return what the batch says of its usage."""
    body = {"model": MODEL, "messages": SAID, "max_tokens": 6}
    lines = (
        {"custom_id": str(i), "method": "POST", "url": "/v1/chat/completions", "body": body}
        for i in range(2)
    )
    given = client.files.create(file=("in.jsonl", jsonl(*lines)), purpose="batch")
    made = client.batches.create(
        input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    return until(
        lambda: (
            (batch := client.batches.retrieve(made.id)).status == "completed" and batch.to_dict()
        )
    )["usage"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_each_kind_of_call_is_recorded_and_a_kill_loses_none_of_it(
    make_data_dir: Callable[[], Path],
):
    data_dir = make_data_dir()
    prices = {MODEL: {"input": 1.0, "output": 2.0}}
    environ = {"CONSIGNE_MODELS__PRICES": json.dumps(prices)}
    server = ServerProcess(data_dir, environ=environ)
    answer = ask_in_the_chat(server)
    claude = anthropic.Anthropic(base_url=server.url, auth_token=server.key)
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key)
    with claude, client:
        message = claude.messages.create(model=MODEL, max_tokens=7, messages=SAID)
        streamed = client.responses.create(
            model=MODEL, input="Hello", max_output_tokens=9, stream=True
        )
        response = next(each.response for each in streamed if each.type == "response.incomplete")
        completion = client.completions.create(model=MODEL, prompt="One, two,", max_tokens=5, n=2)
        model = next(each.id for each in client.models.list() if "minilm" in each.id)
        vectors = client.embeddings.create(model=model, input=["Hello", "world"])
        leave_midway(client)
        batch = run_batch(client)
        until(lambda: len(records(data_dir)) == 8)
    metrics = httpx.get(f"{server.url}/metrics")
    assert metrics.status_code == 200
    assert 'consigne_engine_running{model="smollm2-135m-instruct"} 0.0' in metrics.text
    server.kill()

    chat, *calls = records(data_dir)
    assert (chat["endpoint"], chat["id"][:4], chat["key_id"]) == ("chat", "run_", None)
    assert chat["user_id"] is not None
    assert (chat["input_tokens"], chat["output_tokens"]) == (
        answer["usage"]["input_tokens"],
        answer["usage"]["output_tokens"],
    )
    by_kind = {(each["endpoint"], bool(each["batch"]), each["status"]): each for each in calls}
    assert response.usage is not None
    assert completion.usage is not None
    told = {
        "messages": (
            message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0),
            message.usage.output_tokens,
        ),
        "responses": (response.usage.input_tokens, response.usage.output_tokens),
        "completions": (completion.usage.prompt_tokens, completion.usage.completion_tokens),
        "embeddings": (vectors.usage.prompt_tokens, 0),
    }
    for endpoint, counts in told.items():
        row = by_kind[endpoint, False, "ok"]
        assert (row["input_tokens"], row["output_tokens"]) == counts
        cost = None if endpoint == "embeddings" else counts[0] + 2 * counts[1]
        assert row["cost"] == cost
    assert by_kind["responses", False, "ok"]["streamed"]
    left = by_kind["chat_completions", False, "cancelled"]
    assert 5 <= left["output_tokens"] < 1500
    items = [each for each in calls if each["batch"]]
    assert len(items) == 2
    assert sum(each["input_tokens"] for each in items) == batch["input_tokens"]
    assert sum(each["output_tokens"] for each in items) == batch["output_tokens"]
    for each in items:
        assert each["cost"] == (each["input_tokens"] + 2 * each["output_tokens"] + 1) // 2

    report = json.loads(server.run("usage", "--by", "endpoint", "--json").stdout)
    everything = [chat, *calls]
    for column in ("input_tokens", "output_tokens", "cached_tokens"):
        assert report["total"][column] == sum(each[column] for each in everything)
    assert report["total"]["cost"] == sum(each["cost"] or 0 for each in everything)
    table = server.run("usage", "--by", "key", "--since", "1d").stdout
    assert "tests" in table
    assert "(the chat)" in table
