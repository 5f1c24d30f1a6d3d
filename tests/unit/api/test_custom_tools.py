"""Custom tools of the Responses API: their input is a text, for the client as for the model."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import chat, responses
from pydantic import TypeAdapter

from consigne.api.openai.custom import InputReader, whole
from consigne.domain.messages import TextBlock, ToolChoice, ToolResultBlock, ToolUseBlock
from doubles.scripted import START, ScriptedGateway, stop, tool_use
from support.dialects import client

RUN: dict[str, Any] = {"type": "custom", "name": "run", "description": "Runs a program."}
SPACE = {"type": "namespace", "name": "sql", "description": "A database.", "tools": [RUN]}
CODE = 'print("é\U0001f600")\n'
WRITTEN = json.dumps({"input": CODE})
CALL = (START, *tool_use("run", WRITTEN[:9], WRITTEN[9:20], WRITTEN[20:]), stop("tool_use"))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


async def ask(gateway: ScriptedGateway, *bodies: dict[str, Any]) -> list[Any]:
    """Post requests one after the other; return the answers, or the events of streams."""
    told: list[Any] = []
    async with client(gateway) as http:
        for body in bodies:
            if body.get("previous_response_id") == "last":
                body = body | {"previous_response_id": told[-1]["id"]}
            answer = await http.post("/v1/responses", json={"model": "tiny", "input": "Hi"} | body)
            if not body.get("stream"):
                told.append(answer.json())
                continue
            lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
            told.append([json.loads(line.removeprefix("data: ")) for line in lines])
    return told


@given(text=texts, ascii_only=st.booleans(), data=st.data())
def test_any_split_of_the_arguments_gives_the_same_input(
    text: str, ascii_only: bool, data: st.DataObject
) -> None:
    encoded = json.dumps({"input": text}, ensure_ascii=ascii_only)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=5)))
    bounds = zip([0, *cuts], [*cuts, len(encoded)], strict=True)
    reader = InputReader()
    assert "".join(reader.feed(encoded[begin:end]) for begin, end in bounds) == text
    assert whole(encoded) == text


@pytest.mark.parametrize(
    ("encoded", "told"),
    [
        ('{"input": "a', "a"),
        ('{"other": 1}', '{"other": 1}'),
        ('{"input": "\\ud83d"', ""),
        ("", ""),
    ],
)
def test_arguments_that_are_not_as_asked_are_not_lost(encoded: str, told: str) -> None:
    assert whole(encoded) == (told or encoded)


@pytest.mark.parametrize(("tool", "namespace"), [(RUN, None), (SPACE, "sql")])
async def test_a_call_comes_back_as_text_whole_and_streamed(
    tool: dict[str, Any], namespace: str | None
) -> None:
    name = f"{namespace}__run" if namespace else "run"
    gateway = ScriptedGateway(
        START, *tool_use(name, WRITTEN[:9], WRITTEN[9:20], WRITTEN[20:]), stop("tool_use")
    )
    answer, events = await ask(gateway, {"tools": [tool]}, {"tools": [tool], "stream": True})
    (asked,) = gateway.requests[0].tools
    about = "sql: A database.\n\n" if namespace else ""
    assert (asked.name, asked.description) == (name, f"{about}Runs a program.")
    assert asked.input_schema["required"] == ["input"]
    told = responses.Response.model_validate(answer)
    assert answer["tools"] == [tool]
    (item,) = told.output
    assert isinstance(item, responses.ResponseCustomToolCall)
    assert (item.name, item.namespace, item.input) == ("run", namespace, CODE)
    adapter: TypeAdapter[Any] = TypeAdapter(responses.ResponseStreamEvent)
    for event in events:
        adapter.validate_python(event)
    deltas = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == CODE
    assert len(deltas) > 1
    (done,) = [e for e in events if e["type"] == "response.custom_tool_call_input.done"]
    assert done["input"] == CODE
    ids = {"id": None}
    assert events[-1]["response"]["output"][0] | ids == answer["output"][0] | ids


async def test_the_call_and_its_result_go_on_kept_or_sent_back() -> None:
    gateway = ScriptedGateway(*CALL)
    result = {"type": "custom_tool_call_output", "call_id": "toolu_1", "output": "Done."}
    kept = {"tools": [RUN], "previous_response_id": "last", "input": [result]}
    call = {"type": "custom_tool_call", "call_id": "toolu_1", "name": "run", "input": CODE}
    history = [{"role": "user", "content": "Hi"}, call, result]
    answers = await ask(gateway, {"tools": [RUN]}, kept, {"tools": [RUN], "input": history})
    assert [answer["status"] for answer in answers] == ["completed"] * 3
    for request in gateway.requests[1:]:
        (called,), (answered,) = (message.content for message in request.messages[1:])
        assert called == ToolUseBlock("toolu_1", "run", {"input": CODE})
        assert answered == ToolResultBlock("toolu_1", (TextBlock("Done."),))


async def test_one_may_be_demanded_and_one_with_a_grammar_is_left_out() -> None:
    gateway = ScriptedGateway(*CALL)
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    strict = RUN | {"name": "patch", "format": grammar}
    choice = {"type": "custom", "name": "run"}
    answer, refused = await ask(
        gateway,
        {"tools": [RUN | {"format": {"type": "text"}}, strict], "tool_choice": choice},
        {"tools": [strict], "tool_choice": {"type": "custom", "name": "patch"}},
    )
    assert [tool["name"] for tool in answer["tools"]] == ["run"]
    (request,) = gateway.requests
    assert ([tool.name for tool in request.tools], request.tool_choice) == (
        ["run"],
        ToolChoice("tool", "run"),
    )
    assert "patch" in refused["error"]["message"]


CHAT: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
CHAT_RUN: dict[str, Any] = {
    "type": "custom",
    "custom": {"name": "run", "description": "Runs a program.", "format": {"type": "text"}},
}


async def test_in_chat_completions_whole_streamed_and_kept() -> None:
    gateway = ScriptedGateway(*CALL)
    asked = CHAT | {
        "tools": [CHAT_RUN],
        "tool_choice": {"type": "custom", "custom": {"name": "run"}},
    }
    async with client(gateway) as http:
        whole = (await http.post("/v1/chat/completions", json=asked | {"store": True})).json()
        streamed = await http.post("/v1/chat/completions", json=asked | {"stream": True})
        kept = (await http.get(f"/v1/chat/completions/{whole['id']}")).json()
        (call,) = chat.ChatCompletion.model_validate(whole).choices[0].message.tool_calls or ()
        history = [*CHAT["messages"], whole["choices"][0]["message"]]
        history.append({"role": "tool", "tool_call_id": call.id, "content": "Done."})
        again = await http.post(
            "/v1/chat/completions", json=asked | {"messages": history, "store": True}
        )
        listed = await http.get(f"/v1/chat/completions/{again.json()['id']}/messages")
    assert gateway.requests[0].tool_choice == ToolChoice("tool", "run")
    assert (call.type, call.id) == ("custom", "toolu_1")
    assert (call.custom.name, call.custom.input) == ("run", CODE)
    assert kept["choices"] == whole["choices"]
    lines = [line for line in streamed.text.splitlines() if line.startswith("data: {")]
    choices = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines]
    deltas = [part for choice in choices for part in choice["delta"].get("tool_calls", ())]
    begun = {"name": "run", "input": ""}
    assert deltas[0] == {"index": 0, "id": "toolu_1", "type": "custom", "custom": begun}
    assert "".join(delta["custom"]["input"] for delta in deltas) == CODE
    assert choices[-1]["finish_reason"] == "tool_calls"
    (called,) = gateway.requests[-1].messages[1].content
    assert called == ToolUseBlock("toolu_1", "run", {"input": CODE})
    assert listed.json()["data"][1]["tool_calls"] == [call.model_dump()]


async def test_in_chat_completions_some_are_chosen_from_and_a_grammar_is_refused() -> None:
    gateway = ScriptedGateway(*CALL)
    function = {"type": "function", "function": {"name": "f"}}
    one = {"type": "custom", "custom": {"name": "run"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [one]}}
    grammar = {"syntax": "regex", "definition": "a+"}
    strict = {"name": "patch", "format": {"type": "grammar", "grammar": grammar}}
    async with client(gateway) as http:
        asked = CHAT | {"tools": [function, CHAT_RUN], "tool_choice": allowed}
        assert (await http.post("/v1/chat/completions", json=asked)).status_code == 200
        refused = await http.post(
            "/v1/chat/completions", json=CHAT | {"tools": [{"type": "custom", "custom": strict}]}
        )
    assert [tool.name for tool in gateway.requests[0].tools] == ["run"]
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "tools[0].custom.format")
    assert "grammar" in error["message"]
