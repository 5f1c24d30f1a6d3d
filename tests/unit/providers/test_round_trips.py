"""What comes in one dialect and goes out in either is the same request, or is refused by name.

The bodies sent are read back by the service's own dialects, and checked against the vendors' types.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import anthropic.types
import msgspec
import pytest
from anthropic.types import message_create_params
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params
from pydantic import TypeAdapter

from consigne.api.anthropic import convert as anthropic_dialect
from consigne.api.anthropic.schemas import messages_body
from consigne.api.openai.chat import convert as openai_dialect
from consigne.api.openai.chat.schemas import chat_body
from consigne.domain.errors import Unsupported
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Message,
    OutputFormat,
    Request,
    Sampling,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Capabilities, Model
from consigne.providers.anthropic import requests as to_anthropic
from consigne.providers.base import Deployment
from consigne.providers.openai import requests as to_openai

ABLE = Capabilities(
    tools=True,
    structured_output=True,
    images_in=True,
    documents_in=True,
    thinking=True,
    logprobs=True,
)
FAR = Deployment(Model("tiny", "Tiny", "text", 0, 100_000, ABLE), "tiny")

names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
texts = st.builds(TextBlock, st.text(min_size=1, max_size=20))
json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
urls = st.just("https://a.example/b.png")
pictures = st.builds(
    ImageBlock, st.sampled_from(["image/png", "image/jpeg"]), st.binary(min_size=1, max_size=9)
) | st.builds(ImageBlock, url=urls)
papers = st.builds(
    DocumentBlock,
    st.just("application/pdf"),
    st.binary(min_size=1, max_size=9),
    title=st.text(min_size=1, max_size=9),
) | st.builds(DocumentBlock, url=urls, title=st.none() | st.text(min_size=1, max_size=5))
results = st.builds(
    ToolResultBlock,
    names,
    st.lists(texts | pictures, min_size=1, max_size=2).map(tuple),
    st.booleans(),
)
uses = st.builds(ToolUseBlock, names, names, objects)
thoughts = st.builds(ThinkingBlock, st.text(max_size=9), st.text(min_size=1, max_size=9))
tools = st.builds(
    Tool,
    names,
    st.builds(lambda properties: {"type": "object", "properties": properties}, objects),
    st.text(max_size=9),
)


def turn(role: Any, *blocks: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    """Return turns of one role."""
    content = st.lists(st.one_of(*blocks), min_size=1, max_size=3).map(tuple)
    return st.builds(Message, st.just(role), content)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Return turns that alternate, the user's first."""
    turns = [draw(turn("user", texts, pictures, papers))]
    for _ in range(draw(st.integers(0, 2))):
        turns.append(draw(turn("assistant", texts, uses, thoughts)))
        turns.append(draw(turn("user", results) | turn("user", texts, pictures, results)))
    return tuple(turns)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Return requests of all that either dialect can say."""
    known = draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name).map(tuple))
    choice = ToolChoice()
    if known:
        parallel = draw(st.booleans())
        choices = [ToolChoice(kind, parallel=parallel) for kind in ("auto", "any", "none")]  # type: ignore[arg-type]
        choice = draw(st.sampled_from([*choices, ToolChoice("tool", known[0].name, parallel)]))
    if choice.kind == "none":
        choice = ToolChoice("none")
    maybe: Any = lambda strategy: st.none() | strategy  # noqa: E731 - a name for a short thing
    sampling = st.builds(
        Sampling,
        temperature=maybe(st.floats(0, 2)),
        top_p=maybe(st.floats(0, 1)),
        top_k=maybe(st.integers(1, 99)),
        seed=maybe(st.integers(-(2**60), 2**60)),
        frequency_penalty=maybe(st.floats(-2, 2)),
        presence_penalty=maybe(st.floats(-2, 2)),
        logit_bias=st.sampled_from([(), (("5", 1.0), ("7", -100.0))]),
    )
    output = st.sampled_from([OutputFormat(), OutputFormat("json_object")]) | st.builds(
        OutputFormat, st.just("json_schema"), objects
    )
    thinking = draw(st.sampled_from([None, False, True]))
    return Request(
        model="tiny",
        messages=draw(conversations()),
        system=draw(st.lists(texts, max_size=2).map(tuple)),
        tools=known,
        tool_choice=choice,
        output=draw(output),
        sampling=draw(st.just(Sampling()) | sampling),
        max_tokens=draw(maybe(st.integers(1, 5000))),
        stop=draw(st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)),
        logprobs=draw(maybe(st.integers(0, 20))),
        thinking=thinking,
        effort=draw(maybe(st.sampled_from(["low", "medium", "high", "max"]))) if thinking else None,
        user=draw(maybe(st.text(min_size=1, max_size=9))),
        whole=draw(st.booleans()),
    )


def core(request: Request) -> dict[str, Any]:
    """Return what both dialects can say, whatever form each gives it."""
    output = request.output
    return {
        "turns": list(_turns(request.messages)),
        "system": request.system,
        "tools": request.tools,
        "choice": request.tool_choice,
        "output": (output.kind, output.schema or {"type": "object"}),
        "sampling": _telling(request.sampling),
        "stop": request.stop,
        "user": request.user,
        "whole": request.whole,
        "off": request.thinking is False,
    }


def _telling(sampling: Sampling) -> Sampling:
    """Leave out penalties of nought, which say what saying nothing says."""
    penalties = ("frequency_penalty", "presence_penalty")
    silent = {name: None for name in penalties if not getattr(sampling, name)}
    return msgspec.structs.replace(sampling, **silent)


def _turns(messages: Iterable[Message]) -> Iterator[tuple[str, list[ContentBlock]]]:
    """Yield one turn for neighbours of one role; thinking is its author's own affair."""
    role, blocks = "", list[ContentBlock]()
    said = [m for m in messages if any(not isinstance(b, ThinkingBlock) for b in m.content)]
    for message in [*said, Message("system", ())]:
        if message.role != role and blocks:
            yield role, sorted(blocks, key=_rank)
            blocks = []
        role = message.role
        blocks += [_plain(block) for block in message.content]
        blocks = [block for block in blocks if not isinstance(block, ThinkingBlock)]


def _rank(block: ContentBlock) -> int:
    """Results go before and calls go behind what is said, as one of the dialects has it."""
    return {ToolResultBlock: 0, ToolUseBlock: 2}.get(type(block), 1)


def _plain(block: ContentBlock) -> ContentBlock:
    if isinstance(block, ToolResultBlock) and block.is_error:
        text = block.content[0].text if isinstance(block.content[0], TextBlock) else ""
        if not text.startswith("Error: "):
            content = (TextBlock(f"Error: {text}"), *block.content[1:])
            return ToolResultBlock(block.tool_use_id, content)
    return block


def value_of(request: Request, param: str | None) -> Any:
    """Return what the request has where a refusal points; the refusal must point at something."""
    assert param is not None
    blocks = [block for message in request.messages for block in message.content]
    inner = [b for block in blocks if isinstance(block, ToolResultBlock) for b in block.content]
    match param:
        case "logprobs":
            return request.logprobs is not None
        case "response_format":
            return request.output.kind == "json_object"
        case "document":
            return any(isinstance(block, DocumentBlock) and block.url for block in blocks)
        case "tool_result.content":
            return any(not isinstance(block, TextBlock) for block in inner)
        case _:
            return getattr(request.sampling, param) not in (None, ())


def check_refusal(request: Request, refusal: Unsupported) -> None:
    """Check that a refusal names something that the request has."""
    assert value_of(request, refusal.param), refusal.message


def check_types(kind: Any, body: dict[str, Any]) -> None:
    """Check a body against the vendor's own type; no field may be unknown to it."""
    keys = {key for base in kind.__mro__ for key in getattr(base, "__annotations__", ())}
    assert set(body) <= keys
    _consume(_adapter(kind).validate_python(body))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _consume(value: Any) -> None:
    """Walk through everything: lists are validated only while they are walked through."""
    if isinstance(value, dict):
        for inner in value.values():
            _consume(inner)
    elif not isinstance(value, str | bytes) and isinstance(value, Iterable):
        for inner in value:
            _consume(inner)


slow_enough = settings(max_examples=60)


@given(requests())
@slow_enough
def test_through_openai_nothing_is_lost_that_it_can_say(request: Request) -> None:
    try:
        body = to_openai.body(request, FAR, to_openai.Dialect())
    except Unsupported as refusal:
        check_refusal(request, refusal)
        return
    streaming = completion_create_params.CompletionCreateParamsStreaming
    plain = completion_create_params.CompletionCreateParamsNonStreaming
    check_types(plain if request.whole else streaming, body)
    read = chat_body.validate_json(msgspec.json.encode(body))
    found = openai_dialect.to_request(read, FAR.model)
    assert core(found) == core(request)
    assert found.logprobs == request.logprobs
    assert found.max_tokens == request.max_tokens
    if request.effort:
        assert found.effort == request.effort


@given(requests())
@slow_enough
def test_through_anthropic_nothing_is_lost_that_it_can_say(request: Request) -> None:
    try:
        body = to_anthropic.body(request, FAR)
    except Unsupported as refusal:
        check_refusal(request, refusal)
        return
    sampling = {key: body[key] for key in ("temperature", "top_p", "top_k") if key in body}
    modern = {key: value for key, value in body.items() if key not in sampling}
    plain = message_create_params.MessageCreateParamsNonStreaming
    check_types(
        message_create_params.MessageCreateParamsStreaming if "stream" in body else plain, modern
    )
    read = messages_body.validate_json(msgspec.json.encode(body))
    found = anthropic_dialect.to_request(read, FAR.model, "2023-06-01")
    expected = core(request)
    if request.thinking is None:
        expected["off"] = True  # in this API, what is not asked for is off
    blocks = [block for message in found.messages for block in message.content]
    failed = [b for b in blocks if isinstance(b, ToolResultBlock) and b.is_error]
    assert core(found) == expected
    asked = [block for message in request.messages for block in message.content]
    assert failed == [b for b in asked if isinstance(b, ToolResultBlock) and b.is_error]
    assert [b for b in blocks if isinstance(b, ThinkingBlock)] == [
        b for b in asked if isinstance(b, ThinkingBlock)
    ]
    assert found.max_tokens == (request.max_tokens or to_anthropic.MAX_OUTPUT)
    assert found.effort == request.effort
    check_types(
        anthropic.types.message_count_tokens_params.MessageCountTokensParams,
        to_anthropic.prompt(request, FAR),
    )


@pytest.mark.parametrize("value", [0.0, None])
def test_values_that_change_nothing_are_not_refused(value: float | None) -> None:
    neutral = Sampling(min_p=value, frequency_penalty=value, presence_penalty=value)
    request = Request(model="tiny", messages=(), sampling=neutral)
    assert "min_p" not in to_openai.body(request, FAR, to_openai.Dialect())
    assert "frequency_penalty" not in to_anthropic.body(request, FAR)


def test_what_a_server_reads_beyond_openais_own_is_sent_to_it() -> None:
    wide = Sampling(top_k=5, min_p=0.1, repetition_penalty=1.1)
    thought = Message("assistant", (ThinkingBlock("Hm"), TextBlock("So")))
    request = Request(model="tiny", messages=(thought,), sampling=wide, max_tokens=9)
    with pytest.raises(Unsupported, match="top_k"):
        to_openai.body(request, FAR, to_openai.Dialect())
    words = frozenset({"top_k", "min_p", "repetition_penalty", "reasoning_content"})
    body = to_openai.body(request, FAR, to_openai.Dialect("max_tokens", words))
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (5, 0.1, 1.1)
    assert body["messages"][0]["reasoning_content"] == "Hm"
    assert body["max_tokens"] == 9


def test_limits_are_kept_to_what_the_model_writes() -> None:
    short = msgspec.structs.replace(FAR, max_output=100)
    request = Request(model="tiny", messages=(), max_tokens=32_000)
    assert to_anthropic.body(request, short)["max_tokens"] == 100
    assert to_openai.body(request, short, to_openai.Dialect())["max_completion_tokens"] == 100
    unbounded = msgspec.structs.replace(request, max_tokens=None)
    assert to_anthropic.body(unbounded, short)["max_tokens"] == 100
    assert "max_completion_tokens" not in to_openai.body(unbounded, short, to_openai.Dialect())


def test_prompts_are_cached_where_the_operator_says_so() -> None:
    request = Request(model="tiny", messages=())
    cached = msgspec.structs.replace(FAR, prompt_cache=True)
    assert to_anthropic.body(request, cached)["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in to_anthropic.body(request, FAR)


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_marks_of_what_is_to_be_cached_are_given_on(ttl: str) -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    texts = [{"type": "text", "text": text} for text in ("Be kind.", "It is noon.")]
    turn = {"role": "user", "content": [{"type": "text", "text": "Hello"} | mark]}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in "abc"]
    body: dict[str, Any] = {"model": "tiny", "max_tokens": 9, "messages": [turn]}
    body |= {"system": [texts[0] | mark, texts[1]], "tools": [tools[0], tools[1] | mark, tools[2]]}
    read = messages_body.validate_json(msgspec.json.encode(body))
    sent = to_anthropic.body(anthropic_dialect.to_request(read, FAR.model, "2023-06-01"), FAR)
    given = {"type": "ephemeral"} | ({"ttl": ttl} if ttl == "1h" else {})
    assert [each.get("cache_control") for each in sent["system"]] == [given, None]
    assert [each.get("cache_control") for each in sent["tools"]] == [None, given, None]
    assert sent["cache_control"] == given
    check_types(message_create_params.MessageCreateParamsNonStreaming, sent | {"max_tokens": 9})


def test_a_bare_prompt_is_refused_by_both() -> None:
    request = Request(model="tiny", messages=(), raw_prompt="Once")
    with pytest.raises(Unsupported, match="prompt"):
        to_openai.body(request, FAR, to_openai.Dialect())
    with pytest.raises(Unsupported, match="prompt"):
        to_anthropic.body(request, FAR)
