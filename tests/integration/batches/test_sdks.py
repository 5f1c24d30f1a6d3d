"""The vendors' own SDKs run batches over real HTTP, with durable jobs and a scripted model."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from doubles.scripted import ScriptedGateway
from support.storage import Storage, jsonl, served_storage

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, gateway: ScriptedGateway
) -> Iterator[tuple[str, Storage]]:
    with served_storage(tmp_path_factory.mktemp("data"), gateway) as found:
        yield found


@pytest.fixture
def claude(served: tuple[str, Storage]) -> Iterator[anthropic.Anthropic]:
    url, storage = served
    with anthropic.Anthropic(base_url=url, api_key=storage.secrets["owner"]) as client:
        yield client


@pytest.fixture
def gpt(served: tuple[str, Storage]) -> Iterator[openai.OpenAI]:
    url, storage = served
    with openai.OpenAI(base_url=f"{url}/v1", api_key=storage.secrets["owner"]) as client:
        yield client


def message(number: int, **params: Any) -> Any:
    """Return one request of an Anthropic batch."""
    asked = {"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    return {"custom_id": f"item-{number}", "params": asked | params}


def chat(number: int, **body: Any) -> Any:
    """Return one line of an OpenAI batch file."""
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
    return {
        "custom_id": f"item-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": asked | body,
    }


def ended(client: anthropic.Anthropic, batch_id: str) -> Any:
    """Return an Anthropic batch once it has ended."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        batch = client.messages.batches.retrieve(batch_id)
        if batch.processing_status == "ended":
            return batch
        time.sleep(0.02)
    raise TimeoutError(batch_id)


def over(client: openai.OpenAI, batch_id: str) -> Any:
    """Return an OpenAI batch once it has ended."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        batch = client.batches.retrieve(batch_id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.02)
    raise TimeoutError(batch_id)


def rows(client: openai.OpenAI, file_id: str) -> list[Any]:
    """Return the lines of a result file."""
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_anthropic_batch_from_making_to_deleting(claude: anthropic.Anthropic):
    requests = [message(0), message(1, max_tokens=-1), message(2, model="nope"), message(3)]
    made = claude.messages.batches.create(requests=requests)
    assert made.processing_status == "in_progress"
    assert made.request_counts.processing == 4
    assert (made.expires_at - made.created_at).total_seconds() == 24 * 3600
    batch = ended(claude, made.id)
    counts = batch.request_counts
    assert (counts.succeeded, counts.errored, counts.processing) == (2, 2, 0)
    found = {each.custom_id: each.result for each in claude.messages.batches.results(made.id)}
    first = found["item-0"]
    assert first.type == "succeeded"
    assert first.message.content[0].type == "text"
    assert first.message.content[0].text == "Hello world"
    assert first.message.usage.service_tier == "batch"
    malformed, unknown = found["item-1"], found["item-2"]
    assert malformed.type == unknown.type == "errored"
    assert malformed.error.error.type == "invalid_request_error"
    assert "max_tokens" in malformed.error.error.message
    assert unknown.error.error.type == "not_found_error"
    assert made.id in [each.id for each in claude.messages.batches.list(limit=1)]
    assert claude.messages.batches.delete(made.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve(made.id)


def test_anthropic_streams_cannot_be_batched(claude: anthropic.Anthropic):
    made = claude.messages.batches.create(requests=[message(0, stream=True)])
    ended(claude, made.id)
    (only,) = claude.messages.batches.results(made.id)
    assert only.result.type == "errored"
    assert "stream" in only.result.error.error.message


def test_anthropic_cancel_stops_what_runs(claude: anthropic.Anthropic, gateway: ScriptedGateway):
    gateway.scripts = [[asyncio.Event()] for _ in range(3)]
    made = claude.messages.batches.create(requests=[message(i) for i in range(3)])
    deadline = time.monotonic() + DEADLINE_S
    while gateway.running < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(anthropic.BadRequestError, match="still being processed"):
        claude.messages.batches.delete(made.id)
    cancelled = claude.messages.batches.cancel(made.id)
    assert cancelled.processing_status == "canceling"
    assert cancelled.cancel_initiated_at is not None
    batch = ended(claude, made.id)
    assert batch.request_counts.canceled == 3
    assert gateway.running == 0
    kinds = {each.result.type for each in claude.messages.batches.results(made.id)}
    assert kinds == {"canceled"}


async def test_anthropic_async(served: tuple[str, Storage]):
    url, storage = served
    async with anthropic.AsyncAnthropic(base_url=url, api_key=storage.secrets["owner"]) as client:
        made = await client.messages.batches.create(requests=[message(0)])
        async with asyncio.timeout(DEADLINE_S):
            while (  # noqa: ASYNC110 - a server has no event to await
                await client.messages.batches.retrieve(made.id)
            ).processing_status != "ended":
                await asyncio.sleep(0.02)
        found = [each async for each in await client.messages.batches.results(made.id)]
    assert [each.custom_id for each in found] == ["item-0"]


def test_openai_batch_from_file_to_files(gpt: openai.OpenAI):
    content = jsonl(chat(0), chat(1, max_tokens=-1), chat(2))
    given = gpt.files.create(file=("in.jsonl", content), purpose="batch")
    made = gpt.batches.create(
        input_file_id=given.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"job": "nightly"},
    )
    assert made.status == "validating"
    # The batch has its own copy of the requests.
    gpt.files.delete(given.id)
    batch = over(gpt, made.id)
    assert batch.status == "completed"
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 2, 1)
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (24, 10)
    assert batch.usage.input_tokens_details.cached_tokens == 8
    assert (batch.model, batch.metadata) == ("tiny", {"job": "nightly"})
    assert batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    good = rows(gpt, batch.output_file_id)
    assert [row["custom_id"] for row in good] == ["item-0", "item-2"]
    assert good[0]["response"]["status_code"] == 200
    assert good[0]["response"]["body"]["choices"][0]["message"]["content"] == "Hello world"
    assert good[0]["error"] is None
    (bad,) = rows(gpt, batch.error_file_id)
    assert bad["custom_id"] == "item-1"
    assert bad["response"]["status_code"] == 400
    assert bad["response"]["body"]["error"]["param"] == "max_tokens"
    assert gpt.files.retrieve(batch.output_file_id).purpose == "batch_output"
    with pytest.raises(openai.ConflictError, match="completed"):
        gpt.batches.cancel(made.id)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/responses", {"model": "tiny", "input": "Hi"}),
        ("/v1/embeddings", {"model": "mini", "input": ["a", "bc"]}),
    ],
)
def test_openai_batches_of_other_endpoints(gpt: openai.OpenAI, endpoint: Any, body: Any):
    line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": body}
    given = gpt.files.create(file=("in.jsonl", jsonl(line)), purpose="batch")
    made = gpt.batches.create(input_file_id=given.id, endpoint=endpoint, completion_window="24h")
    batch = over(gpt, made.id)
    assert batch.status == "completed"
    assert batch.error_file_id is None
    (row,) = rows(gpt, batch.output_file_id)
    assert row["response"]["status_code"] == 200
    assert batch.usage.total_tokens > 0


def test_openai_bad_file_fails_with_the_lines_at_fault(gpt: openai.OpenAI):
    content = jsonl(chat(0), chat(0)) + b"{oops\n" + jsonl(chat(3) | {"url": "/v1/embeddings"})
    given = gpt.files.create(file=("in.jsonl", content), purpose="batch")
    made = gpt.batches.create(
        input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = over(gpt, made.id)
    assert batch.status == "failed"
    assert [(each.code, each.line) for each in batch.errors.data] == [
        ("duplicate_custom_id", 2),
        ("invalid_json_line", 3),
        ("mismatched_endpoint", 4),
    ]
    assert batch.failed_at is not None


def test_openai_lists_in_pages(gpt: openai.OpenAI):
    listed = [batch.id for batch in gpt.batches.list(limit=1)]
    assert len(listed) >= 4
    assert listed == sorted(listed, reverse=True)
