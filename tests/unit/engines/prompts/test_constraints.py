"""Whatever a request demands of the answer's form becomes a grammar, and only then."""

import json
from typing import Any

import pytest

from consigne.domain.messages import Message, OutputFormat, Request, TextBlock, Tool, ToolChoice
from consigne.engines.prompts import Prompter
from support.ebnf import Matcher
from support.templates import CHATML, DEEPSEEK_R1, LLAMA32, MISTRAL, QWEN3, QWEN25

TOOLS = (
    Tool("add", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    Tool('say "hi"', {"type": "object", "properties": {}}),
)


def form(template: str, **more: Any) -> dict[str, Any] | None:
    """The structural tag's format for a request to a model with this template."""
    prompter = Prompter(template, bos_token="<s>", eos_token="</s>")
    request = Request("m", (Message("user", (TextBlock("Hi"),)),), **more)
    grammar = prompter.render(request).grammar
    if grammar is None:
        return None
    assert grammar.kind == "structural_tag"
    tag = json.loads(grammar.value)
    assert tag["type"] == "structural_tag"
    found: dict[str, Any] = tag["format"]
    return found


def accepts(grammar: dict[str, Any], text: str) -> bool:
    assert grammar["type"] == "grammar"
    return Matcher(grammar["grammar"]).accepts(text)


def test_plain_text_is_free() -> None:
    assert form(CHATML) is None
    assert form(QWEN3, tools=TOOLS, tool_choice=ToolChoice("none")) is None


@pytest.mark.parametrize("template", [CHATML, QWEN25])
def test_a_call_that_is_begun_has_valid_arguments(template: str) -> None:
    found = form(template, tools=TOOLS)
    assert found is not None
    assert (found["type"], found["triggers"]) == ("triggered_tags", ["<tool_call>"])
    assert found["stop_after_first"] is False
    assert [tag["begin"] for tag in found["tags"]] == [
        '<tool_call>\n{"name": "add", "arguments": ',
        '<tool_call>\n{"name": "say \\"hi\\"", "arguments": ',
    ]
    assert {tag["end"] for tag in found["tags"]} == {"}\n</tool_call>"}
    assert accepts(found["tags"][0]["content"], '{"a": 1}')
    assert not accepts(found["tags"][0]["content"], "{}")
    one = form(template, tools=TOOLS, tool_choice=ToolChoice(parallel=False))
    assert one == {**found, "stop_after_first": True}


def test_calls_may_be_demanded() -> None:
    for choice, names, several in (
        (ToolChoice("any"), ["add", 'say "hi"'], True),
        (ToolChoice("any", parallel=False), ["add", 'say "hi"'], False),
        (ToolChoice("tool", "add"), ["add"], False),
    ):
        found = form(QWEN25, tools=TOOLS, tool_choice=choice)
        assert found is not None
        assert found["type"] == "tags_with_separator"
        assert found["at_least_one"] is True
        assert found["stop_after_first"] is not several
        begins = [tag["begin"].removeprefix("<tool_call>\n") for tag in found["tags"]]
        assert [json.loads(f"{begin}0}}")["name"] for begin in begins] == names


def test_each_family_demands_calls_in_its_own_form() -> None:
    choice = ToolChoice("any")
    llama = form(LLAMA32, tools=TOOLS, tool_choice=choice)
    assert llama is not None
    assert llama["tags"][0]["begin"] == '{"name": "add", "parameters": '
    assert llama["stop_after_first"] is True
    mistral = form(MISTRAL, tools=TOOLS, tool_choice=choice)
    assert mistral is not None
    assert (mistral["begin"], mistral["end"]) == ("[TOOL_CALLS][", "]")
    assert mistral["content"]["separator"] == ", "
    free = form(LLAMA32, tools=TOOLS)
    assert free is not None
    assert free["triggers"] == [tag["begin"] for tag in free["tags"]]
    assert form(MISTRAL, tools=TOOLS) is None


def test_an_output_format_binds_the_whole_answer() -> None:
    any_object = form(CHATML, output=OutputFormat("json_object"))
    assert any_object is not None
    assert accepts(any_object, '{"a": []}')
    schema = form(CHATML, output=OutputFormat("json_schema", {"type": "integer"}))
    assert schema is not None
    assert accepts(schema, "12")
    raw = Request("m", (), raw_prompt="x", output=OutputFormat("json_object"))
    assert Prompter("", bos_token="", eos_token="").render(raw).grammar is not None


def test_with_tools_an_output_format_leaves_the_choice_of_a_call() -> None:
    found = form(CHATML, tools=TOOLS, output=OutputFormat("json_object"))
    assert found is not None
    calls, answer = found["elements"]
    assert (found["type"], calls["type"]) == ("or", "tags_with_separator")
    assert accepts(answer, "{}")


def test_thinking_comes_before_what_is_prescribed() -> None:
    as_json = OutputFormat("json_object")
    opened = form(DEEPSEEK_R1, output=as_json)
    assert opened is not None
    thought, gap, answer = opened["elements"]
    assert opened["type"] == "sequence"
    assert (thought["begin"], thought["end"], gap["value"]) == ("", "</think>", "\n\n")
    assert accepts(answer, "{}")
    free = form(QWEN3, output=as_json, thinking=True)
    assert free is not None
    assert free["type"] == "or"
    assert free["elements"][0]["elements"][0]["begin"] == "<think>"
    switched_off = form(QWEN3, output=as_json)
    assert switched_off is not None
    assert accepts(switched_off, "{}")
