"""Nobody sees, changes or deletes another's files, uploads or batches, whichever way they ask."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from consigne.api import anthropic, openai
from support.storage import OTHERS, Storage, jsonl, storage

ROOTS = ("/v1/files", "/v1/uploads", "/v1/batches", "/v1/messages/batches")
LISTS = ("/v1/files", "/v1/batches", "/v1/messages/batches")
PART = {"files": {"data": ("part", b"x")}}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
TENANT_TABLES = re.compile(r"\b(files|uploads|upload_parts|batches|batch_results)\b")


def endpoints() -> list[tuple[str, str, str]]:
    """Return dialect, method and path of every route here, as the API's description lists them."""
    found = []
    for dialect, router in (("anthropic", anthropic.router), ("openai", openai.router)):
        app = FastAPI()
        app.include_router(router)
        paths = app.openapi()["paths"]
        found += [
            (dialect, method.upper(), path)
            for path in sorted(paths)
            if path.startswith(ROOTS)
            for method in sorted(paths[path])
        ]
    return found


ONE = [each for each in endpoints() if "{" in each[2]]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Storage]:
    async with storage(tmp_path) as opened:
        yield opened


def client(site: Storage, dialect: str, who: str) -> httpx.AsyncClient:
    return site.claude(who) if dialect == "anthropic" else site.client(who)


async def furnished(site: Storage) -> dict[str, dict[str, str]]:
    """Make one of everything and return the ids, by dialect and name."""
    claude, gpt = site.claude(), site.client()
    params = {"max_tokens": 9} | CHAT
    body = {"requests": [{"custom_id": "a", "params": params}]}
    message_batch = (await claude.post("/v1/messages/batches", json=body)).json()
    sent = {"file": ("in.jsonl", jsonl(LINE))}
    file = (await gpt.post("/v1/files", files=sent, data={"purpose": "batch"})).json()
    body = {
        "input_file_id": file["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    batch = (await gpt.post("/v1/batches", json=body)).json()
    body = {"bytes": 1, "filename": "a", "mime_type": "text/plain", "purpose": "evals"}
    upload = (await gpt.post("/v1/uploads", json=body)).json()
    await gpt.post(f"/v1/uploads/{upload['id']}/parts", **PART)
    ids = {"file_id": file["id"], "upload_id": upload["id"]}
    return {
        "anthropic": ids | {"batch_id": message_batch["id"]},
        "openai": ids | {"batch_id": batch["id"]},
    }


def extras(method: str, path: str) -> Any:
    if path.endswith("/parts"):
        return PART
    return {"json": {"part_ids": ["part_1"]}} if path.endswith("/complete") else {}


def test_the_walk_covers_both_dialects():
    assert len(ONE) >= 15
    assert {path for dialect, _, path in ONE if dialect == "anthropic"} > {"/v1/files/{file_id}"}


@pytest.mark.parametrize("who", OTHERS)
async def test_another_s_things_are_not_found(site: Storage, who: str):
    names = await furnished(site)
    for dialect, method, path in ONE:
        http = client(site, dialect, who)
        wanted = path.format(**names[dialect])
        refused = await http.request(method, wanted, **extras(method, path))
        assert refused.status_code == 404, (dialect, method, path, refused.text)
        assert ("request_id" in refused.json()) == (dialect == "anthropic")
    body = {
        "input_file_id": names["openai"]["file_id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    refused = await site.client(who).post("/v1/batches", json=body)
    assert refused.status_code == 404
    for dialect in names:
        for path in LISTS:
            assert (await client(site, dialect, who).get(path)).json()["data"] == []
        ids = names[dialect]["file_id"]
        listed = await site.claude(who).get(f"/v1/files?ids[]={ids}")
        assert listed.json()["data"] == []
        owned = await client(site, dialect, "owner").get(f"/v1/files/{ids}")
        assert owned.status_code == 200


async def test_nothing_answers_to_nobody(site: Storage):
    names = await furnished(site)
    for dialect, method, path in endpoints():
        http = client(site, dialect, "owner")
        http.headers["authorization"] = "Bearer sk-csn-wrong"
        wanted = path.format(**names[dialect])
        refused = await http.request(method, wanted, **extras(method, path))
        assert refused.status_code == 401, (dialect, method, path)


async def test_every_query_of_a_caller_filters_on_its_organisation(site: Storage):
    unfiltered: list[str] = []
    filtered = 0

    def check(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        nonlocal filtered
        if statement.startswith("INSERT") or not TENANT_TABLES.search(statement):
            return
        where = statement.partition("WHERE")[2]
        # An update of one row by its id comes from a row that was read with the filter, and the
        # jobs, which have no caller, read a batch by the id that they were given.
        by_id = re.fullmatch(r"UPDATE (\w+) SET .* WHERE \1\.id = \?", statement)
        job = re.search(r"FROM batches\s+WHERE batches.id = \?$", statement)
        if "organisation_id" in where:
            filtered += 1
        elif not by_id and not job:
            unfiltered.append(statement)

    event.listen(site.db._engine.sync_engine, "before_cursor_execute", check)
    names = await furnished(site)
    for dialect, method, path in sorted(endpoints(), key=lambda each: each[1] == "DELETE"):
        http = client(site, dialect, "owner")
        wanted = path.format(**names[dialect])
        await http.request(method, wanted, **extras(method, path))
    assert unfiltered == []
    assert filtered > 30
