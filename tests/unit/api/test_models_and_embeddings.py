"""Models and embeddings: shared paths answer in the dialect that asks."""

import base64
import struct
from typing import Any

import pytest

from doubles.scripted import ScriptedGateway
from support.dialects import client

ANTHROPIC = {"anthropic-version": "2023-06-01"}


async def test_the_header_decides_the_dialect_of_the_list() -> None:
    async with client(ScriptedGateway()) as http:
        openai = (await http.get("/v1/models")).json()
        anthropic = (await http.get("/v1/models", headers=ANTHROPIC)).json()
    assert [model["id"] for model in openai["data"]] == ["tiny", "plain", "mini"]
    assert openai["data"][0] == {
        "id": "tiny",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "consigne",
    }
    assert [model["id"] for model in anthropic["data"]] == ["plain", "tiny"]
    assert anthropic["data"][1]["created_at"] == "2023-11-14T22:13:20Z"
    assert anthropic["data"][1]["display_name"] == "Tiny Instruct"
    assert (anthropic["first_id"], anthropic["last_id"]) == ("plain", "tiny")
    assert anthropic["has_more"] is False


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("limit=1", ["plain"], True),
        ("limit=1&after_id=plain", ["tiny"], False),
        ("limit=1&before_id=tiny", ["plain"], False),
        ("lifecycle=retired", [], False),
    ],
)
async def test_the_list_has_pages(query: str, ids: list[str], more: bool) -> None:
    async with client(ScriptedGateway()) as http:
        body = (await http.get(f"/v1/models?{query}", headers=ANTHROPIC)).json()
    assert [model["id"] for model in body["data"]] == ids
    assert body["has_more"] is more


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "after_id=nope"])
async def test_a_wrong_page_is_refused(query: str) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.get(f"/v1/models?{query}", headers=ANTHROPIC)
    assert answer.status_code == 400


@pytest.mark.parametrize("headers", [{}, ANTHROPIC])
async def test_one_model(headers: dict[str, str]) -> None:
    async with client(ScriptedGateway()) as http:
        found = await http.get("/v1/models/tiny", headers=headers)
        missing = await http.get("/v1/models/some/other", headers=headers)
    assert found.json()["id"] == "tiny"
    assert missing.status_code == 404
    assert "some/other" in missing.json()["error"]["message"]


async def embed(**fields: Any) -> tuple[int, dict[str, Any]]:
    """Ask for embeddings."""
    async with client(ScriptedGateway()) as http:
        answer = await http.post("/v1/embeddings", json={"model": "mini", "input": "ab"} | fields)
    return answer.status_code, answer.json()


async def test_embeddings_of_texts() -> None:
    status, body = await embed(input=["ab", "abc"])
    assert status == 200
    assert body == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [2.0, 0.5, 0.5]},
            {"object": "embedding", "index": 1, "embedding": [3.0, 0.5, 0.5]},
        ],
        "model": "mini",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


async def test_embeddings_in_base64() -> None:
    _, body = await embed(encoding_format="base64", dimensions=3)
    packed = base64.b64decode(body["data"][0]["embedding"])
    assert struct.unpack("<3f", packed) == (2.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"dimensions": 2}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"model": "tiny"}, "model"),
    ],
)
async def test_embeddings_refuse_by_name(fields: dict[str, Any], param: str) -> None:
    status, body = await embed(**fields)
    assert status == 400
    assert body["error"]["param"] == param
