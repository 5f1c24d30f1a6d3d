"""What a batch may do is what its key may do, for as long as the key works."""

import asyncio
from typing import Any

import httpx

from consigne.business.grants import SCOPES
from consigne.business.keys import NewKey
from doubles.inline_jobs import InlineJobs
from doubles.scripted import ScriptedGateway
from support.storage import Storage, jsonl
from support.waiting import until

BATCHES = "/v1/messages/batches"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


async def client(site: Storage, *scopes: str) -> tuple[httpx.AsyncClient, str]:
    key, secret = await site.services.keys.create("bounded", NewKey(scopes=tuple(scopes)))
    http = site.client()
    http.headers["authorization"] = f"Bearer {secret}"
    return http, key.id


def messages(count: int) -> dict[str, Any]:
    params = CHAT | {"max_tokens": 9}
    return {"requests": [{"custom_id": f"item-{n}", "params": params} for n in range(count)]}


async def test_a_key_that_may_not_generate_may_not_by_a_batch(site: Storage):
    http, _ = await client(site, "batches", "files")
    refused = await http.post(BATCHES, json=messages(1))
    assert refused.status_code == 403
    assert "'generate'" in refused.json()["error"]["message"]
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
    sent = {"file": ("in.jsonl", jsonl(line))}
    file = (await http.post("/v1/files", files=sent, data={"purpose": "batch"})).json()
    body = {
        "input_file_id": file["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    refused = await http.post("/v1/batches", json=body)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "insufficient_permissions"


async def test_a_revoked_key_gets_no_more_answers(
    site: Storage, gateway: ScriptedGateway, jobs: InlineJobs
):
    http, key_id = await client(site, *SCOPES)
    gate = asyncio.Event()
    gateway.script = [gate, *gateway.script]
    batch = (await http.post(BATCHES, json=messages(3))).json()["id"]
    await until(lambda: gateway.running == 2)
    await site.services.keys.revoke(key_id)
    gate.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*site.services.batches._submitting)
        await jobs.idle()
    counts = (await site.claude().get(f"{BATCHES}/{batch}")).json()["request_counts"]
    assert (counts["succeeded"], counts["errored"]) == (2, 1)
    assert "revoked" in (await site.claude().get(f"{BATCHES}/{batch}/results")).text
