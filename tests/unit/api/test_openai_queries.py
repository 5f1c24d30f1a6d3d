"""Whatever is asked for by path and query string, the answer is one of the dialect's own."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.scripted import ScriptedGateway
from support.dialects import client

HELLO = [{"role": "user", "content": "Hello"}]
PATHS = (
    "/v1/responses/{}",
    "/v1/responses/{}/input_items",
    "/v1/conversations/{}",
    "/v1/conversations/{}/items",
    "/v1/conversations/{}/items/{}",
    "/v1/chat/completions",
    "/v1/chat/completions/{}",
    "/v1/chat/completions/{}/messages",
)
NAMES = (
    "after",
    "limit",
    "order",
    "include",
    "include[]",
    "stream",
    "starting_after",
    "include_obfuscation",
    "model",
    "metadata[a]",
    "metadata[",
)
odd_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["-1", "0", "1", "9" * 30, "٣", "true", "asc", "\x00", "../..", "%00", "'; --"]
)


@pytest.fixture
async def http() -> Any:
    """A client of a service that keeps one of each."""
    async with client(ScriptedGateway()) as opened:
        yield opened


async def kept_ids(http: httpx.AsyncClient) -> list[str]:
    """Return the ids of a response, a conversation, its item and a chat completion."""
    asked = {"model": "tiny", "input": "Hello", "background": True}
    response = (await http.post("/v1/responses", json=asked)).json()
    conversation = (await http.post("/v1/conversations", json={"items": HELLO})).json()
    items = await http.get(f"/v1/conversations/{conversation['id']}/items")
    stored = {"model": "tiny", "messages": HELLO, "store": True}
    completion = (await http.post("/v1/chat/completions", json=stored)).json()
    item = items.json()["data"][0]
    return [each["id"] for each in (response, conversation, item, completion)]


@settings(max_examples=200)
@given(
    path=st.sampled_from(PATHS),
    query=st.dictionaries(st.sampled_from(NAMES), odd_text, max_size=4),
    method=st.sampled_from(["GET", "GET", "GET", "POST"]),
    data=st.data(),
)
async def test_no_path_or_query_breaks_anything(
    http: httpx.AsyncClient, path: str, query: dict[str, str], method: str, data: st.DataObject
) -> None:
    known = getattr(http, "known", None) or await kept_ids(http)
    http.known = known  # type: ignore[attr-defined]
    ids = st.sampled_from(known) | odd_text.filter(bool)
    parts = [quote(data.draw(ids), safe="") for _ in range(path.count("{}"))]
    body = {"json": {"metadata": None}} if method == "POST" else {}
    url = path.format(*parts)
    answer = await http.request(method, url, params=query, follow_redirects=True, **body)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
