"""The mark of generated text in bodies: official clients keep it and lose nothing by it."""

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import OpenAI

from consigne.api.app import create_app
from consigne.settings import ProvenanceSettings
from doubles.scripted import KEY, ScriptedGateway, scripted_services
from support.contract import Contract
from support.dialects import client, served

BODY = ProvenanceSettings(text_marks=("body",), organisation='An "Org" & Söhne')
MARK = {
    "mode": "machine-generated",
    "provider": 'An "Org" & Söhne',
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
ASKED = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(ScriptedGateway(), provenance=BODY) as base:
        yield base


def _extra(answer: object) -> object:
    return (getattr(answer, "model_extra", None) or {}).get("ai_disclosure")


def test_openai_s_client_finds_it_in_whole_answers_and_streams(url: str) -> None:
    api = OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    whole = api.chat.completions.create(model="tiny", messages=ASKED)  # type: ignore[arg-type]
    assert (whole.choices[0].message.content, _extra(whole)) == ("Hello world", MARK)
    chunks = list(api.chat.completions.create(model="tiny", messages=ASKED, stream=True))  # type: ignore[call-overload]
    assert [_extra(chunk) for chunk in chunks] == [MARK] + [None] * (len(chunks) - 1)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello world"
    response = api.responses.create(model="tiny", input="hi")
    assert (response.output_text, _extra(response), response.metadata) == ("Hello world", MARK, {})
    kept = api.responses.retrieve(response.id)
    assert _extra(kept) == MARK
    with api.responses.stream(model="tiny", input="hi") as stream:
        events = [event for event in stream if hasattr(event, "response")]
        assert [_extra(event.response) for event in events] == [MARK] * len(events)
        assert _extra(stream.get_final_response()) == MARK


def test_anthropic_s_client_finds_it_in_whole_answers_and_streams(url: str) -> None:
    api = Anthropic(base_url=url, api_key=KEY, max_retries=0)
    asked = {"model": "tiny", "max_tokens": 9, "messages": ASKED}
    whole = api.messages.create(**asked)  # type: ignore[call-overload]
    assert (whole.content[0].text, _extra(whole)) == ("Hello world", MARK)
    with api.messages.stream(**asked) as stream:  # type: ignore[arg-type]
        assert "".join(stream.text_stream) == "Hello world"
        assert _extra(stream.get_final_message()) == MARK


async def test_errors_and_what_no_model_wrote_bear_none() -> None:
    async with client(ScriptedGateway(), provenance=BODY) as http:
        refused = await http.post("/v1/messages", json={})
        listed = await http.get("/v1/models")
        packed = {"accept-encoding": "gzip"}
        chat = {"model": "tiny", "messages": ASKED}
        written = await http.post("/v1/chat/completions", json=chat, headers=packed)
    assert "ai_disclosure" not in refused.text + listed.text
    assert written.json()["ai_disclosure"] == MARK
    async with client(ScriptedGateway()) as http:
        plain = await http.post("/v1/chat/completions", json=chat)
    assert "ai_disclosure" not in plain.text


async def test_it_is_described_wherever_it_stands() -> None:
    contract = Contract.of(create_app(scripted_services(ScriptedGateway())))
    chat = {"model": "tiny", "messages": ASKED, "store": True}
    asked = {
        "/v1/messages": {"model": "tiny", "max_tokens": 9, "messages": ASKED},
        "/v1/chat/completions": chat,
        "/v1/completions": {"model": "tiny", "prompt": "hi"},
        "/v1/responses": {"model": "tiny", "input": "hi"},
        "/v1/responses/compact": {"model": "tiny", "input": "hi"},
    }
    described = contract.document["paths"]
    async with client(ScriptedGateway(), provenance=BODY) as http:
        for path, body in asked.items():
            whole = await http.post(path, json=body)
            contract.check("POST", path, whole)
            assert whole.json()["ai_disclosure"] == MARK
            assert "AI-Disclosure" in described[path]["post"]["responses"]["200"]["headers"]
            if path.endswith("compact"):
                continue
            streamed = await http.post(path, json=body | {"stream": True})
            assert '"ai_disclosure":' in streamed.text
            contract.check("POST", path, streamed)
            name = {"/v1/chat/completions": "completion_id", "/v1/responses": "response_id"}
            if path in name:
                kept = await http.get(f"{path}/{whole.json()['id']}")
                assert kept.json()["ai_disclosure"] == MARK
                contract.check("GET", f"{path}/{{{name[path]}}}", kept)
