"""``/v1/moderations`` over a scripted gateway: what an application gets, and what is asked."""

import json
import math
from typing import Any

import pytest
from openai.types import ModerationCreateResponse

from consigne.domain.events import BlockStop, Event, TextDelta, TextStart, TokenLogprob
from consigne.domain.messages import Request
from consigne.gateway.judging import CATEGORIES
from consigne.settings import ModelSettings
from doubles.scripted import START, ScriptedGateway, stop, text
from support.dialects import client


def said(yes: float, *before: str) -> list[Event]:
    """Return an answer whose first word is a yes as likely as this beside the no."""
    top = ((b" No", math.log(1 - yes)), (b"Yes", math.log(yes / 2)), (b"yes", math.log(yes / 2)))
    told = [*((each, -0.1, ()) for each in before), (" No", math.log(1 - yes), top)]
    tokens = [TextDelta(0, token, (TokenLogprob(token.encode(), *p),)) for token, *p in told]
    return [START, TextStart(0), *tokens, BlockStop(0), stop()]


async def ask(gateway: ScriptedGateway, models: ModelSettings | None = None, **body: Any) -> Any:
    async with client(gateway, models=models) as http:
        return await http.post("/v1/moderations", json=body)


class Judge(ScriptedGateway):
    """Finds each category a twentieth likelier than the one before."""

    def script_for(self, request: Request) -> list[Event]:
        """Answer the question that is asked."""
        question = request.messages[0].text
        (at,) = (at for at, what in enumerate(CATEGORIES.values()) if f" {what}?" in question)
        return said((at + 1) / 20)


async def test_each_category_is_scored_by_how_likely_the_yes_is() -> None:
    gateway = Judge()
    got = await ask(gateway, model="tiny", input="You fool")
    found = ModerationCreateResponse.model_validate(got.json())
    (result,) = found.results
    scores = result.category_scores.model_dump(by_alias=True)
    assert scores == pytest.approx({name: (at + 1) / 20 for at, name in enumerate(CATEGORIES)})
    assert result.categories.model_dump(by_alias=True) == {n: s >= 0.5 for n, s in scores.items()}
    assert result.flagged
    asked = gateway.requests
    assert {(r.model, r.max_tokens, r.sampling.temperature) for r in asked} == {("tiny", 4, 0.0)}
    shared = "<text>\nYou fool\n</text>\n\nDoes the text "
    assert all(r.messages[0].text.startswith(shared) for r in asked)
    assert len({r.messages[0].text for r in asked}) == len(CATEGORIES)


async def test_a_list_is_judged_text_by_text_and_parts_as_one() -> None:
    gateway = ScriptedGateway()
    gateway.script = said(0.01, "\n")
    got = (await ask(gateway, model="tiny", input=["a", "b"])).json()
    assert [result["flagged"] for result in got["results"]] == [False, False]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert len((await ask(gateway, model="tiny", input=parts)).json()["results"]) == 1
    assert "<text>\na\n\nb\n</text>" in gateway.requests[-1].messages[0].text


async def test_a_model_without_probabilities_says_yes_or_no_to_all_at_once() -> None:
    answer = {name: name == "violence" for name in CATEGORIES}
    gateway = ScriptedGateway(START, *text(json.dumps(answer)), stop())
    (result,) = (await ask(gateway, model="plain", input="War")).json()["results"]
    assert result["categories"] == answer
    assert result["category_scores"] == {name: float(on) for name, on in answer.items()}
    (request,) = gateway.requests
    assert request.output.kind == "json_schema"


async def test_the_operator_names_who_judges_where_the_caller_does_not() -> None:
    gateway = ScriptedGateway()
    gateway.script = said(0.9)
    got = await ask(gateway, ModelSettings(moderation="tiny"), input="a")
    assert (got.status_code, got.json()["model"]) == (200, "tiny")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": "a"}, 404, "model"),
        ({"input": "a", "model": "omni"}, 404, "model"),
        ({"input": "a", "model": "mini"}, 400, "model"),
        ({"input": "a", "model": "tiny"}, 400, "model"),
        ({"input": "a", "model": "plain"}, 400, "model"),
        ({}, 400, "input"),
        ({"input": []}, 400, "input"),
        ({"input": [{"type": "image_url", "image_url": {"url": "x"}}]}, 400, "input[0]"),
    ],
)
async def test_nothing_is_judged_by_guess(body: dict[str, Any], status: int, param: str) -> None:
    got = await ask(ScriptedGateway(), **body)  # it answers "Hello world", no yes and no no
    assert got.status_code == status, got.text
    assert got.json()["error"]["param"].startswith(param)
