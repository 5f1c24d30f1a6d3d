"""The OpenAPI document is true of what the OpenAI dialect keeps for applications."""

from typing import Any

import httpx
import pytest

from consigne.api.app import create_app
from doubles.scripted import ScriptedGateway, scripted_services
from support.contract import Contract
from support.dialects import client

RESPONSE = {"model": "tiny", "input": "Hello"}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "store": True}
ITEM = {"type": "message", "role": "user", "content": "Hello"}


class Checked:
    """A client whose every exchange is held to the document."""

    def __init__(self, http: httpx.AsyncClient, contract: Contract) -> None:
        self._http = http
        self._contract = contract

    async def __call__(
        self, method: str, path: str, body: Any = None, status: int = 200, **ids: str
    ) -> Any:
        """Send a request, check its answer, return what it says; ``ids`` fill the path."""
        where = path.partition("?")
        query = where[1] + where[2]
        answer = await self._http.request(method, where[0].format(**ids) + query, json=body)
        assert answer.status_code == status, answer.text
        if body is not None and status == 200:
            assert self._contract.body_is_valid(where[0], body)
        self._contract.check(method, where[0], answer)
        kind = answer.headers["content-type"]
        return answer.json() if kind.startswith("application/json") else answer.text


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.of(create_app(scripted_services(ScriptedGateway())))


async def test_responses_are_as_the_document_says(contract: Contract) -> None:
    one = "/v1/responses/{response_id}"
    async with client(ScriptedGateway()) as http:
        ask = Checked(http, contract)
        made = await ask("POST", "/v1/responses", RESPONSE | {"background": True})
        its = {"response_id": made["id"]}
        assert "response.completed" in await ask("GET", f"{one}?stream=true", **its)
        assert (await ask("GET", one, **its))["status"] == "completed"
        await ask("GET", f"{one}?stream=perhaps", status=400, **its)
        assert (await ask("GET", f"{one}/input_items?limit=1", **its))["data"]
        assert (await ask("POST", f"{one}/cancel", **its))["status"] == "completed"
        await ask("DELETE", one, **its)
        for method, path in (("GET", one), ("DELETE", one), ("GET", f"{one}/input_items")):
            await ask(method, path, status=404, **its)


async def test_conversations_are_as_the_document_says(contract: Contract) -> None:
    all_, one = "/v1/conversations", "/v1/conversations/{conversation_id}"
    async with client(ScriptedGateway()) as http:
        ask = Checked(http, contract)
        made = await ask("POST", all_, {"items": [ITEM], "metadata": {"a": "b"}})
        its = {"conversation_id": made["id"]}
        assert (await ask("GET", one, **its))["metadata"] == {"a": "b"}
        assert (await ask("POST", one, {"metadata": {}}, **its))["metadata"] == {}
        added = await ask("POST", f"{one}/items", {"items": [ITEM]}, **its)
        first = added["data"][0]["id"]
        assert len((await ask("GET", f"{one}/items?order=asc", **its))["data"]) == 2
        await ask("GET", f"{one}/items/{{item_id}}", item_id=first, **its)
        await ask("DELETE", f"{one}/items/{{item_id}}", item_id=first, **its)
        await ask("GET", f"{one}/items/{{item_id}}", status=404, item_id=first, **its)
        await ask("POST", f"{one}/items", {"items": []}, status=400, **its)
        await ask("DELETE", one, **its)
        await ask("GET", one, status=404, **its)


async def test_stored_completions_are_as_the_document_says(contract: Contract) -> None:
    all_, one = "/v1/chat/completions", "/v1/chat/completions/{completion_id}"
    async with client(ScriptedGateway()) as http:
        ask = Checked(http, contract)
        assert (await ask("GET", all_))["data"] == []
        made = await ask("POST", all_, CHAT | {"metadata": {"a": "b"}})
        its = {"completion_id": made["id"]}
        assert (await ask("GET", one, **its))["choices"] == made["choices"]
        assert (await ask("POST", one, {"metadata": {"c": "d"}}, **its))["metadata"] == {"c": "d"}
        listed = await ask("GET", f"{all_}?metadata[c]=d&model=tiny")
        assert [each["id"] for each in listed["data"]] == [made["id"]]
        assert (await ask("GET", f"{one}/messages", **its))["data"][0]["content"] == "Hello"
        await ask("DELETE", one, **its)
        await ask("GET", one, status=404, **its)
