"""What comes out of a model becomes blocks, however its text is cut into tokens."""

import itertools
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.events import (
    BlockStop,
    InputDelta,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    ToolUseStart,
)
from consigne.engines.prompts.formats import HERMES, LLAMA, MISTRAL, CallFormat
from consigne.engines.prompts.parsing import BlockEvent, OutputParser

CALL = '<tool_call>\n{"name": "add", "arguments": {"a": [1, {"b": "}"}]}}\n</tool_call>'


def parse(parser: OutputParser, pieces: Iterable[str]) -> tuple[list[BlockEvent], bool]:
    events = [event for piece in pieces for event in parser.feed(piece)]
    rest, called = parser.finish()
    return events + rest, called


def blocks(events: list[BlockEvent]) -> list[tuple[str, str]]:
    """Fold events into (kind or tool's name, body), checking their order on the way."""
    folded: list[tuple[str, str]] = []
    opened = False
    for event in events:
        match event:
            case TextStart() | ThinkingStart() | ToolUseStart():
                assert not opened
                assert event.index == len(folded)
                opened = True
                kind = event.name if isinstance(event, ToolUseStart) else type(event).__name__
                folded.append((kind.removesuffix("Start").lower(), ""))
            case BlockStop():
                assert opened
                opened = False
            case (
                TextDelta(text=body) | ThinkingDelta(thinking=body) | InputDelta(partial_json=body)
            ):
                assert opened
                assert body
                folded[-1] = (folded[-1][0], folded[-1][1] + body)
        assert event.index == len(folded) - 1
    assert not opened
    return folded


def parser(form: CallFormat = HERMES, **options: bool) -> OutputParser:
    return OutputParser(call_format=form, tools={"add", "get_weather"}, **options)


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (HERMES, "Hello there", [("text", "Hello there")]),
        (HERMES, CALL, [("add", '{"a": [1, {"b": "}"}]}')]),
        (
            HERMES,
            f"Let me see.\n\n{CALL}\n{CALL} Done.",
            [
                ("text", "Let me see."),
                ("add", '{"a": [1, {"b": "}"}]}'),
                ("add", '{"a": [1, {"b": "}"}]}'),
                ("text", "Done."),
            ],
        ),
        (
            HERMES,
            '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>',
            [("add", '{"a": 1}')],
        ),
        (HERMES, '<tool_call>\n{"name": "add"}\n</tool_call>', [("add", "{}")]),
        (
            HERMES,
            '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
            [("add", '{"a": 1}')],
        ),
        (
            LLAMA,
            '{"name": "get_weather", "parameters": {"city": "Paris"}}',
            [("get_weather", '{"city": "Paris"}')],
        ),
        (
            LLAMA,
            (
                '<|python_tag|>{"type": "function", "name": "add", "parameters": {}}; '
                '{"name": "add", "parameters": {"a": 2}}'
            ),
            [("add", "{}"), ("add", '{"a": 2}')],
        ),
        (
            MISTRAL,
            (
                '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}, '
                '{"name": "add", "arguments": {}, "id": "abcdefghi"}]'
            ),
            [("add", '{"a": 1}'), ("add", "{}")],
        ),
    ],
)
def test_calls_are_read_in_each_form(
    form: CallFormat, text: str, expected: list[tuple[str, str]], size: int
) -> None:
    events, called = parse(parser(form), pieces(text, size))
    assert blocks(events) == expected
    assert called == any(kind in ("add", "get_weather") for kind, _ in expected)


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        (HERMES, "a < b and <tool_ is no tag"),
        (HERMES, "<tool_call>"),
        (HERMES, "<tool_call></tool_call>"),
        (HERMES, "<tool_call>nothing</tool_call>"),
        (HERMES, '<tool_call>\n{"name": "unknown", "arguments": {}}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": add, "arguments": {}}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "add", "arguments": [1]}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"arguments": {"a": 1}}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "add", "argum'),
        (LLAMA, '{"city": "Paris"}'),
        (LLAMA, 'So: {"name": "add", "parameters": {}}'),
        (MISTRAL, "[TOOL_CALLS] none"),
        (HERMES, "  \n leading and trailing space \n"),
        (HERMES, " \n "),
    ],
)
def test_what_is_no_call_stays_text_to_the_letter(form: CallFormat, text: str, size: int) -> None:
    events, called = parse(parser(form), pieces(text, size))
    assert blocks(events) == [("text", text)]
    assert not called


def test_arguments_that_break_off_are_a_call_cut_short() -> None:
    events, called = parse(parser(), ['<tool_call>{"name": "add", "arguments": {"a": "Par'])
    assert blocks(events) == [("add", '{"a": "Par')]
    assert not called


def test_broken_arguments_end_the_call_and_the_rest_is_text() -> None:
    events, called = parse(parser(), ['<tool_call>{"name": "add", "arguments": {"a": oops}}'])
    assert blocks(events) == [("add", '{"a": '), ("text", "oops}}")]
    assert not called


def test_a_call_is_announced_before_its_arguments_are_whole() -> None:
    reader = parser()
    assert reader.feed('<tool_call>\n{"name": "add", "arg') == []
    start, delta = reader.feed('uments": {"a"')
    assert isinstance(start, ToolUseStart)
    assert start.name == "add"
    assert delta == InputDelta(0, '{"a"')
    assert reader.feed(": 12") == [InputDelta(0, ": 12")]


def test_text_is_not_held_back_longer_than_a_tag_might_begin() -> None:
    reader = parser()
    assert reader.feed("Hello <tool") == [TextStart(0), TextDelta(0, "Hello")]
    assert reader.feed("box") == [TextDelta(0, " <toolbox")]


def test_without_tools_all_is_text() -> None:
    events, called = parse(OutputParser(call_format=HERMES), [CALL, "\n"])
    assert blocks(events) == [("text", CALL + "\n")]
    assert not called


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("opened", "text", "expected"),
    [
        (False, "<think>\nHm.\n</think>\n\nYes.", [("thinking", "Hm."), ("text", "Yes.")]),
        (True, "\nHm.\n</think>\n\nYes.", [("thinking", "Hm."), ("text", "Yes.")]),
        (False, "<think>\n\n</think>\n\nYes.", [("text", "Yes.")]),
        (False, "Is <think> a tag?", [("text", "Is <think> a tag?")]),
        (True, "cut in the mid", [("thinking", "cut in the mid")]),
        (True, f"Hm.</think>\n{CALL}", [("thinking", "Hm."), ("add", '{"a": [1, {"b": "}"}]}')]),
    ],
)
def test_thinking_is_a_block_of_its_own(
    opened: bool, text: str, expected: list[tuple[str, str]], size: int
) -> None:
    reader = parser(thinks=True, thinking_open=opened)
    assert blocks(parse(reader, pieces(text, size))[0]) == expected


def test_models_that_do_not_think_may_write_the_tag() -> None:
    events, _ = parse(parser(), ["<think>no</think>"])
    assert blocks(events) == [("text", "<think>no</think>")]


SNIPPETS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "<tool_call>",
                "</tool_call>",
                '{"name": "add", "arguments": {',
                "}",
                '"',
                "<think>",
                "[TOOL_CALLS]",
                "[",
                "]",
                '{"name": "add", "arguments": {"a": 1}}',
                ";",
                CALL,
            ]
        ),
    ),
    max_size=12,
).map("".join)


@given(SNIPPETS, st.lists(st.integers(0, 60)), st.sampled_from([HERMES, LLAMA, MISTRAL]))
def test_the_cuts_between_tokens_change_nothing(
    text: str, cuts: list[int], form: CallFormat
) -> None:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    cut = [text[a:b] for a, b in itertools.pairwise(bounds)]
    whole = parse(parser(form, thinks=True), [text])
    assert blocks(parse(parser(form, thinks=True), cut)[0]) == blocks(whole[0])


@given(SNIPPETS)
def test_no_word_is_lost(text: str) -> None:
    """What comes out is what went in, but for the form around calls and white space."""
    events, _ = parse(parser(), [text])
    out = "".join(body for _, body in blocks(events))
    left = iter(text)
    assert all(char in left for char in out if not char.isspace())
    if not any(isinstance(event, ToolUseStart) for event in events):
        assert out == text


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.integers(1, 9),
    st.sampled_from([None, 2]),
)
def test_any_arguments_come_through_exactly(value: object, size: int, indent: int | None) -> None:
    arguments = json.dumps({"value": value}, indent=indent, allow_nan=False)
    text = f'<tool_call>\n{{"name": "add", "arguments": {arguments}}}\n</tool_call>'
    events, called = parse(parser(), pieces(text, size))
    assert called
    assert blocks(events) == [("add", arguments)]
