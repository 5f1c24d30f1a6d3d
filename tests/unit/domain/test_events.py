"""An answer folds from its events, whatever way its text was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.events import (
    AnswerBuilder,
    BlockStop,
    Event,
    InputDelta,
    MessageStart,
    MessageStop,
    TextDelta,
    TextStart,
    ToolUseStart,
)
from consigne.domain.messages import TextBlock, ToolUseBlock
from consigne.domain.usage import Usage


def fold(events: list[Event]) -> AnswerBuilder:
    builder = AnswerBuilder()
    for event in events:
        builder.add(event)
    return builder


@given(st.lists(st.text()))
def test_text_is_the_sum_of_its_deltas(pieces: list[str]) -> None:
    deltas: list[Event] = [TextDelta(0, piece) for piece in pieces]
    answer = fold(
        [
            MessageStart("msg_1", "m", Usage(input_tokens=3)),
            TextStart(0),
            *deltas,
            BlockStop(0),
            MessageStop("end_turn", Usage(3, 0, len(pieces))),
        ]
    ).answer()
    assert answer.message.content == (TextBlock("".join(pieces)),)
    assert answer.usage == Usage(3, 0, len(pieces))


def test_a_tool_call_is_read_from_its_json() -> None:
    builder = fold(
        [ToolUseStart(0, "toolu_1", "sum"), InputDelta(0, '{"a": '), InputDelta(0, "1}")]
    )
    assert builder.content == (ToolUseBlock("toolu_1", "sum", {"a": 1}),)


def test_a_tool_call_cut_in_its_json_has_no_input() -> None:
    builder = fold([ToolUseStart(0, "toolu_1", "sum"), InputDelta(0, '{"a": ')])
    assert builder.content == (ToolUseBlock("toolu_1", "sum", {}),)


def test_an_unfinished_stream_is_no_answer() -> None:
    with pytest.raises(ValueError, match="not ended"):
        fold([TextStart(0), TextDelta(0, "half")]).answer()
