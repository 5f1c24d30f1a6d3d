"""``/v1/completions`` over a scripted gateway: what an application gets."""

import json
from typing import Any

import pytest
from openai.types import Completion

from consigne.domain.events import BlockStop, Event, TextDelta, TextStart, TokenLogprob
from consigne.domain.messages import OutputFormat, Request, Sampling
from doubles.scripted import START, ScriptedGateway, stop
from support.dialects import client

BODY: dict[str, Any] = {"model": "tiny", "prompt": "a b c"}


def answer(*tokens: tuple[str, float]) -> list[Event]:
    """Return the events of a text with its log-probabilities."""
    deltas: list[Event] = [TextDelta(0, t, (TokenLogprob(t.encode(), p),)) for t, p in tokens]
    return [START, TextStart(0), *deltas, BlockStop(0), stop()]


def check(body: dict[str, Any]) -> None:
    """Check an answer against the SDK's type, which has no place for ``null`` in it."""
    copy = json.loads(json.dumps(body))
    for choice in copy["choices"]:
        choice["finish_reason"] = choice["finish_reason"] or "stop"  # null while it goes on
        told = choice["logprobs"] or {}
        for name, nothing in (("token_logprobs", 0.0), ("top_logprobs", {})):
            if told and told[name][0] is None:
                told[name][0] = nothing
    Completion.model_validate(copy)


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a request and return the answer's body, with its status."""
    async with client(gateway) as http:
        got = await http.post("/v1/completions", json=BODY | fields)
    body: dict[str, Any] = got.json()
    if got.status_code == 200:
        check(body)
    return body | {"status": got.status_code}


async def stream(gateway: ScriptedGateway, **fields: Any) -> list[dict[str, Any]]:
    """Post a request and return the chunks of its stream."""
    async with client(gateway) as http:
        got = await http.post("/v1/completions", json=BODY | fields | {"stream": True})
    assert got.status_code == 200, got.text
    *data, done = [line for line in got.text.splitlines() if line.startswith("data: ")]
    assert done == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in data]
    for chunk in chunks:
        check(chunk)
    return chunks


async def test_a_completion() -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, stop=["END"], seed=7, temperature=0.5, max_tokens=9, top_k=3)
    assert body["id"].startswith("cmpl-")
    assert body["object"] == "text_completion"
    assert body["choices"] == [
        {"index": 0, "text": "Hello world", "logprobs": None, "finish_reason": "stop"}
    ]
    assert body["usage"]["total_tokens"] == 17
    assert gateway.requests == [
        Request(
            model="tiny",
            messages=(),
            raw_prompt="a b c",
            sampling=Sampling(temperature=0.5, seed=7, top_k=3),
            max_tokens=9,
            stop=("END",),
        )
    ]


async def test_without_a_limit_sixteen_tokens_come() -> None:
    gateway = ScriptedGateway()
    await ask(gateway)
    assert gateway.requests[0].max_tokens == 16


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
    ],
)
async def test_each_form_of_prompt(prompt: Any, read: list[Any]) -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, prompt=prompt, n=2)
    assert [choice["index"] for choice in body["choices"]] == list(range(2 * len(read)))
    assert [asked.raw_prompt for asked in gateway.requests] == [p for p in read for _ in range(2)]
    assert body["usage"]["prompt_tokens"] == 12 * len(read)
    assert body["usage"]["completion_tokens"] == 10 * len(read)


async def test_the_prompt_is_echoed_with_how_likely_it_is() -> None:
    gateway = ScriptedGateway(*answer(("x", -1.0), ("y", -2.0)))
    body = await ask(gateway, echo=True, logprobs=1, temperature=0, max_tokens=2)
    (choice,) = body["choices"]
    assert choice["text"] == "a b cxy"
    assert choice["logprobs"] == {
        "tokens": ["a", " b", " c", "x", "y"],
        "token_logprobs": [None, -1.5, -2.5, -1.0, -2.0],
        "top_logprobs": [
            None,
            {" best": -0.25, " b": -1.5},
            {" best": -0.25, " c": -2.5},
            {"x": -1.0},
            {"y": -2.0},
        ],
        "text_offset": [0, 1, 3, 5, 6],
    }


@pytest.mark.parametrize(("ends", "text"), [(False, "<1><2> next"), (True, "<1><2>")])
async def test_an_evaluation_harness_needs_no_generation(ends: bool, text: str) -> None:
    gateway = ScriptedGateway()
    gateway.ends = ends
    asked = {"prompt": [[1, 2], [3, 4]], "max_tokens": 1, "temperature": 0, "seed": 1234}
    body = await ask(gateway, **asked, echo=True, logprobs=1)
    first, second = body["choices"]
    assert first["text"] == text
    assert first["finish_reason"] == ("stop" if ends else "length")
    assert first["logprobs"]["token_logprobs"] == [None, -1.5, -0.125]
    assert first["logprobs"]["top_logprobs"][-1] == {" next": -0.125}
    assert second["index"] == 1
    assert [asked.logprobs for asked in gateway.requests] == [1, 1]
    assert body["usage"]["prompt_tokens"] == 4
    assert body["usage"]["completion_tokens"] == 2


async def test_a_prompt_alone_can_be_scored() -> None:
    body = await ask(ScriptedGateway(), echo=True, logprobs=5, max_tokens=0)
    (choice,) = body["choices"]
    assert choice["text"] == "a b c"
    assert len(choice["logprobs"]["tokens"]) == 3
    assert body["usage"]["completion_tokens"] == 0


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"logprobs": 0}, 0),
        ({"logprobs": 1}, 1),
        ({"logprobs": 1, "temperature": 0}, 0),  # the likeliest is the one that was chosen
        ({"logprobs": 1, "temperature": 0, "frequency_penalty": 1}, 1),
        ({"logprobs": 5, "temperature": 0}, 5),
    ],
)
async def test_rivals_are_asked_for_where_the_choice_does_not_tell_them(
    fields: dict[str, Any], asked: int
) -> None:
    gateway = ScriptedGateway(*answer(("x", -1.0)))
    (choice,) = (await ask(gateway, **fields))["choices"]
    assert choice["logprobs"]["token_logprobs"] == [-1.0]
    assert gateway.requests[0].logprobs == asked


async def test_rivals_are_told_and_the_chosen_token_with_them() -> None:
    token = TokenLogprob(b"x", -1.5, ((b"y", -0.5), (b"z", -1.0)))
    script = [START, TextStart(0), TextDelta(0, "x", (token,)), BlockStop(0), stop()]
    (choice,) = (await ask(ScriptedGateway(*script), logprobs=2))["choices"]
    assert choice["logprobs"]["top_logprobs"] == [{"y": -0.5, "z": -1.0, "x": -1.5}]


async def test_the_best_of_several_is_the_likeliest() -> None:
    gateway = ScriptedGateway()
    gateway.scripts = [answer(("x", -3.0)), answer(("y", -1.0)), answer(("z", -2.0))]
    body = await ask(gateway, best_of=3, n=2)
    assert [choice["text"] for choice in body["choices"]] == ["y", "z"]
    assert [choice["logprobs"] for choice in body["choices"]] == [None, None]
    assert body["usage"]["completion_tokens"] == 15


async def test_a_stream_adds_up_to_the_whole() -> None:
    fields = {"prompt": ["a b", "c"], "n": 2, "echo": True, "logprobs": 1, "temperature": 0}
    fields["max_tokens"] = 2
    script = answer(("x", -1.0), ("y", -2.0))
    whole = await ask(ScriptedGateway(*script), **fields)
    options = {"stream_options": {"include_usage": True, "include_obfuscation": False}}
    *chunks, last = await stream(ScriptedGateway(*script), **fields, **options)
    assert last["usage"] == whole["usage"]
    assert last["choices"] == []
    for choice in whole["choices"]:
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == choice["index"]]
        assert "".join(piece["text"] for piece in mine) == choice["text"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        for name, values in choice["logprobs"].items():
            told = [v for piece in mine if piece["logprobs"] for v in piece["logprobs"][name]]
            assert told == values


async def test_other_servers_fields_are_taken() -> None:
    gateway = ScriptedGateway()
    schema = {"type": "object"}
    fields = {"guided_json": json.dumps(schema), "min_p": 0.1, "repetition_penalty": 1.2}
    assert (await ask(gateway, **fields))["status"] == 200
    assert gateway.requests[0].output == OutputFormat("json_schema", schema)
    assert gateway.requests[0].sampling == Sampling(min_p=0.1, repetition_penalty=1.2)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt[0]"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"suffix": "z"}, "suffix"),
        ({"logprobs": 6}, "logprobs"),
        ({"best_of": 2, "n": 3}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"prompt": ["a"] * 65, "n": 2}, "n"),
        ({"guided_json": "{"}, "guided_json"),
        ({"structured_outputs": {"regex": "a"}}, "structured_outputs"),
        ({"foo": 1}, "foo"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["status"] == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == param
