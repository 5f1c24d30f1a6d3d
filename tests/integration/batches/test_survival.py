"""A batch outlives its server: killed in the middle, it goes on and asks nothing twice."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from doubles.scripted import ScriptedGateway
from support.server import ServerProcess
from support.storage import jsonl, served_storage

STARTER = "smollm2-135m-instruct"
ITEMS = 40
DEADLINE_S = 120.0


def line(number: int, model: str = STARTER) -> Any:
    messages = [{"role": "user", "content": f"Count from {number} on."}]
    body = {"model": model, "max_tokens": 8, "messages": messages}
    return {
        "custom_id": f"item-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }


def stored(data_dir: Path) -> dict[int, str]:
    """Return the results that the database holds, by the request's number."""
    with sqlite3.connect(data_dir / "consigne.db") as connection:
        return dict(connection.execute("SELECT number, line FROM batch_results"))


@pytest.mark.slow
def test_a_killed_server_finishes_its_batch_and_asks_nothing_twice(
    make_data_dir: Callable[[], Path],
):
    data_dir = make_data_dir()
    server = ServerProcess(data_dir)
    key = server.key
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
        content = jsonl(*(line(i) for i in range(ITEMS)))
        given = client.files.create(file=("in.jsonl", content), purpose="batch")
        made = client.batches.create(
            input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and len(stored(data_dir)) < ITEMS // 4:
            time.sleep(0.01)
        server.kill()
    before = stored(data_dir)
    assert ITEMS // 4 <= len(before) < ITEMS
    again = ServerProcess(data_dir)
    try:
        with openai.OpenAI(base_url=f"{again.url}/v1", api_key=key) as client:
            batch = client.batches.retrieve(made.id)
            while batch.status != "completed" and time.monotonic() < deadline:
                time.sleep(0.05)
                batch = client.batches.retrieve(made.id)
            assert batch.status == "completed", batch
            assert batch.request_counts is not None
            assert batch.request_counts.completed == ITEMS
            assert batch.output_file_id is not None
            lines = client.files.content(batch.output_file_id).text.splitlines()
        assert [json.loads(each)["custom_id"] for each in lines] == [
            f"item-{i}" for i in range(ITEMS)
        ]
        # What was answered before the kill is in the file to the letter: it was not asked again.
        assert {number: lines[number] for number in before} == before
        assert stored(data_dir) == {}
    finally:
        assert again.stop() == 0


def test_a_server_that_stops_leaves_its_batch_to_the_next(tmp_path: Path):
    gateway = ScriptedGateway()
    gateway.scripts = [gateway.script, [asyncio.Event()]]
    with served_storage(tmp_path, gateway) as (url, storage):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=storage.secrets["owner"])
        content = jsonl(*(line(i, "tiny") for i in range(2)))
        given = client.files.create(file=("in.jsonl", content), purpose="batch")
        made = client.batches.create(
            input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        deadline = time.monotonic() + DEADLINE_S
        while not (gateway.running and stored(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.01)
        client.close()
    assert gateway.running == 0
    assert len(gateway.requests) == 2
    later = ScriptedGateway()
    with served_storage(tmp_path, later) as (url, storage):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=storage.secrets["owner"])
        batch = client.batches.retrieve(made.id)
        while batch.status != "completed" and time.monotonic() < deadline:
            time.sleep(0.01)
            batch = client.batches.retrieve(made.id)
        client.close()
    assert batch.status == "completed"
    assert len(later.requests) == 1


@pytest.mark.slow
def test_a_small_batch_on_the_real_model(server: ServerProcess):
    with anthropic.Anthropic(base_url=server.url, api_key=server.key) as client:
        asked: Any = {
            "model": STARTER,
            "max_tokens": 12,
            "messages": [{"role": "user", "content": "Say hello."}],
        }
        made = client.messages.batches.create(
            requests=[{"custom_id": f"r{i}", "params": asked} for i in range(4)]
        )
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if client.messages.batches.retrieve(made.id).processing_status == "ended":
                break
            time.sleep(0.05)
        results = list(client.messages.batches.results(made.id))
    assert [each.custom_id for each in results] == ["r0", "r1", "r2", "r3"]
    for each in results:
        assert each.result.type == "succeeded"
        assert each.result.message.usage.output_tokens > 0
        assert each.result.message.usage.service_tier == "batch"
