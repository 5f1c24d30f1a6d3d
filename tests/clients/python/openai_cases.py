"""OpenAI's Python SDK, waiting and asynchronous."""

import asyncio
import io
import json
import time
from typing import Any, Literal

import openai
import pydantic
import pytest
from report import CAPABLE, EVERY, KEY, LOCAL, NOTES, URL, WEB, feature

CLIENT, PACKAGE = "OpenAI SDK (Python)", "openai"
OPTIONS: Any = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0}
client = openai.OpenAI(**OPTIONS)
EMBEDDING = "all-minilm-l6-v2"
PARAMETERS: Any = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {"name": "get_weather", "description": "Weather.", "parameters": PARAMETERS}
FLAT: Any = {"type": "function", "strict": True, **WEATHER}


class City(pydantic.BaseModel):
    """What structured answers hold."""

    city: Literal["Paris", "Rome"]


def ask(text: Any) -> Any:
    return [{"role": "user", "content": text}]


def chat(model: str) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, *ask("Hello")]
    made = client.chat.completions.create(model=model, max_completion_tokens=16, messages=messages)
    assert made.choices[0].message.content
    assert made.model == model
    assert made._request_id


def chat_stream(model: str) -> None:
    asked: Any = {"model": model, "max_completion_tokens": 20, "temperature": 0}
    asked["messages"] = ask("What is the capital of France?")
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        last = stream.get_final_completion()
    assert last.choices[0].message.content == whole.choices[0].message.content
    assert last.choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.usage
    assert whole.usage
    assert last.usage.completion_tokens == whole.usage.completion_tokens


def asynchronous(model: str) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(**OPTIONS) as opened:
            asked: Any = {"model": model, "max_completion_tokens": 12, "messages": ask("Hello")}
            create = opened.chat.completions.create
            made = await asyncio.gather(*(create(**asked) for _ in range(3)))
            assert all(each.choices[0].message.content for each in made)
            texts = [
                chunk.choices[0].delta.content async for chunk in await create(**asked, stream=True)
            ]
            assert any(texts)
            answer = await opened.responses.create(model=model, input="Hello", max_output_tokens=16)
            assert answer.output_text

    asyncio.run(run())


def chat_tools(model: str) -> None:
    made = client.chat.completions.create(
        model=model,
        max_completion_tokens=60,
        tools=[{"type": "function", "function": WEATHER}],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        messages=ask("The weather in Rome?"),
    )
    (call,) = made.choices[0].message.tool_calls or ()
    assert call.type == "function"
    City.model_validate_json(call.function.arguments)


def chat_parsed(model: str) -> None:
    made = client.chat.completions.parse(
        model=model,
        max_completion_tokens=60,
        messages=ask("Capital of Italy? Rome"),
        response_format=City,
    )
    assert isinstance(made.choices[0].message.parsed, City)


def logprobs(model: str) -> None:
    made = client.chat.completions.create(
        model=model,
        messages=ask("Hello"),
        max_completion_tokens=4,
        n=2,
        logprobs=True,
        top_logprobs=2,
    )
    for choice in made.choices:
        assert choice.logprobs
        assert all(len(each.top_logprobs) == 2 for each in choice.logprobs.content or ())


def stored(model: str) -> None:
    made = client.chat.completions.create(model=model, messages=ask("!say kept"), store=True)
    client.chat.completions.update(made.id, metadata={"topic": "python"})
    found = client.chat.completions.list(metadata={"topic": "python"})
    assert made.id in [each.id for each in found]
    assert client.chat.completions.messages.list(made.id).data[0].content == "!say kept"
    assert client.chat.completions.delete(made.id).deleted


def responses(model: str) -> None:
    asked: Any = {"model": model, "max_output_tokens": 20, "temperature": 0}
    asked["input"] = "What is the capital of France?"
    whole = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        last = stream.get_final_response()
    assert last.output_text == whole.output_text
    assert last.status == whole.status
    assert last.usage
    assert whole.usage
    assert last.usage.output_tokens == whole.usage.output_tokens


def chained(model: str) -> None:
    text = '!call get_weather {"city":"Rome"}'
    first = client.responses.create(model=model, tools=[FLAT], input=text)
    (call,) = [item for item in first.output if item.type == "function_call"]
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"}
    last = client.responses.create(
        model=model, tools=[FLAT], input=[output], previous_response_id=first.id
    )
    assert last.output_text == "The tool says: Sunny"
    kinds = [item.type for item in client.responses.input_items.list(last.id)]
    assert "function_call_output" in kinds


def custom(model: str) -> None:
    tool: Any = {"type": "custom", "name": "run", "description": "Runs a program."}
    asked: Any = {"model": model, "tools": [tool], "input": '!call run {"input":"print(\\"a\\")"}'}
    made = client.responses.create(**asked)
    (call,) = [item for item in made.output if item.type == "custom_tool_call"]
    assert call.input == 'print("a")'
    events = list(client.responses.create(**asked, stream=True))
    deltas = [e.delta for e in events if e.type == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == call.input
    output: Any = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "a"}
    last = client.responses.create(
        model=model, tools=[tool], input=[output], previous_response_id=made.id
    )
    assert last.output_text == "The tool says: a"


def several(model: str) -> None:
    asked: Any = {
        "model": model,
        "n": 2,
        "tools": [{"type": "function", "function": WEATHER}],
        "messages": ask('!call get_weather {"city":"Rome"}\n!call get_weather {"city":"Paris"}'),
    }
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    for mine, its in zip(whole.choices, final.choices, strict=True):
        assert mine.finish_reason == its.finish_reason == "tool_calls"
        assert mine.message.content is its.message.content is None
        cities = [
            [json.loads(call.function.arguments)["city"] for call in each.message.tool_calls or ()]
            for each in (mine, its)
        ]
        assert cities == [["Rome", "Paris"]] * 2


def parsed(model: str) -> None:
    made = client.responses.parse(
        model=model, input="Capital of Italy? Rome", max_output_tokens=60, text_format=City
    )
    assert isinstance(made.output_parsed, City)


def background(model: str) -> None:
    made = client.responses.create(
        model=model, input="Hello", max_output_tokens=16, background=True
    )
    while made.status in ("queued", "in_progress"):
        time.sleep(0.03)
        made = client.responses.retrieve(made.id)
    assert made.status in ("completed", "incomplete")
    seen = list(client.responses.retrieve(made.id, stream=True))
    rest = list(client.responses.retrieve(made.id, stream=True, starting_after=2))
    assert [each.sequence_number for each in seen] == list(range(len(seen)))
    assert [each.sequence_number for each in rest] == list(range(3, len(seen)))


def conversations(model: str) -> None:
    made = client.conversations.create(metadata={"topic": "python"})
    client.responses.create(model=model, input="!say noted", conversation=made.id)
    items = list(client.conversations.items.list(made.id, limit=1))
    assert sorted(item.role for item in items if item.type == "message") == ["assistant", "user"]
    client.conversations.delete(made.id)


def completions(model: str) -> None:
    made = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=2, echo=True, logprobs=3
    )
    assert made.choices[0].text.startswith("The capital of France is")
    assert made.choices[0].logprobs
    assert all(len(top) >= 3 for top in (made.choices[0].logprobs.top_logprobs or ())[1:])


def embeddings(model: str) -> None:
    coded = client.embeddings.create(model=model, input=["a cat", "a dog"])
    plain = client.embeddings.create(model=model, input=["a cat"], encoding_format="float")
    assert len(coded.data) == 2
    assert abs(coded.data[0].embedding[0] - plain.data[0].embedding[0]) < 1e-5


def errors(model: str) -> None:
    asked: Any = {"model": model, "messages": ask("Hello"), "max_completion_tokens": 5}
    wrong = openai.OpenAI(**OPTIONS | {"api_key": "sk-csn-wrong"})
    for opened, fields, kind in (
        (wrong, {}, openai.AuthenticationError),
        (client, {"model": "no-such-model"}, openai.NotFoundError),
        (client, {"messages": []}, openai.BadRequestError),
    ):
        with pytest.raises(kind) as raised:
            opened.chat.completions.create(**asked | fields)
        assert raised.value.request_id
        assert raised.value.code or raised.value.type


def timed_out(model: str) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.responses.create(model=model, input="Count to a thousand.", timeout=0.02)


def left(model: str) -> None:
    with client.chat.completions.create(
        model=model, messages=ask("Tell a long story."), stream=True
    ) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break


def models(model: str) -> None:
    assert model in [each.id for each in client.models.list()]
    assert client.models.retrieve(model).id == model


def files(model: str) -> None:
    made = [client.files.create(file=(f"{n}.txt", n.encode()), purpose="user_data") for n in "abc"]
    ids = [each.id for each in client.files.list(limit=1)]
    assert {each.id for each in made} <= set(ids)
    assert all(client.files.delete(each.id).deleted for each in made)


def uploads(model: str) -> None:
    done = client.uploads.upload_file_chunked(
        file=b"one two",
        filename="n.txt",
        bytes=7,
        mime_type="text/plain",
        purpose="user_data",
        part_size=4,
    )
    assert done.status == "completed"
    assert done.file
    assert client.files.content(done.file.id).text == "one two"


def batches(model: str) -> None:
    body: Any = {"model": model, "messages": ask("Hello"), "max_completion_tokens": 6}
    line = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = "\n".join(json.dumps(line | {"custom_id": name}) for name in ("one", "two"))
    given = client.files.create(file=("in.jsonl", io.BytesIO(lines.encode())), purpose="batch")
    batch = client.batches.create(
        input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status not in ("completed", "failed"):
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    assert batch.output_file_id
    told = [json.loads(each) for each in client.files.content(batch.output_file_id).iter_lines()]
    assert sorted(each["custom_id"] for each in told) == ["one", "two"]
    assert all(each["response"]["status_code"] == 200 for each in told)


SEARCH = '!call web_search {"query": "Ar-Men"}\n!say In 1881 [1].'


def searched(model: str) -> None:
    asked: Any = {"model": model, "input": SEARCH, "tools": [{"type": "web_search"}]}
    made = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        last = stream.get_final_response()
    for each in (made, last):
        assert [item.type for item in each.output] == ["web_search_call", "message"]
        assert each.output[1].content[0].annotations[0].url == f"{WEB}/ar-men"  # type: ignore[union-attr]


def chat_searched(model: str) -> None:
    asked: Any = {"model": model, "messages": ask(SEARCH), "web_search_options": {}}
    made = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked) as stream:
        last = stream.get_final_completion()
    for each in (made, last):
        message = each.choices[0].message
        assert message.content == "In 1881 [1]."
        assert message.model_dump()["annotations"][0]["url_citation"]["url"] == f"{WEB}/ar-men"


def served_tools(model: str) -> None:
    server: Any = {"type": "mcp", "server_label": "notes", "server_url": NOTES}
    made = client.responses.create(
        model=model,
        tools=[server | {"require_approval": "never"}],
        input="!call notes__read_notes {}\n!say Done.",
    )
    assert [item.type for item in made.output] == ["mcp_list_tools", "mcp_call", "message"]


def addressed(model: str) -> None:
    file: Any = {"type": "input_file", "file_url": f"{WEB}/files/page.md"}
    asked: Any = [
        ask([*files, {"type": "input_text", "text": "Read it."}]) for files in ([], [file])
    ]
    alone, made = (
        client.responses.create(model=model, input=each, max_output_tokens=16).usage
        for each in asked
    )
    assert alone
    assert made
    assert made.input_tokens > alone.input_tokens + 10


for title, names, run in (
    ("chat completions, plain", EVERY, chat),
    ("chat stream helper's snapshot equals the plain answer", EVERY, chat_stream),
    ("asynchronous, several at once and streamed", EVERY, asynchronous),
    ("chat tools: a forced call", EVERY, chat_tools),
    ("several streamed answers (n) with parallel calls", CAPABLE, several),
    ("structured chat answers (parse)", EVERY, chat_parsed),
    ("several answers with logprobs and top_logprobs", (LOCAL,), logprobs),
    ("stored completions: list, update, delete", CAPABLE, stored),
    ("responses stream helper's snapshot equals the plain answer", EVERY, responses),
    ("responses tools, with previous_response_id", CAPABLE, chained),
    ("responses custom tools, plain and streamed", CAPABLE, custom),
    ("chat completions that search the web", CAPABLE, chat_searched),
    ("responses that search the web, plain and streamed", CAPABLE, searched),
    ("MCP servers that a response names", CAPABLE, served_tools),
    ("a document at an address, in responses", (LOCAL,), addressed),
    ("structured responses (parse)", EVERY, parsed),
    ("background responses: poll, resume a stream", EVERY, background),
    ("conversations", CAPABLE, conversations),
    ("completions (legacy), echo and logprobs", (LOCAL,), completions),
    ("embeddings", (EMBEDDING,), embeddings),
    ("errors as the SDK's classes", EVERY, errors),
    ("timeout", (LOCAL,), timed_out),
    ("a stream that is left", (LOCAL,), left),
    ("models", (LOCAL,), models),
    ("files: upload, page, read, delete", (LOCAL,), files),
    ("uploads in parts", (LOCAL,), uploads),
    ("batches: JSONL in, JSONL out", (LOCAL,), batches),
):
    feature(CLIENT, PACKAGE, title, names, run)
