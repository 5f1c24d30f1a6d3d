"""Tokens become events: whole characters, exact counts, nothing after a stop string."""

from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.events import AnswerBuilder, Event, MessageStop, StopReason, TextDelta
from consigne.domain.messages import Request, TextBlock, Tool, ToolUseBlock
from consigne.domain.usage import Usage
from consigne.engines.prompts import OutputParser
from consigne.engines.prompts.formats import HERMES
from consigne.engines.worker.generation import Generation

TABLE = tuple(bytes([value]) for value in range(256))
END = len(TABLE)
"""A control token: it has no text."""


def generation(request: Request, parser: OutputParser | None = None) -> Generation:
    return Generation(request, parser or OutputParser(), (*TABLE, b""), Usage(input_tokens=3))


def run(made: Generation, tokens: list[int], reason: StopReason = "end_turn") -> list[Event]:
    """Feed tokens one by one until a stop string is met, as the loop does."""
    events: list[Event] = [made.start()]
    for token in tokens:
        events += made.take([token], [-0.25])
        if made.stopped:
            break
    return [*events, *made.finish(reason)]


def request(**fields: object) -> Request:
    return Request(model="tiny", messages=(), **fields)  # type: ignore[arg-type]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def last(events: list[Event]) -> MessageStop:
    assert isinstance(events[-1], MessageStop)
    return events[-1]


@given(st.text(max_size=30))
def test_text_leaves_in_whole_characters_and_none_is_lost(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    events = run(generation(request()), [*text.encode(), END])
    assert text_of(events) == text
    for event in events:
        if isinstance(event, TextDelta):
            event.text.encode()
    assert last(events).usage == Usage(3, 0, len(text.encode()) + 1)


@given(st.text(max_size=10))
def test_the_space_that_a_tokenizer_puts_before_a_text_is_none_of_it(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    made = Generation(
        request(logprobs=0), OutputParser(), (*TABLE, b""), Usage(input_tokens=3), leads=True
    )
    events = run(made, [END, *f" {text}".encode()])
    assert text_of(events) == text
    told = [t for event in events if isinstance(event, TextDelta) for t in event.logprobs or ()]
    assert len(told) == (len(text.encode()) + 1 if text else 0)


@given(st.lists(st.integers(0, 255), max_size=30))
def test_bytes_that_are_no_text_become_replacement_characters(tokens: list[int]) -> None:
    events = run(generation(request()), tokens)
    assert text_of(events) == bytes(tokens).decode("utf-8", "replace")


def test_a_stop_string_ends_the_answer_and_is_named() -> None:
    events = run(
        generation(request(stop=("END", "###"))), list(b"one ## two ### three"), "max_tokens"
    )
    assert text_of(events) == "one ## two "
    assert last(events).stop_reason == "stop_sequence"
    assert last(events).stop_sequence == "###"
    assert last(events).usage.output_tokens == len(b"one ## two ###")


def test_what_only_began_a_stop_string_is_part_of_the_answer() -> None:
    events = run(generation(request(stop=("###",))), list(b"two ##"))
    assert text_of(events) == "two ##"
    assert last(events) == MessageStop("end_turn", Usage(3, 0, 6))


def test_a_stop_string_inside_a_tool_call_does_not_end_it() -> None:
    tool = Tool("look", {"type": "object"})
    answer = '<tool_call>\n{"name": "look", "arguments": {"x": 1}}\n</tool_call>'
    parser = OutputParser(call_format=HERMES, tools=("look",))
    events = run(generation(request(tools=(tool,), stop=("\n",)), parser), list(answer.encode()))
    built = AnswerBuilder()
    for event in events:
        built.add(event)
    assert last(events).stop_reason == "tool_use"
    (call,) = built.content
    assert isinstance(call, ToolUseBlock)
    assert (call.name, call.input) == ("look", {"x": 1})


@given(st.text(alphabet="aé😀", max_size=12), st.sampled_from(["", "zz", "aa"]))
def test_each_token_s_logprob_comes_with_the_text_that_ends_it(text: str, stop: str) -> None:
    wanted = request(logprobs=0, stop=(stop,) if stop else ())
    events = run(generation(wanted), [*text.encode(), END])
    sent = b""
    for event in events:
        if isinstance(event, TextDelta):
            sent += b"".join(one.token for one in event.logprobs)
            assert all(one.logprob == -0.25 for one in event.logprobs)
    shown = text_of(events).encode()
    assert sent == shown


def test_the_limit_s_reason_is_passed_on() -> None:
    assert (
        last(run(generation(request()), list(b"ab"), "context_full")).stop_reason == "context_full"
    )
    empty = run(generation(request()), [END])
    assert [type(event).__name__ for event in empty] == ["MessageStart", "MessageStop"]


def test_a_character_cut_by_the_limit_shows_as_one_replacement() -> None:
    events = run(generation(request()), list("é".encode()[:1]), "max_tokens")
    built = AnswerBuilder()
    for event in events:
        built.add(event)
    assert built.content == (TextBlock("\ufffd"),)


def test_tokens_of_thinking_are_counted_apart() -> None:
    made = generation(request(), OutputParser(thinks=True, thinking_open=True))
    usage = last(run(made, [*b"ab</think>", *b"text", END])).usage
    assert usage == Usage(3, 0, 15, reasoning_tokens=len(b"ab</think>"))
