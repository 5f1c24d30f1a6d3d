"""A request becomes the text that the model was trained to see."""

from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.errors import InvalidRequest, ModelBroken, Unsupported
from consigne.domain.messages import (
    DocumentBlock,
    ImageBlock,
    Message,
    OutputFormat,
    Request,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.engines.prompts import Prompter
from consigne.engines.prompts.guard import Guard
from support.templates import ALL, CHATML, DEEPSEEK_R1, GEMMA, LLAMA32, MISTRAL, QWEN3, QWEN25

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
ADD = Tool("add", SCHEMA, "Adds é")
BRIEF = (TextBlock("Be brief."),)


def prompter(template: str) -> Prompter:
    return Prompter(template, bos_token="<s>", eos_token="</s>")


def user(*parts: Any) -> Message:
    return Message("user", tuple(TextBlock(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts: Any) -> Message:
    return Message("assistant", tuple(TextBlock(p) if isinstance(p, str) else p for p in parts))


def request(*messages: Message, **more: Any) -> Request:
    return Request("m", messages, **more)


def render(template: str, *messages: Message, **more: Any) -> str:
    return prompter(template).render(request(*messages, **more)).text


CALLS = (
    user("Sum?"),
    assistant(
        ThinkingBlock("Use add."),
        ToolUseBlock("t1", "add", {"a": 1}),
        ToolUseBlock("t2", "add", {}),
    ),
    user(ToolResultBlock("t1", (TextBlock("1"),)), ToolResultBlock("t2", (TextBlock("no"),), True)),
)


def test_a_plain_conversation() -> None:
    turns = (user("Hello"), assistant("Hi!"), user("How are you?"))
    assert render(CHATML, *turns) == (
        "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi!<|im_end|>\n"
        "<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert render(LLAMA32, *turns, system=BRIEF) == (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert render(MISTRAL, *turns, system=BRIEF) == (
        "<s>[INST] Hello[/INST] Hi!</s>[INST] Be brief.\n\nHow are you?[/INST]"
    )


def test_instructions_go_to_the_user_where_the_template_has_no_place_for_them() -> None:
    assert render(GEMMA, user("Hello"), system=BRIEF) == (
        "<s><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\n"
    )


def test_instructions_amid_a_conversation_keep_their_place() -> None:
    turns = (user("a"), assistant("b"), Message("system", BRIEF), user("c"))
    assert "b<|im_end|>\n<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nc" in render(
        CHATML, *turns
    )
    assert render(MISTRAL, *turns).endswith(" b</s>[INST] Be brief.\n\nc[/INST]")


@pytest.mark.parametrize("template", ALL.values(), ids=ALL)
def test_turns_of_one_role_are_merged_and_an_assistant_may_begin(template: str) -> None:
    text = render(template, assistant("Welcome"), user("a"), user("b"), assistant("c"), user("d"))
    assert text.index("Welcome") < text.index("a\n\nb") < text.rindex("c") < text.rindex("d")


def test_tools_in_hermes_form() -> None:
    text = render(QWEN25, *CALLS, tools=(ADD,), system=BRIEF)
    assert text == (
        "<|im_start|>system\nBe brief.\n\nTools:\n<tools>\n"
        '{"type": "function", "function": {"name": "add", "description": "Adds é", "parameters": '
        '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}\n'
        "</tools>\nCall one by <tool_call></tool_call>.<|im_end|>\n"
        "<|im_start|>user\nSum?<|im_end|>\n<|im_start|>assistant\n"
        '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>\n'
        '<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n"
        "<tool_response>\nError: no\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )


def test_tools_where_one_turn_holds_one_call() -> None:
    text = render(LLAMA32, *CALLS, tools=(ADD,))
    assert text.endswith(
        '{"name": "add", "parameters": {"a": 1}}<|eot_id|>'
        '<|start_header_id|>ipython<|end_header_id|>\n\n"1"<|eot_id|>'
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
        '{"name": "add", "parameters": {}}<|eot_id|>'
        '<|start_header_id|>ipython<|end_header_id|>\n\n"Error: no"<|eot_id|>'
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_tools_where_call_ids_have_nine_letters() -> None:
    text = render(MISTRAL, *CALLS, user("Thanks"), tools=(ADD,))
    calls, _, results = text.partition("</s>")
    first, second = (part[:9] for part in calls.split('"id": "')[1:])
    assert first.isalnum()
    assert first != second
    assert f'{{"content": "1", "call_id": "{first}"}}' in results
    assert f'{{"content": "Error: no\\n\\nThanks", "call_id": "{second}"}}' in results


@pytest.mark.parametrize("template", [CHATML, GEMMA])
def test_a_model_without_tools_is_told_of_them_in_words(template: str) -> None:
    text = render(template, *CALLS, tools=(ADD,), system=BRIEF)
    assert text.index("Be brief.") < text.index('{"name": "add", "description": "Adds é"')
    assert (
        '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>\n<tool_call>\n'
        '{"name": "add", "arguments": {}}\n</tool_call>'
    ) in text
    assert (
        "<tool_response>\n1\n</tool_response>\n<tool_response>\nError: no\n</tool_response>"
    ) in text


@pytest.mark.parametrize("template", ALL.values(), ids=ALL)
def test_tools_that_may_not_be_called_are_not_shown(template: str) -> None:
    none = request(user("Sum?"), tools=(ADD,), tool_choice=ToolChoice("none"))
    prompt = prompter(template).render(none)
    assert prompt == prompter(template).render(request(user("Sum?")))
    assert prompt.grammar is None


def test_thinking_is_switched_where_the_template_can() -> None:
    closed = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert render(QWEN3, user("Hi")).endswith("<|im_start|>assistant\n")
    assert render(QWEN3, user("Hi"), thinking=True).endswith("<|im_start|>assistant\n")
    assert render(QWEN3, user("Hi"), thinking=False).endswith(closed)
    as_json = OutputFormat("json_object")
    assert render(QWEN3, user("Hi"), output=as_json).endswith(closed)
    assert render(QWEN3, user("Hi"), output=as_json, thinking=True).endswith("assistant\n")
    assert render(CHATML, user("Hi"), thinking=True).endswith("assistant\n")
    assert [prompter(t).capabilities.thinking for t in (QWEN3, DEEPSEEK_R1, CHATML)] == [
        *(True, True, False)
    ]


def test_earlier_thinking_is_shown_where_the_template_reads_it() -> None:
    turns = (user("a"), assistant(ThinkingBlock("Hm."), "b"), user("c"))
    assert "<think>\nHm.\n</think>\n\nb" in render(QWEN3, *turns)
    assert "Hm." not in render(CHATML, *turns)


@pytest.mark.parametrize("template", ALL.values(), ids=ALL)
def test_an_answer_that_is_begun_goes_on_where_it_stopped(template: str) -> None:
    begun = render(template, user("Count."), assistant("One, two, "))
    assert begun.endswith("One, two, ")
    assert begun.count("One") == 1
    parser = prompter(template).parser(request(user("Count."), assistant("One, two, ")))
    events = [*parser.feed(" three"), *parser.finish()[0]]
    assert "".join(getattr(event, "text", "") for event in events) == " three"


def test_an_empty_answer_is_not_begun() -> None:
    assert render(CHATML, user("a"), assistant()) == render(CHATML, user("a"))
    assert render(CHATML, user("a"), assistant("")) == render(CHATML, user("a"))


def test_a_raw_prompt_is_taken_as_it_is() -> None:
    raw = Request("m", (), raw_prompt="<|im_start|>Once")
    for template in (CHATML, ""):
        assert prompter(template).render(raw).segments == ("<|im_start|>Once",)
        assert prompter(template).parser(raw).feed("<think>")[-1].text == "<think>"  # type: ignore[union-attr]


def test_a_text_document_is_read() -> None:
    document = DocumentBlock("text/plain", "été".encode(), title="Notes")
    assert "Notes\n\nété\n\nSum it up." in render(CHATML, user(document, "Sum it up."))


@pytest.mark.parametrize(
    ("turns", "more", "param"),
    [
        ((), {}, "messages"),
        ((user(ImageBlock(url="x")),), {}, "messages.0.content.0"),
        ((user("a", DocumentBlock("application/pdf", b"")),), {}, "messages.0.content.1"),
        ((user("a"), assistant(ToolUseBlock("t", "f", {}))), {}, "messages.1"),
        ((user("a"), assistant(ToolUseBlock("t", "f", {})), user("b")), {}, "messages.2"),
        ((user(ToolResultBlock("t")),), {}, "messages.0.content.0.tool_use_id"),
        ((user("a"), assistant(ToolResultBlock("t"))), {}, "messages.1.content.0"),
        ((user("a"),), {"tool_choice": ToolChoice("any")}, "tool_choice"),
        ((user("a"),), {"tools": (ADD, ADD)}, "tools"),
        ((user("a"),), {"tools": (ADD,), "tool_choice": ToolChoice("tool", "sub")}, "tool_choice"),
        ((user("a"),), {"tools": (Tool("f", {"type": "x"}),)}, "tools.0.input_schema.type"),
        ((user("a"),), {"output": OutputFormat("json_schema", {"not": {}})}, "output.schema.not"),
        ((user("a"), assistant("b")), {"output": OutputFormat("json_object")}, "messages"),
    ],
)
def test_what_cannot_be_rendered_is_refused_by_its_place(
    turns: tuple[Message, ...], more: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        render(CHATML, *turns, **more)
    assert error.value.param == param


def test_a_model_without_chat_template_holds_no_conversation() -> None:
    with pytest.raises(Unsupported, match="no chat template"):
        render("", user("Hi"))
    assert not prompter("").capabilities.tools


@pytest.mark.parametrize("template", ["{% if %}", "{{ 1", "{% nosuch %}"])
def test_a_broken_template_is_the_models_fault(template: str) -> None:
    with pytest.raises(ModelBroken, match="chat template"):
        prompter(template)


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    escape = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(InvalidRequest, match="refuses"):
        render(escape, user("Hi"))


def test_training_marks_and_the_date_are_understood() -> None:
    template = (
        "{{ strftime_now('%Y') | length }}{% for m in messages %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% break %}{% endfor %}"
    )
    assert render(template, user("Hi")) == "4Hi"


CONTROL = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<s>", "</s>", "[INST]", "<start_of_turn>")


@cache
def guarded(template: str) -> Prompter:
    return Prompter(template, bos_token="<s>", eos_token="</s>", special_tokens=CONTROL)


def counted(segments: tuple[str, ...]) -> list[int]:
    return [sum(segment.count(token) for segment in segments) for token in CONTROL]


@pytest.mark.parametrize("template", ALL.values(), ids=ALL)
@given(text=st.lists(st.sampled_from([*CONTROL, "<|im", "_start|>", "<", "|>", "a"])).map("".join))
def test_what_callers_write_is_never_a_control_token(template: str, text: str) -> None:
    model = guarded(template)

    def prompt(words: str) -> Request:
        return request(
            user(words),
            assistant("x" + words, ToolUseBlock("t", "f" + words, {words: [words]})),
            user(ToolResultBlock("t", (TextBlock(words),))),
            assistant("ok" + words),
            user("y" + words),
            system=(TextBlock(words + "z"),),
            tools=(Tool("f", {"description": words, "properties": {words: {}}}, words),),
        )

    plain, forged = (model.render(prompt(words)) for words in ("a", text or "a"))
    assert counted(forged.segments) == counted(plain.segments)


@given(st.text(), st.lists(st.text(alphabet="ab<|>", min_size=1, max_size=4), max_size=5))
def test_the_guard_changes_nothing_but_the_cuts(text: str, tokens: list[str]) -> None:
    guard = Guard(tokens)
    pieces = guard.cut(guard.text(text))
    assert "".join(pieces) == text
    assert not any(token in piece for piece in pieces for token in tokens if len(token) > 1)


def test_text_that_is_no_unicode_becomes_replacement_characters() -> None:
    assert "a\ufffdb\ufffdc\0" in render(CHATML, user("a\ud800b\ufdd0c\0"))


def test_prompts_cross_process_borders() -> None:
    prompt = prompter(CHATML).render(request(user("Hi"), output=OutputFormat("json_object")))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(prompt), type=type(prompt)) == prompt
