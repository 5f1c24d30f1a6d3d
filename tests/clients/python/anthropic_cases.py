"""Anthropic's Python SDK, waiting and asynchronous."""

import asyncio
import json
import time
from typing import Any, Literal

import anthropic
import pydantic
import pytest
from report import CAPABLE, EVERY, KEY, LOCAL, NOTES, URL, WEB, feature

CLIENT, PACKAGE = "Anthropic SDK (Python)", "anthropic"
OPTIONS: Any = {"base_url": URL, "api_key": KEY, "max_retries": 0}
client = anthropic.Anthropic(**OPTIONS)
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class City(pydantic.BaseModel):
    """What structured answers hold."""

    city: Literal["Paris", "Rome"]


def ask(text: Any) -> Any:
    return [{"role": "user", "content": text}]


def plain(model: str) -> None:
    made = client.messages.create(model=model, max_tokens=16, messages=ask("Hello"))
    assert made.model == model
    assert made.content[0].type == "text"
    assert made.usage.output_tokens > 0
    assert made._request_id


def streamed(model: str) -> None:
    """The helper's snapshot is the plain answer; temperature is the earlier version's."""
    asked: Any = {"model": model, "max_tokens": 20, "messages": ask("The capital of France?")}
    asked["extra_headers"] = {"anthropic-version": "2023-06-01"}
    asked["extra_body"] = {"temperature": 0}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        kinds = [event.type for event in stream]
        last = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert [block.to_dict() for block in last.content] == [b.to_dict() for b in whole.content]
    assert (last.stop_reason, last.usage.output_tokens) == (
        whole.stop_reason,
        whole.usage.output_tokens,
    )


def asynchronous(model: str) -> None:
    async def run() -> None:
        async with anthropic.AsyncAnthropic(**OPTIONS) as opened:
            asked: Any = {"model": model, "max_tokens": 12, "messages": ask("Hello")}
            made = await asyncio.gather(*(opened.messages.create(**asked) for _ in range(3)))
            assert all(each.content for each in made)
            async with opened.messages.stream(**asked) as stream:
                assert "".join([text async for text in stream.text_stream])

    asyncio.run(run())


def tools(model: str) -> None:
    choice: Any = {"type": "tool", "name": "get_weather"}
    made = client.messages.create(
        model=model,
        max_tokens=60,
        tools=[WEATHER],
        tool_choice=choice,
        messages=ask("The weather in Rome?"),
    )
    assert made.stop_reason == "tool_use"
    assert made.content[-1].type == "tool_use"
    City.model_validate(made.content[-1].input)


def results(model: str) -> None:
    text = '!call get_weather {"city":"Rome"}\n!call get_weather {"city":"Paris"}'
    messages = ask(text)
    asked: Any = {"model": model, "max_tokens": 60, "tools": [WEATHER]}
    first = client.messages.create(**asked, messages=messages)
    calls = [block for block in first.content if block.type == "tool_use"]
    told = [
        {"type": "tool_result", "tool_use_id": c.id, "content": json.dumps(c.input)} for c in calls
    ]
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": told},
    ]
    last = client.messages.create(**asked, messages=messages)
    assert last.content[0].type == "text"
    assert "Paris" in last.content[0].text


def cited(model: str) -> None:
    cites: Any = {"citations": {"enabled": True}}
    found: Any = {
        "type": "search_result",
        "title": "Oaks",
        "source": "https://example.org/oaks",
        "content": [{"type": "text", "text": "Oaks are old."}],
        **cites,
    }
    source: Any = {"type": "text", "media_type": "text/plain", "data": "The oak is tall."}
    document: Any = {"type": "document", "title": "Trees", "source": source, **cites}
    content = [found, document, {"type": "text", "text": "\n!say Old [1] and tall [2]."}]
    asked: Any = {"model": model, "max_tokens": 60}
    asked["messages"] = [{"role": "user", "content": content}]
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    for made in (client.messages.create(**asked), streamed):
        block = made.content[0]
        assert block.type == "text"
        first, second = block.citations or ()
        assert (first.type, second.type) == ("search_result_location", "char_location")
        assert (first.cited_text, second.cited_text) == ("Oaks are old.", "The oak is tall.")


def runner(model: str) -> None:
    @anthropic.beta_tool
    def add(a: int, b: int) -> str:
        """Add.

        Args:
            a: One number.
            b: Another.
        """
        return str(a + b)

    last = client.beta.messages.tool_runner(
        model=model, max_tokens=60, tools=[add], messages=ask('!call add {"a":2,"b":40}')
    ).until_done()
    assert last.content[0].type == "text"
    assert last.content[0].text == "The tool says: 42"


def parsed(model: str) -> None:
    made = client.messages.parse(
        model=model, max_tokens=60, messages=ask("Capital of Italy? Rome"), output_format=City
    )
    assert isinstance(made.parsed_output, City)


def counted(model: str) -> None:
    assert client.messages.count_tokens(model=model, messages=ask("Hello there")).input_tokens > 2


def errors(model: str) -> None:
    asked: Any = {"model": model, "max_tokens": 5, "messages": ask("Hello")}
    wrong = anthropic.Anthropic(**OPTIONS | {"api_key": "sk-csn-wrong"})
    for opened, fields, kind in (
        (wrong, {}, anthropic.AuthenticationError),
        (client, {"model": "no-such-model"}, anthropic.NotFoundError),
        (client, {"messages": []}, anthropic.BadRequestError),
    ):
        with pytest.raises(kind) as raised:
            opened.messages.create(**asked | fields)
        assert raised.value.request_id
        assert raised.value.body["error"]["message"]  # type: ignore[index]


def timed_out(model: str) -> None:
    asked: Any = {"model": model, "max_tokens": 1500, "messages": ask("Count to a thousand.")}
    with pytest.raises(anthropic.APITimeoutError):
        client.messages.create(**asked, timeout=0.02)


def left(model: str) -> None:
    with client.messages.stream(
        model=model, max_tokens=1500, messages=ask("Tell a long story.")
    ) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break


def models(model: str) -> None:
    ids = [each.id for each in client.models.list(limit=1)]
    assert model in ids
    assert len(set(ids)) == len(ids) >= 3
    assert client.models.retrieve(model).id == model


def files(model: str) -> None:
    made = [client.beta.files.upload(file=(f"{n}.txt", n.encode(), "text/plain")) for n in "abc"]
    ids = [each.id for each in client.beta.files.list(limit=1)]
    assert {each.id for each in made} <= set(ids)
    assert client.beta.files.retrieve_metadata(made[0].id).filename == "a.txt"
    for each in made:
        client.beta.files.delete(each.id)


def batches(model: str) -> None:
    params: Any = {"model": model, "max_tokens": 6, "messages": ask("Hello")}
    asked: Any = [{"custom_id": name, "params": params} for name in ("one", "two")]
    batch = client.messages.batches.create(requests=asked)
    while client.messages.batches.retrieve(batch.id).processing_status != "ended":
        time.sleep(0.05)
    found = {each.custom_id: each.result.type for each in client.messages.batches.results(batch.id)}
    assert found == {"one": "succeeded", "two": "succeeded"}
    client.messages.batches.delete(batch.id)


def searched(model: str) -> None:
    tool: Any = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
    told = '!call web_search {"query": "Ar-Men"}\n!say In 1881 [1].'
    asked: Any = {"model": model, "max_tokens": 60, "tools": [tool], "messages": ask(told)}
    made = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        last = stream.get_final_message()
    for each in (made, last):
        kinds = [block.type for block in each.content]
        assert kinds == ["server_tool_use", "web_search_tool_result", "text"]
        assert each.content[2].citations[0].url == f"{WEB}/ar-men"  # type: ignore[union-attr]
        assert each.usage.server_tool_use
        assert each.usage.server_tool_use.web_search_requests == 1


def fetched(model: str) -> None:
    url = f"{WEB}/files/page.md"
    tool: Any = {"type": "web_fetch_20250910", "name": "web_fetch", "citations": {"enabled": True}}
    told = f'!call web_fetch {{"url": "{url}"}}\n!say In 1881 [1].'
    made = client.messages.create(model=model, max_tokens=60, tools=[tool], messages=ask(told))
    _, result, said = made.content
    assert result.type == "web_fetch_tool_result"
    assert result.content.type == "web_fetch_result"
    assert result.content.url == url
    assert said.type == "text"
    assert "1881" in (said.citations or ())[0].cited_text
    assert made.usage.server_tool_use
    assert made.usage.server_tool_use.web_fetch_requests == 1


def served_tools(model: str) -> None:
    server: Any = {"type": "url", "name": "notes", "url": NOTES}
    made = client.beta.messages.create(
        model=model,
        max_tokens=60,
        mcp_servers=[server],
        tools=[{"type": "mcp_toolset", "mcp_server_name": "notes"}],
        messages=ask("!call notes__read_notes {}\n!say Done."),
        betas=["mcp-client-2025-11-20"],
    )
    assert [b.type for b in made.content] == ["mcp_tool_use", "mcp_tool_result", "text"]


def addressed(model: str) -> None:
    source: Any = {"type": "url", "url": f"{WEB}/files/page.md"}
    content: Any = [{"type": "document", "source": source}, {"type": "text", "text": "Read it."}]
    made = client.messages.create(model=model, max_tokens=4, messages=ask(content))
    alone = client.messages.count_tokens(model=model, messages=ask("Read it.")).input_tokens
    prompt = made.usage.input_tokens + (made.usage.cache_read_input_tokens or 0)
    assert prompt > alone + 10


for title, names, run in (
    ("messages, plain", EVERY, plain),
    ("stream helper's snapshot equals the plain answer", EVERY, streamed),
    ("asynchronous, several at once and streamed", EVERY, asynchronous),
    ("tools: a forced call", EVERY, tools),
    ("tools: parallel calls and their results", CAPABLE, results),
    ("tool runner (beta_tool)", CAPABLE, runner),
    ("citations of search results and documents", CAPABLE, cited),
    ("web search, plain and streamed", CAPABLE, searched),
    ("web fetch", CAPABLE, fetched),
    ("MCP servers that a request names", CAPABLE, served_tools),
    ("a document at an address", (LOCAL,), addressed),
    ("structured answers (messages.parse)", EVERY, parsed),
    ("count_tokens", (LOCAL, "capable-anthropic"), counted),
    ("errors as the SDK's classes", EVERY, errors),
    ("timeout", (LOCAL,), timed_out),
    ("a stream that is left", (LOCAL,), left),
    ("models, page by page", (LOCAL,), models),
    ("files: upload, page, read, delete", (LOCAL,), files),
    ("message batches and their results", (LOCAL,), batches),
):
    feature(CLIENT, PACKAGE, title, names, run)
