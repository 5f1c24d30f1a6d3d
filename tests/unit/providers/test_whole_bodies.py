"""Whole bodies of either dialect, through either upstream: every word of them arrives.

Each word of a body is one of a kind, so that what is lost on the way can be named. A body is taken
or refused as a whole; a refusal points at something that it has.
"""

import base64
from typing import Any, Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.api.anthropic import convert as anthropic_dialect
from consigne.api.anthropic.schemas import messages_body
from consigne.api.openai.chat import convert as chat_dialect
from consigne.api.openai.chat.schemas import chat_body
from consigne.api.openai.responses import convert as responses_dialect
from consigne.api.openai.responses.schemas import responses_body
from consigne.domain.errors import Unsupported
from consigne.domain.messages import ImageBlock, Message, Request
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
EXTENDED = to_openai.Dialect(extensions=frozenset({"top_k", "min_p", "repetition_penalty"}))
Json = dict[str, Any]
many = settings(max_examples=120)


class Writer:
    """Draws a body and remembers its words."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.words: list[str] = []
        self.numbers: list[float] = []

    def word(self) -> str:
        """Return a word that nothing else has."""
        word = f"w{len(self.words)}w"
        self.words.append(word)
        return word

    def number(self) -> float:
        """Return a number between 0 and 1 that nothing else has."""
        number = round(0.0101 * (len(self.numbers) + 1), 4)
        self.numbers.append(number)
        return number

    def number_of_token(self) -> str:
        """Return a token's number that nothing else has."""
        self.words.append(f"9000{len(self.words)}")
        return self.words[-1]

    def data(self) -> str:
        """Return a file's content in base 64, of a word's bytes."""
        packed = base64.b64encode(f"file {len(self.words)}".encode()).decode()
        self.words.append(packed)
        return packed

    def yes(self) -> bool:
        """Return whether to."""
        return self.draw(st.booleans())

    def some(self, least: int, make: Any) -> list[Any]:
        """Return a few of what ``make`` makes."""
        return [make() for _ in range(self.draw(st.integers(least, 2)))]

    def one(self, *makers: Any) -> Any:
        """Return what one of the makers makes."""
        return self.draw(st.sampled_from(makers))()

    def maybe(self, body: Json, **makers: Any) -> Json:
        """Add some of the fields."""
        return body | {name: make() for name, make in makers.items() if self.yes()}

    def schema(self) -> Json:
        """Return a schema of one property."""
        return {"type": "object", "properties": {self.word(): {"type": "string"}}}


@st.composite
def claudes(draw: st.DrawFn) -> tuple[Json, Writer]:
    """Return bodies of the Anthropic dialect."""
    w = Writer(draw)
    mark = {"cache_control": lambda: {"type": "ephemeral"}}

    def text() -> Json:
        return w.maybe({"type": "text", "text": w.word()}, **mark)

    def source(kind: Literal["image/png", "application/pdf"]) -> Json:
        if w.yes():
            return {"type": "url", "url": f"https://a.example/{w.word()}"}
        return {"type": "base64", "media_type": kind, "data": w.data()}

    def image() -> Json:
        return {"type": "image", "source": source("image/png")}

    def document() -> Json:
        given = w.one(
            lambda: {"type": "text", "media_type": "text/plain", "data": w.word()},
            lambda: {"type": "content", "content": [text(), *w.some(0, image)]},
            lambda: source("application/pdf"),
        )
        return w.maybe({"type": "document", "source": given}, title=w.word, context=w.word)

    def found() -> Json:
        body = {"type": "search_result", "title": w.word(), "source": w.word()}
        return body | {"content": [text()]}

    def result(call: str) -> Json:
        content = w.one(w.word, lambda: w.some(1, lambda: w.one(text, image, found)))
        body = {"type": "tool_result", "tool_use_id": call, "content": content}
        return w.maybe(body, is_error=lambda: True)

    def use() -> Json:
        return {"type": "tool_use", "id": w.word(), "name": w.word(), "input": {w.word(): 1}}

    turns: list[Json] = [
        {"role": "user", "content": w.one(w.word, lambda: [text(), image(), document()])}
    ]
    for _ in range(draw(st.integers(0, 2))):
        thought = {"type": "thinking", "thinking": w.word(), "signature": w.word()}
        uses = w.some(0, use)
        hidden = w.some(0, lambda: {"type": "redacted_thinking", "data": w.word()})
        turns.append({"role": "assistant", "content": [thought, *hidden, text(), *uses]})
        answers = [result(each["id"]) for each in uses]
        turns.append({"role": "user", "content": [*answers, text()]})
    tool = lambda: w.maybe(  # noqa: E731 - a name for a short thing
        {"name": w.word(), "input_schema": w.schema()},
        description=w.word,
        strict=lambda: True,
        input_examples=lambda: [{w.word(): 1}],
    )
    body = w.maybe(
        {"model": "tiny", "max_tokens": 777, "messages": turns},
        system=lambda: w.one(w.word, lambda: w.some(1, text)),
        stop_sequences=lambda: w.some(1, w.word),
        metadata=lambda: {"user_id": w.word()},
        output_config=lambda: {"format": {"type": "json_schema", "schema": w.schema()}},
        temperature=w.number,
        top_p=w.number,
        top_k=lambda: 33,
        stream=lambda: True,
    )
    if w.yes():
        body["tools"] = [tool()]
        name = body["tools"][0]["name"]
        choices = [{"type": "any"}, {"type": "tool", "name": name}, {"type": "auto"}]
        body["tool_choice"] = draw(st.sampled_from(choices)) | {"disable_parallel_tool_use": True}
    return body, w


@st.composite
def gpts(draw: st.DrawFn) -> tuple[Json, Writer]:
    """Return bodies of chat completions."""
    w = Writer(draw)

    def text() -> Json:
        return {"type": "text", "text": w.word()}

    def image() -> Json:
        url = f"https://a.example/{w.word()}" if w.yes() else f"data:image/png;base64,{w.data()}"
        return {"type": "image_url", "image_url": {"url": url}}

    def file() -> Json:
        data = f"data:application/pdf;base64,{w.data()}"
        return {"type": "file", "file": {"file_data": data, "filename": w.word()}}

    def call() -> Json:
        function = {"name": w.word(), "arguments": msgspec.json.encode({w.word(): 1}).decode()}
        return {"id": w.word(), "type": "function", "function": function}

    content = lambda: w.one(w.word, lambda: w.some(1, text))  # noqa: E731 - a name for a short thing
    turns: list[Json] = []
    if w.yes():
        role = draw(st.sampled_from(["system", "developer"]))
        turns.append(w.maybe({"role": role, "content": content()}, name=w.word))
    asked = w.one(w.word, lambda: [text(), image(), file()])
    turns.append(w.maybe({"role": "user", "content": asked}, name=w.word))
    for _ in range(draw(st.integers(0, 2))):
        calls = w.some(0, call)
        turn = {"role": "assistant", "content": content()}
        turns.append(turn | {"tool_calls": calls} if calls else turn)
        turns += [{"role": "tool", "tool_call_id": c["id"], "content": content()} for c in calls]
        turns.append({"role": "user", "content": w.word()})
    tool = lambda: {  # noqa: E731 - a name for a short thing
        "type": "function",
        "function": w.maybe(
            {"name": w.word(), "parameters": w.schema()}, description=w.word, strict=lambda: True
        ),
    }
    shape = lambda: w.maybe(  # noqa: E731 - a name for a short thing
        {"name": "x", "schema": w.schema()}, description=w.word
    )
    body = w.maybe(
        {"model": "tiny", "messages": turns},
        max_completion_tokens=lambda: 777,
        stop=lambda: w.one(w.word, lambda: w.some(1, w.word)),
        user=w.word,
        response_format=lambda: {"type": "json_schema", "json_schema": shape()},
        temperature=w.number,
        top_p=w.number,
        frequency_penalty=w.number,
        presence_penalty=w.number,
        seed=lambda: 987_654,
        logprobs=lambda: True,
        logit_bias=lambda: {w.number_of_token(): w.number()},
        top_k=lambda: 33,
        stream=lambda: True,
    )
    if w.yes():
        body |= {"tools": [tool()], "parallel_tool_calls": False}
        name = body["tools"][0]["function"]["name"]
        named = {"type": "function", "function": {"name": name}}
        body["tool_choice"] = draw(st.sampled_from(["auto", "required", named]))
    return body, w


@st.composite
def codexes(draw: st.DrawFn) -> tuple[Json, Writer]:
    """Return bodies of responses, as an agent sends them."""
    w = Writer(draw)
    text = lambda: {"type": "input_text", "text": w.word()}  # noqa: E731 - a name for a short thing
    image = lambda: {  # noqa: E731 - a name for a short thing
        "type": "input_image",
        "image_url": f"https://a.example/{w.word()}",
    }
    file = lambda: {  # noqa: E731 - a name for a short thing
        "type": "input_file",
        "file_data": f"data:application/pdf;base64,{w.data()}",
        "filename": w.word(),
    }
    items: list[Json] = []
    if w.yes():
        items.append({"role": "developer", "content": [text()]})
    items.append({"role": "user", "content": [text(), *w.some(0, lambda: w.one(image, file))]})
    for _ in range(draw(st.integers(0, 2))):
        call = {"type": "function_call", "call_id": w.word(), "name": w.word()}
        items.append(call | {"arguments": msgspec.json.encode({w.word(): 1}).decode()})
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": w.word()}
        items.append(output)
        used = {"type": "custom_tool_call", "call_id": w.word(), "name": w.word()}
        items.append(used | {"input": w.word()})
        output = {"type": "custom_tool_call_output", "call_id": used["call_id"]}
        items.append(output | {"output": w.word()})
        said = [{"type": "output_text", "text": w.word()}]
        items.append(w.maybe({"role": "assistant", "content": said}, type=lambda: "message"))
        items.append({"role": "user", "content": w.word()})
    inner = lambda: {  # noqa: E731 - a name for a short thing
        "type": "function",
        "name": w.word(),
        "parameters": w.schema(),
        "description": w.word(),
    }
    space = lambda: {  # noqa: E731 - a name for a short thing
        "type": "namespace",
        "name": w.word(),
        "description": w.word(),
        "tools": [inner()],
    }
    custom = lambda: {"type": "custom", "name": w.word(), "description": w.word()}  # noqa: E731
    body = w.maybe(
        {"model": "tiny", "input": items, "store": False},
        instructions=w.word,
        max_output_tokens=lambda: 777,
        tools=lambda: [inner(), space(), custom(), {"type": "web_search"}],
        user=w.word,
        temperature=w.number,
        top_p=w.number,
        text=lambda: {"format": {"type": "json_schema", "name": "x", "schema": w.schema()}},
        stream=lambda: True,
    )
    return body, w


def test_how_closely_a_picture_is_to_be_looked_at_is_passed_on() -> None:
    picture = ImageBlock(url="https://a.example/b.png", detail="low")
    request = Request(model="tiny", messages=(Message("user", (picture,)),))
    wire, _ = _sent(request, "openai")
    assert wire["messages"][0]["content"][0]["image_url"]["detail"] == "low"


def check(request: Request, body: Json, writer: Writer, *, forgets: bool = False) -> None:
    """Check that both upstreams are sent every word, or refuse a field that there is."""
    for kind in ("anthropic", "openai"):
        wire, refusal = _sent(request, kind)
        if refusal is not None:
            assert refusal.param
            assert _has(request, refusal.param), refusal.message
            continue
        sent = msgspec.json.encode(wire).decode()
        expected = set(writer.words)
        if forgets and kind == "openai":
            expected -= set(_thoughts(body))
        lost = [word for word in expected if word not in sent]
        assert not lost, (kind, lost)
        values = set(_leaves(wire))
        assert set(writer.numbers) <= values
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
            assert name not in body or 777 in values
        assert "top_k" not in body or 33 in values
        assert "seed" not in body or 987_654 in values
        assert bool(wire.get("stream")) == bool(body.get("stream"))
        strict = [tool for tool in request.tools if tool.strict]
        assert sent.count('"strict":true') >= len(strict)


def _sent(request: Request, kind: str) -> tuple[Json, Unsupported | None]:
    """Return what an upstream is sent, or why it can't be."""
    try:
        if kind == "anthropic":
            return to_anthropic.body(request, FAR), None
        return to_openai.body(request, FAR, EXTENDED), None
    except Unsupported as refusal:
        return {}, refusal


def _has(request: Request, param: str) -> bool:
    match param:
        case "logprobs":
            return request.logprobs is not None
        case "document" | "tool_result.content":
            return True  # which of several forms is checked with the domain's own requests
        case _:
            return getattr(request.sampling, param) is not None


def _thoughts(body: Json) -> list[str]:
    """Return what is its author's own affair: other servers don't read it."""
    blocks = [
        b for turn in body["messages"] if isinstance(turn["content"], list) for b in turn["content"]
    ]
    fields = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
    return [b[name] for b in blocks for name in fields.get(b["type"], ())]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


@given(claudes())
@many
def test_every_word_of_a_message_arrives(drawn: tuple[Json, Writer]) -> None:
    body, writer = drawn
    read = messages_body.validate_json(msgspec.json.encode(body))
    request = anthropic_dialect.to_request(read, FAR.model, "2023-06-01")
    check(request, body, writer, forgets=True)


@given(gpts())
@many
def test_every_word_of_a_chat_arrives(drawn: tuple[Json, Writer]) -> None:
    body, writer = drawn
    read = chat_body.validate_json(msgspec.json.encode(body))
    check(chat_dialect.to_request(read, FAR.model), body, writer)


@given(codexes())
@many
def test_every_word_of_a_response_arrives(drawn: tuple[Json, Writer]) -> None:
    body, writer = drawn
    read = responses_body.validate_json(msgspec.json.encode(body))
    check(responses_dialect.to_request(read, FAR.model), body, writer)
