"""Anthropic's SDK against the running server on the real model."""

from collections.abc import Iterator
from typing import Any, Literal

import anthropic
import httpx
import pytest
from pydantic import BaseModel

from support import agents
from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
HELLO: Any = [{"role": "user", "content": "Name three colours."}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the current weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}


class Fruit(BaseModel):
    """A structured answer."""

    name: Literal["apple", "pear"]
    ripe: bool


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[anthropic.Anthropic]:
    """The SDK as an application sets it up: a base URL and a key."""
    with anthropic.Anthropic(base_url=server.url, api_key=server.key, max_retries=0) as opened:
        yield opened


def test_a_plain_answer(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model=MODEL, max_tokens=40, system="Be brief.", messages=HELLO)
    assert answer.role == "assistant"
    assert answer.model == MODEL
    (block,) = answer.content
    assert block.type == "text"
    assert block.text
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert answer.usage.input_tokens > 5
    assert 0 < answer.usage.output_tokens <= 40
    assert answer._request_id


def test_a_stream_adds_up_to_the_greedy_answer(client: anthropic.Anthropic) -> None:
    old = {"anthropic-version": "2023-06-01"}
    greedy: Any = {"extra_body": {"temperature": 0}, "extra_headers": old}
    whole = client.messages.create(model=MODEL, max_tokens=30, messages=HELLO, **greedy)
    with client.messages.stream(model=MODEL, max_tokens=30, messages=HELLO, **greedy) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_the_limit_on_tokens_is_kept_and_told(client: anthropic.Anthropic) -> None:
    long: Any = [{"role": "user", "content": "Write a long story about the sea."}]
    answer = client.messages.create(model=MODEL, max_tokens=5, messages=long)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5
    huge = client.messages.create(
        model=MODEL, max_tokens=32_000, messages=long, stop_sequences=["e"], timeout=60
    )
    assert huge.stop_reason == "stop_sequence"
    assert huge.stop_sequence == "e"


def test_a_prefilled_answer_goes_on(client: anthropic.Anthropic) -> None:
    begun: Any = [*HELLO, {"role": "assistant", "content": "1. Red\n2."}]
    answer = client.messages.create(model=MODEL, max_tokens=6, messages=begun)
    assert answer.content[0].type == "text"
    assert "1. Red" not in answer.content[0].text


def test_a_forced_tool_is_called_as_its_schema_says(client: anthropic.Anthropic) -> None:
    ask: Any = [{"role": "user", "content": "How will the weather be in Rome for 3 days?"}]
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        one = choice | {"disable_parallel_tool_use": True}
        forced: Any = {"tools": [WEATHER], "tool_choice": one}
        with client.messages.stream(model=MODEL, max_tokens=100, messages=ask, **forced) as stream:
            answer = stream.get_final_message()
        call = answer.content[-1]
        assert answer.stop_reason == "tool_use"
        assert call.type == "tool_use"
        assert call.name == "get_weather"
        assert call.input["city"] in ("Paris", "Rome")
        assert 1 <= int(str(call.input["days"])) <= 9
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 22 degrees."}
    after: Any = [*ask, answer.to_param(), {"role": "user", "content": [result]}]
    told = client.messages.create(model=MODEL, max_tokens=40, messages=after, tools=[WEATHER])
    assert told.content


def test_no_tool_is_called_where_that_is_ruled_out(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(
        model=MODEL,
        max_tokens=40,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice={"type": "none"},
    )
    assert {block.type for block in answer.content} == {"text"}


def test_structured_answers(client: anthropic.Anthropic) -> None:
    ask: Any = [{"role": "user", "content": "Describe a fruit."}]
    answer = client.messages.parse(model=MODEL, max_tokens=60, messages=ask, output_format=Fruit)
    assert isinstance(answer.parsed_output, Fruit)
    with client.messages.stream(
        model=MODEL, max_tokens=60, messages=ask, output_format=Fruit
    ) as stream:
        assert isinstance(stream.get_final_message().parsed_output, Fruit)


def test_tokens_are_counted_as_they_are_used(client: anthropic.Anthropic) -> None:
    prompt: Any = {"model": MODEL, "system": "Be brief.", "messages": HELLO}
    count = client.messages.count_tokens(**prompt).input_tokens
    usage = client.messages.create(max_tokens=1, **prompt).usage
    cached = usage.cache_read_input_tokens or 0
    assert count == usage.input_tokens + cached


def test_models(client: anthropic.Anthropic) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert (client.models.retrieve(MODEL).max_input_tokens or 0) >= 2048


def test_errors(client: anthropic.Anthropic, server: ServerProcess) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="nope", max_tokens=9, messages=HELLO)
    with (
        anthropic.Anthropic(base_url=server.url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    picture: Any = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    with pytest.raises(anthropic.BadRequestError, match=r"(?i)image"):
        client.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": [picture]}]
        )
    paper: Any = {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
    }
    with pytest.raises(anthropic.BadRequestError, match="damaged"):
        client.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": [paper]}]
        )
    endless: Any = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(anthropic.BadRequestError, match=r"(?i)token"):
        client.messages.create(model=MODEL, max_tokens=9, messages=endless)


def test_the_earlier_version_with_its_own_header(server: ServerProcess) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-api-key": server.key, "authorization": ""}
    options: Any = {"api_key": "unused", "default_headers": headers, "max_retries": 0}
    with anthropic.Anthropic(base_url=server.url, **options) as client:
        answer = client.messages.create(
            model=MODEL,
            max_tokens=5,
            messages=HELLO,
            extra_body={"temperature": 0.2, "top_p": 0.9, "top_k": 20},
        )
    assert answer.content


def test_what_the_cache_wrote_it_reads_the_next_time(client: anthropic.Anthropic) -> None:
    system: Any = "Count with care. " * 40
    asked: Any = {"model": MODEL, "system": system, "messages": HELLO}
    asked["cache_control"] = {"type": "ephemeral"}
    warmed = client.messages.create(max_tokens=0, **asked)
    assert warmed.content == []
    assert warmed.usage.output_tokens == 0
    assert (warmed.usage.cache_creation_input_tokens or 0) > 100
    asked["messages"] = [{"role": "user", "content": "Name three animals."}]
    answer = client.messages.create(max_tokens=5, **asked)
    assert (answer.usage.cache_read_input_tokens or 0) > 100
    counted = client.messages.count_tokens(
        model=MODEL, system=system, messages=asked["messages"]
    ).input_tokens
    usage = answer.usage
    told = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.input_tokens)
    assert sum(part or 0 for part in told) == counted


def test_a_coding_agents_request(server: ServerProcess) -> None:
    """Claude Code looks whether the server is there, then sends its request, which may not fit."""
    headers = agents.HEADERS | {"x-api-key": server.key}
    with httpx.Client(base_url=server.url, timeout=120) as http:
        assert http.head("/").status_code == 200
        small = agents.claude_code(MODEL, 4_000) | {"max_tokens": 16}
        small["tools"] = small["tools"][:2]
        answer = http.post("/v1/messages?beta=true", json=small, headers=headers)
        assert answer.status_code == 200, answer.text
        assert "event: message_stop" in answer.text
        large = http.post("/v1/messages?beta=true", json=agents.claude_code(MODEL), headers=headers)
    assert large.status_code == 400
    assert large.json()["error"]["message"].startswith("prompt is too long: ")


def test_old_tool_results_make_room(client: anthropic.Anthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    for i in range(4):
        call = {"city": "Rome", "days": 1}
        use = {"type": "tool_use", "id": f"t{i}", "name": "get_weather", "input": call}
        result = {"type": "tool_result", "tool_use_id": f"t{i}", "content": "Sunny. " * 30}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    edit: Any = {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "input_tokens", "value": 100},
        "keep": {"type": "tool_uses", "value": 1},
    }
    asked: Any = {"model": MODEL, "messages": messages, "tools": [WEATHER]}
    whole = client.messages.count_tokens(**asked).input_tokens
    edits: Any = {"edits": [edit]}
    counted = client.beta.messages.count_tokens(**asked, context_management=edits)
    assert counted.context_management
    assert counted.context_management.original_input_tokens == whole
    answer = client.beta.messages.create(**asked, max_tokens=5, context_management=edits)
    assert answer.context_management
    (applied,) = answer.context_management.applied_edits
    assert applied.type == "clear_tool_uses_20250919"
    assert applied.cleared_tool_uses == 3
    assert applied.cleared_input_tokens == whole - counted.input_tokens > 100
