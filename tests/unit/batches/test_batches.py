"""What a customer relies on of batches: each request once, whatever comes between."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.batches import runner
from consigne.batches.values import RESULTS_KEPT
from consigne.domain.errors import EngineCrashed, Overloaded
from doubles.inline_jobs import InlineJobs
from doubles.scripted import START, ScriptedGateway, text
from support.clock import held_clock
from support.storage import Storage, jsonl
from support.waiting import until

HELLO = [{"role": "user", "content": "Hi"}]
PARAMS = {"model": "tiny", "max_tokens": 9, "messages": HELLO}
CHAT = {"model": "tiny", "messages": HELLO}
BATCHES = "/v1/messages/batches"


def request(number: int = 0, **params: Any) -> dict[str, Any]:
    return {"custom_id": f"item-{number}", "params": PARAMS | params}


async def make(site: Storage, *requests: dict[str, Any]) -> str:
    response = await site.claude().post(BATCHES, json={"requests": requests or [request()]})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


async def get(site: Storage, batch_id: str) -> Any:
    return (await site.claude().get(f"{BATCHES}/{batch_id}")).json()


async def ended(site: Storage, jobs: InlineJobs, batch_id: str) -> Any:
    async with asyncio.timeout(60):
        await asyncio.gather(*site.services.batches._submitting)
        await jobs.idle()
    found = await get(site, batch_id)
    assert found["processing_status"] == "ended"
    return found


async def results(site: Storage, batch_id: str) -> dict[str, Any]:
    response = await site.claude().get(f"{BATCHES}/{batch_id}/results")
    assert response.status_code == 200
    rows = [json.loads(line) for line in response.text.splitlines()]
    return {row["custom_id"]: row["result"] for row in rows}


async def make_openai(site: Storage, *lines: dict[str, Any], **more: Any) -> httpx.Response:
    http = site.client()
    sent = {"file": ("in.jsonl", jsonl(*lines))}
    file = (await http.post("/v1/files", files=sent, data={"purpose": "batch"})).json()
    body = {
        "input_file_id": file["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return await http.post("/v1/batches", json=body | more)


async def completed(site: Storage, batch_id: str, count: int) -> None:
    """Wait until so many requests of an OpenAI batch have a result."""
    async with asyncio.timeout(60):
        found = 0
        while found < count:
            batch = (await site.client().get(f"/v1/batches/{batch_id}")).json()
            found = batch["request_counts"]["completed"]


def line(number: int, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": f"item-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": CHAT | body,
    }


def objects(site: Storage) -> list[str]:
    folder: Path = site.services.settings.objects_dir
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_no_more_run_at_once_than_allowed(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    gate = asyncio.Event()
    gateway.script = [gate, *gateway.script]
    batch = await make(site, *(request(i) for i in range(5)))
    await until(lambda: gateway.running == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert gateway.running == 2
    gate.set()
    assert (await ended(site, jobs, batch))["request_counts"]["succeeded"] == 5


async def test_what_was_cut_goes_on_where_it_was(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    gate = asyncio.Event()
    gateway.scripts = [gateway.script, gateway.script, [gate], [gate]]
    batch = await make(site, *(request(i) for i in range(6)))
    await until(lambda: len(gateway.requests) == 4)
    assert (await get(site, batch))["request_counts"]["processing"] == 6
    await jobs.close()
    assert gateway.running == 0
    assert site.services.batches._runner._traffic.background == 0
    await site.services.batches.start()
    counts = (await ended(site, jobs, batch))["request_counts"]
    assert counts["succeeded"] == 6
    assert len(gateway.requests) == 4 + 4
    assert len(await results(site, batch)) == 6
    assert objects(site) == ["results.jsonl"]


async def test_running_every_step_twice_changes_nothing(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    batch = await make(site, request(0), request(1, max_tokens=-1))
    first = await ended(site, jobs, batch)
    found = await results(site, batch)
    await jobs.submit("batch", batch)
    assert await ended(site, jobs, batch) == first
    assert await results(site, batch) == found
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("trouble", [Overloaded("Full.", retry_after=0.01), EngineCrashed("Died.")])
async def test_trouble_that_passes_is_not_the_request_s(
    site: Storage,
    gateway: ScriptedGateway,
    jobs: InlineJobs,
    trouble: Exception,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.01)
    gateway.scripts = [[trouble], [START, *text("a")[:1], trouble]]
    batch = await make(site)
    async with asyncio.timeout(60):
        await ended(site, jobs, batch)
    assert (await results(site, batch))["item-0"]["type"] == "succeeded"


async def test_an_engine_that_always_dies_is_an_error_of_the_item(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.001)
    gateway.script = [EngineCrashed("Died.")]
    gateway.script = [EngineCrashed("Died.")]
    batch = await make(site)
    monkeypatch.setattr(runner, "LONGEST_PAUSE_S", 0.001)
    await ended(site, jobs, batch)
    assert (await results(site, batch))["item-0"]["error"]["error"]["type"] == "api_error"
    assert len(gateway.requests) == runner.TRIES


async def test_what_is_not_done_in_time_expires(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    with held_clock() as clock:
        gateway.scripts = [gateway.script, [asyncio.Event()], [asyncio.Event()]]
        batch = await make(site, *(request(i) for i in range(4)))
        await until(lambda: len(gateway.requests) == 3)
        await jobs.close()
        clock.move(hours=25)
        await site.services.batches.start()
        counts = (await ended(site, jobs, batch))["request_counts"]
        assert (counts["succeeded"], counts["expired"]) == (1, 3)
        kinds = [each["type"] for each in (await results(site, batch)).values()]
        assert sorted(kinds) == ["expired", "expired", "expired", "succeeded"]


async def test_openai_expired_requests_are_in_the_error_file(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    with held_clock() as clock:
        gateway.scripts = [gateway.script, [asyncio.Event()]]
        made = (await make_openai(site, line(0), line(1))).json()
        await until(lambda: len(gateway.requests) == 2)
        await completed(site, made["id"], 1)
        await jobs.close()
        clock.move(hours=25)
        await site.services.batches.start()
        await jobs.idle()
        batch = (await site.client().get(f"/v1/batches/{made['id']}")).json()
        assert batch["status"] == "expired"
        assert batch["expired_at"] == int(clock.now.timestamp())
        errors = await site.client().get(f"/v1/files/{batch['error_file_id']}/content")
        (row,) = [json.loads(each) for each in errors.text.splitlines()]
        done = await site.client().get(f"/v1/files/{batch['output_file_id']}/content")
        assert {row["custom_id"], done.json()["custom_id"]} == {"item-0", "item-1"}
        assert row["error"]["code"] == "batch_expired"
        assert row["response"] is None


async def test_openai_cancelled_batches_keep_what_they_had(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    gateway.scripts = [gateway.script, [asyncio.Event()]]
    made = (await make_openai(site, line(0), line(1))).json()
    await until(lambda: len(gateway.requests) == 2)
    await completed(site, made["id"], 1)
    cancelling = await site.client().post(f"/v1/batches/{made['id']}/cancel")
    assert cancelling.json()["status"] == "cancelling"
    await jobs.idle()
    batch = (await site.client().get(f"/v1/batches/{made['id']}")).json()
    assert batch["status"] == "cancelled"
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 0}
    assert batch["output_file_id"]
    assert batch["cancelled_at"] >= batch["cancelling_at"]


async def test_results_go_after_twenty_nine_days(site: Storage, jobs: InlineJobs):
    with held_clock() as clock:
        batch = await make(site)
        assert (await ended(site, jobs, batch))["results_url"].endswith(f"{batch}/results")
        clock.move(seconds=RESULTS_KEPT.total_seconds() + 1)
        assert await site.services.batches.sweep() == 1
        found = await get(site, batch)
        assert (found["results_url"], bool(found["archived_at"])) == (None, True)
        gone = await site.claude().get(f"{BATCHES}/{batch}/results")
        assert gone.status_code == 404
        assert objects(site) == []


async def test_pretty_bodies_are_read_line_by_line(site: Storage, jobs: InlineJobs):
    body = json.dumps({"requests": [request(0), request(1)]}, indent=2)
    headers = {"content-type": "application/json"}
    made = (await site.claude().post(BATCHES, content=body, headers=headers)).json()
    assert (await ended(site, jobs, made["id"]))["request_counts"]["succeeded"] == 2


async def test_a_request_keeps_the_version_of_its_batch(site: Storage, jobs: InlineJobs):
    old = await make(site, request(0, temperature=0.5))
    http = site.client(**{"anthropic-version": "2026-10-21"})
    made = await http.post(BATCHES, json={"requests": [request(0, temperature=0.5)]})
    await ended(site, jobs, made.json()["id"])
    assert (await results(site, old))["item-0"]["type"] == "succeeded"
    refused = (await results(site, made.json()["id"]))["item-0"]
    assert "temperature" in refused["error"]["error"]["message"]


async def test_before_the_end_there_are_no_results(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    gate = asyncio.Event()
    gateway.script = [gate, *gateway.script]
    batch = await make(site)
    refused = await site.claude().get(f"{BATCHES}/{batch}/results")
    assert refused.status_code == 400
    assert (await get(site, batch))["results_url"] is None
    gate.set()
    await ended(site, jobs, batch)
    late = await site.claude().post(f"{BATCHES}/{batch}/cancel")
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "valid JSON"),
        (b"[]", "valid JSON object"),
        (b"{}", "requests"),
        (b'{"requests": 3}', "requests"),
        (b'{"requests": []}', "requests"),
        (b'{"requests": [3]}', "requests.0"),
        (b'{"requests": [{}], "model": "x"}', "model"),
        (b'{"requests": [{"custom_id": "a"}]}', "requests.0.params"),
        (b'{"requests": [{"params": {}}]}', "requests.0.custom_id"),
        (b'{"requests": [{"custom_id": "a b", "params": {}}]}', "requests.0.custom_id"),
        (b'{"requests": [{"custom_id": 1, "params": {}}]}', "requests.0.custom_id"),
        (b'{"requests": [{"custom_id": "a", "params": []}]}', "requests.0.params"),
        (b'{"requests": [{"custom_id": "a", "params": {}, "x": 1}]}', "requests.0.x"),
        (
            b'{"requests": [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}]}',
            "requests.1.custom_id",
        ),
        (b'{"requests": ' + b"[" * 50_000, "JSON"),
        (b'{"requests": [{"custom_id": "\xff", "params": {}}]}', ""),
    ],
)
async def test_a_malformed_batch_is_refused_whole(site: Storage, body: bytes, said: str):
    headers = {"content-type": "application/json"}
    refused = await site.claude().post(BATCHES, content=body, headers=headers)
    assert refused.status_code == 400, refused.text
    assert refused.json()["type"] == "error"
    assert said in refused.json()["error"]["message"]
    assert objects(site) == []


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"endpoint": "/v1/files"}, 400, "endpoint"),
        ({"endpoint": "/v1/audio/speech"}, 400, "endpoint"),
        ({"completion_window": "1h"}, 400, "completion_window"),
        ({"input_file_id": "file-x"}, 404, "input_file_id"),
        ({"metadata": {"a": 1}}, 400, "metadata.a"),
        ({"output_expires_after": {"anchor": "now", "seconds": 1}}, 400, "output_expires_after"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
async def test_wrong_openai_batches_are_refused(
    site: Storage, change: dict[str, Any], status: int, param: str
):
    refused = await make_openai(site, line(0), **change)
    assert refused.status_code == status, refused.text
    assert refused.json()["error"]["param"].startswith(param)


async def test_a_file_for_something_else_is_no_batch(site: Storage):
    sent = {"file": ("in.jsonl", jsonl(line(0)))}
    data = {"purpose": "user_data"}
    file = (await site.client().post("/v1/files", files=sent, data=data)).json()
    refused = await make_openai(site, line(0), input_file_id=file["id"])
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input_file_id"


async def test_an_empty_file_fails(site: Storage, jobs: InlineJobs):
    made = (await make_openai(site)).json()
    await asyncio.gather(*site.services.batches._submitting)
    await jobs.idle()
    batch = (await site.client().get(f"/v1/batches/{made['id']}")).json()
    assert (batch["status"], batch["errors"]["data"][0]["code"]) == ("failed", "empty_file")


@settings(max_examples=10)
@given(limit=st.integers(1, 4), count=st.integers(0, 3))
async def test_pages_hold_every_batch_once(site: Storage, jobs: InlineJobs, limit: int, count: int):
    for _ in range(count):
        await ended(site, jobs, await make(site))
    everything = (await site.claude().get(f"{BATCHES}?limit=1000")).json()["data"]
    ids = [batch["id"] for batch in everything]
    assert ids == sorted(ids, reverse=True)
    found: list[str] = []
    after = ""
    while True:
        query = f"limit={limit}" + (f"&after_id={after}" if after else "")
        page = (await site.claude().get(f"{BATCHES}?{query}")).json()
        found += [batch["id"] for batch in page["data"]]
        if not page["has_more"]:
            break
        after = page["last_id"]
    assert found == ids
    if ids:
        back = (await site.claude().get(f"{BATCHES}?limit={limit}&before_id={ids[-1]}")).json()
        assert [batch["id"] for batch in back["data"]] == ids[:-1][-limit:]
