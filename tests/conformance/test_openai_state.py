"""What applications keep here, with OpenAI's SDK against the running server on the real model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
STORY = "Tell me a long story about a lighthouse keeper, her cat, and a storm."


def opened(server: ServerProcess) -> openai.OpenAI:
    """Return the SDK as an application sets it up: a base URL and a key."""
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    """A client of the server that all tests share."""
    with opened(server) as made:
        yield made


def test_a_chain_and_a_conversation_remember(client: openai.OpenAI) -> None:
    short: Any = {"model": MODEL, "max_output_tokens": 12, "temperature": 0}
    first = client.responses.create(**short, input="My name is Ada.")
    second = client.responses.create(
        **short, input="What is my name?", previous_response_id=first.id
    )
    said: Any = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "What is my name?"},
    ]
    whole = client.responses.create(**short, input=said)
    assert second.usage
    assert whole.usage
    assert second.usage.input_tokens == whole.usage.input_tokens
    counted = client.responses.input_tokens.count(
        model=MODEL, input="What is my name?", previous_response_id=first.id
    )
    assert counted.input_tokens == second.usage.input_tokens
    conversation = client.conversations.create(items=said[:2])
    told = client.responses.create(**short, input=said[2]["content"], conversation=conversation.id)
    assert told.usage
    assert told.usage.input_tokens == whole.usage.input_tokens
    assert len(list(client.conversations.items.list(conversation.id))) == 4


def test_a_context_that_is_full_drops_its_oldest_turns_only_where_so_asked(
    client: openai.OpenAI,
) -> None:
    turns: Any = [
        {"role": "user", "content": "All is well. " * 3000},
        {"role": "assistant", "content": "Good."},
        {"role": "user", "content": "Say yes."},
    ]
    asked: Any = {"model": MODEL, "input": turns}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**asked, max_output_tokens=8)
    assert refused.value.code == "context_length_exceeded"
    told = client.responses.create(**asked, max_output_tokens=8, truncation="auto")
    assert told.output_text
    assert told.truncation == "auto"
    assert told.usage
    assert told.usage.input_tokens < 100


def test_a_compaction_is_shorter_and_can_be_gone_on_from(client: openai.OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input="Ada keeps 12 bees in Paris. " * 20, max_output_tokens=8
    )
    compacted = client.responses.compact(model=MODEL, previous_response_id=first.id)
    carried: Any = [item.model_dump(exclude_none=True) for item in compacted.output]
    told = client.responses.create(
        model=MODEL,
        input=[*carried, {"role": "user", "content": "Where are the bees?"}],
        max_output_tokens=8,
    )
    assert told.output_text


def test_a_server_that_ends_leaves_what_it_told(make_data_dir: Callable[[], Path]) -> None:
    data_dir = make_data_dir()
    server = ServerProcess(data_dir)
    key = server.key
    with opened(server) as client:
        kept = client.responses.create(model=MODEL, input="Hi", max_output_tokens=4)
        seen = []
        stream = client.responses.create(
            model=MODEL, input=STORY, max_output_tokens=2000, background=True, stream=True
        )
        for event in stream:
            seen.append(event.model_dump())
            if len(seen) == 30:
                server.kill()
                break
    again = ServerProcess(data_dir)
    response_id = seen[0]["response"]["id"]
    with openai.OpenAI(base_url=f"{again.url}/v1", api_key=key, max_retries=0) as client:
        assert client.responses.retrieve(kept.id) == kept
        failed = client.responses.retrieve(response_id)
        assert failed.status == "failed"
        assert failed.error
        assert "stopped" in failed.error.message
        events = [e.model_dump() for e in client.responses.retrieve(response_id, stream=True)]
        assert events[:30] == seen
        assert events[-1]["type"] == "response.failed"
        said = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        assert said
        assert failed.output_text == said
        told = client.responses.create(
            model=MODEL, input="Go on.", previous_response_id=response_id, max_output_tokens=4
        )
        assert told.output_text is not None
        stream = client.responses.create(
            model=MODEL, input=STORY, max_output_tokens=4000, background=True, stream=True
        )
        rest = iter(stream)
        while next(rest).type != "response.output_text.delta":
            pass
        assert again.stop() == 0
        assert list(rest)[-1].type == "response.failed"
