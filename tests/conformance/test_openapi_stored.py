"""The OpenAPI document is true of files, uploads and batches, in both dialects."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from consigne.api.app import create_app
from consigne.api.openapi.operations import OPERATIONS
from doubles.scripted import ScriptedGateway, scripted_services
from support.contract import Contract
from support.storage import Storage, jsonl, storage

ROOTS = ("/v1/files", "/v1/uploads", "/v1/batches", "/v1/messages/batches")
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
UPLOAD = {"bytes": 3, "filename": "a", "mime_type": "text/plain", "purpose": "evals"}
MESSAGES = {"requests": [{"custom_id": "a", "params": CHAT | {"max_tokens": 9}}]}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.of(create_app(scripted_services(ScriptedGateway())))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Storage]:
    async with storage(tmp_path) as opened:
        yield opened


class Caller:
    """Asks in one dialect, and holds every answer to the document."""

    def __init__(self, contract: Contract, http: httpx.AsyncClient) -> None:
        self.seen: set[tuple[str, str]] = set()
        self._contract = contract
        self._http = http

    async def ask(self, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        names = {key: sent.pop(key) for key in ("file_id", "upload_id", "batch_id") if key in sent}
        answer = await self._http.request(method, path.format(**names), **sent)
        assert answer.status_code == status, answer.text
        self._contract.check(method, path, answer)
        self.seen.add((method, path))
        if "json" in sent and status == 200:
            assert self._contract.body_is_valid(path, sent["json"])
        return answer.json()


async def finished(site: Storage) -> None:
    await asyncio.gather(*site.services.batches._submitting)
    await site.services.batches._jobs.idle()


async def of_openai(site: Storage, caller: Caller) -> None:
    data = {"purpose": "batch", "expires_after[anchor]": "created_at"}
    sent = {"file": ("in.jsonl", jsonl(LINE))}
    file = await caller.ask(
        "POST", "/v1/files", files=sent, data=data | {"expires_after[seconds]": "3600"}
    )
    ids = {"file_id": file["id"]}
    await caller.ask("GET", "/v1/files")
    await caller.ask("GET", "/v1/files/{file_id}", **ids)
    upload = await caller.ask("POST", "/v1/uploads", json=UPLOAD)
    part = await caller.ask(
        "POST",
        "/v1/uploads/{upload_id}/parts",
        upload_id=upload["id"],
        files={"data": ("part", b"abc")},
    )
    await caller.ask(
        "POST",
        "/v1/uploads/{upload_id}/complete",
        upload_id=upload["id"],
        json={"part_ids": [part["id"]]},
    )
    other = await caller.ask("POST", "/v1/uploads", json=UPLOAD)
    await caller.ask("POST", "/v1/uploads/{upload_id}/cancel", upload_id=other["id"])
    await caller.ask("POST", "/v1/uploads/{upload_id}/cancel", 400, upload_id=other["id"])
    body = {"input_file_id": file["id"], "endpoint": LINE["url"], "completion_window": "24h"}
    batch = await caller.ask("POST", "/v1/batches", json=body)
    await caller.ask("GET", "/v1/batches/{batch_id}", batch_id=batch["id"])
    await finished(site)
    await caller.ask("GET", "/v1/batches/{batch_id}", batch_id=batch["id"])
    await caller.ask("POST", "/v1/batches/{batch_id}/cancel", 409, batch_id=batch["id"])
    await caller.ask("GET", "/v1/batches")
    await caller.ask("GET", "/v1/files")
    await caller.ask("DELETE", "/v1/files/{file_id}", **ids)
    await caller.ask("DELETE", "/v1/files/{file_id}", 404, **ids)


async def of_anthropic(site: Storage, caller: Caller) -> None:
    sent = {"file": ("a.txt", b"abc")}
    file = await caller.ask("POST", "/v1/files", files=sent, data={"expires_in_seconds": "3600"})
    ids = {"file_id": file["id"]}
    await caller.ask("GET", "/v1/files")
    await caller.ask("GET", "/v1/files/{file_id}", **ids)
    await caller.ask("GET", "/v1/files/{file_id}/content", 400, **ids)
    await caller.ask("DELETE", "/v1/files/{file_id}", **ids)
    await caller.ask("POST", "/v1/files", 415, json={})
    root = "/v1/messages/batches"
    batch = (await caller.ask("POST", root, json=MESSAGES))["id"]
    await caller.ask("DELETE", root + "/{batch_id}", 400, batch_id=batch)
    await finished(site)
    await caller.ask("GET", root + "/{batch_id}", batch_id=batch)
    await caller.ask("GET", root)
    await caller.ask("POST", root + "/{batch_id}/cancel", 409, batch_id=batch)
    await caller.ask("DELETE", root + "/{batch_id}", batch_id=batch)
    await caller.ask("GET", root + "/{batch_id}/results", 404, batch_id=batch)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_every_answer_is_as_the_document_says(
    site: Storage, contract: Contract, dialect: str
):
    openai = dialect == "openai"
    caller = Caller(contract, site.client() if openai else site.claude())
    await (of_openai if openai else of_anthropic)(site, caller)
    described = {
        key
        for key, sides in OPERATIONS.items()
        if key[1].startswith(ROOTS) and dialect in {side.dialect for side in sides}
    }
    assert described - caller.seen <= {("GET", "/v1/files/{file_id}/content")}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/uploads", UPLOAD | {"bytes": 0}),
        ("/v1/uploads/{upload_id}/complete", {"part_ids": []}),
        ("/v1/batches", {"endpoint": "/v1/files"}),
        ("/v1/messages/batches", {"requests": []}),
        ("/v1/messages/batches", {"requests": [{"custom_id": "a b", "params": {}}]}),
    ],
)
async def test_what_the_document_forbids_is_refused(
    site: Storage, contract: Contract, path: str, body: dict[str, Any]
):
    assert not contract.body_is_valid(path, body)
    refused = await site.client().post(path.format(upload_id="upload_x"), json=body)
    assert refused.status_code == 400
