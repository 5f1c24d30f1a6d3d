"""Pictures within answers, by both vendors' clients: a real image model, a capable text model."""

import base64
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from PIL import Image

from consigne.api.app import create_app
from consigne.engines.downloads import Facts, add
from consigne.engines.library import ModelLibrary
from consigne.provenance import verifying
from doubles.capable import CapableModel, capable_upstream
from doubles.scripted import ScriptedGateway, scripted_services
from support.contract import Contract
from support.images import image_model_folder
from support.providing import EVERYTHING
from support.server import ServerProcess

pytestmark = pytest.mark.slow

TOOL: Any = {"type": "image_generation", "quality": "low", "partial_images": 1}
SERVER_TOOL: Any = {"type": "image_generation_20261101", "name": "image_generation"}
DRAW = '!call image_generation {"prompt": "a red fox"}'


@pytest.fixture(scope="module")
def upstream() -> Iterator[CapableModel]:
    with capable_upstream() as model:
        yield model


@pytest.fixture(scope="module")
async def serving(
    tmp_path_factory: pytest.TempPathFactory, upstream: CapableModel
) -> ServerProcess:
    data_dir = tmp_path_factory.mktemp("pictured")
    library = ModelLibrary(data_dir / "models")
    library.models_dir.mkdir()
    await add(image_model_folder(), library, facts=Facts(id="test-pictures"))
    model = {"id": "able", "context": 8192, "capabilities": list(EVERYTHING)}
    provider = {
        "name": "up",
        "kind": "openai",
        "base_url": f"{upstream.url}/v1",
        "api_key": "none",
        "models": [model],
    }
    return ServerProcess(data_dir, environ={"CONSIGNE_PROVIDERS": json.dumps([provider])})


@pytest.fixture(scope="module")
def client(serving: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{serving.url}/v1", api_key=serving.key, max_retries=0, timeout=60
    ) as made:
        yield made
    assert serving.stop() == 0, serving.log_path.read_text()


@pytest.fixture(scope="module")
def other(serving: ServerProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=serving.url, api_key=serving.key, max_retries=0, timeout=60
    ) as made:
        yield made


def _checked(encoded: str | None) -> str:
    assert encoded
    data = base64.b64decode(encoded)
    assert Image.open(io.BytesIO(data)).size == (128, 128)
    assert verifying.verify(data).verdict == "intact"
    return encoded


def test_a_response_holds_a_picture_and_the_next_changes_it(
    client: openai.OpenAI, serving: ServerProcess, upstream: CapableModel
) -> None:
    first = client.responses.create(model="able", input=DRAW, tools=[TOOL])
    call, message = first.output
    assert call.type == "image_generation_call"
    assert (call.status, call.revised_prompt, call.size) == ("completed", "a red fox", "128x128")
    drawn = _checked(call.result)
    made = f"img_{call.id.removeprefix('ig_')}"
    assert message.type == "message"
    assert made in first.output_text, "the model was told of what it made"
    again = client.responses.retrieve(first.id)
    assert again.output[0].type == "image_generation_call"
    assert again.output[0].result == drawn, "what is kept has its picture"
    contract = Contract.of(create_app(scripted_services(ScriptedGateway())))
    headers = {"authorization": f"Bearer {serving.key}"}
    path = f"{serving.url}/v1/responses/{first.id}"
    contract.check("GET", "/v1/responses/{response_id}", httpx.get(path, headers=headers))

    change = json.dumps({"prompt": "a blue fox", "picture_id": made})
    asked = f"!call image_generation {change}"
    second = client.responses.create(
        model="able", input=asked, previous_response_id=first.id, tools=[TOOL]
    )
    edited = second.output[0]
    assert edited.type == "image_generation_call"
    assert edited.model_dump()["action"] == "edit"
    assert _checked(edited.result) != drawn
    history = json.dumps(upstream.requests[-1][1]["messages"])
    assert f"Made {made}" in history
    third = client.responses.create(
        model="able",
        input=[
            {"type": "image_generation_call", "id": call.id},
            {"role": "user", "content": asked},
        ],  # type: ignore[list-item,misc]
        tools=[TOOL],
        store=False,
    )
    assert third.output[0].model_dump()["action"] == "edit"


def test_a_streamed_response_shows_the_picture_growing(client: openai.OpenAI) -> None:
    stream = client.responses.create(
        model="able",
        input=DRAW,
        tools=[TOOL],
        tool_choice={"type": "image_generation"},
        stream=True,
    )
    events = list(stream)
    pictured = [event for event in events if "image_generation_call" in event.type]
    assert [event.type.rpartition(".")[2] for event in pictured] == [
        "in_progress",
        "generating",
        "partial_image",
        "completed",
    ]
    assert pictured[2].type == "response.image_generation_call.partial_image"
    Image.open(io.BytesIO(base64.b64decode(pictured[2].partial_image_b64))).verify()
    last = events[-1]
    assert last.type == "response.completed"
    for event in pictured:
        assert last.response.output[event.output_index].id == event.item_id
    assert [item.type for item in last.response.output] == ["image_generation_call", "message"]
    assert last.response.usage
    assert last.response.usage.output_tokens > 0


def test_what_cannot_be_drawn_fails_in_its_item_and_bad_options_are_refused(
    client: openai.OpenAI, serving: ServerProcess
) -> None:
    missing = json.dumps({"prompt": "a fox", "picture_id": "img_0"})
    failed = client.responses.create(
        model="able", input=f"!call image_generation {missing}", tools=[TOOL]
    )
    item = failed.output[0]
    assert item.type == "image_generation_call"
    assert (item.status, item.result) == ("failed", None)
    assert "no picture" in failed.output_text.lower()
    for options, field in (
        ({"background": "transparent"}, "tools[0].background"),
        ({"model": "no-such"}, "tools[0].model"),
        ({"size": "big"}, "tools[0].size"),
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            client.responses.create(model="able", input="Hi", tools=[TOOL | options])
        assert caught.value.param == field
    printed = serving.run("keys", "create", "texts", "--scopes", "generate").stdout
    found = re.search(r"sk-csn-[\w-]+", printed)
    assert found
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key=found.group(), max_retries=0) as bound:
        answer = bound.responses.create(model="able", input="Hi", tools=[TOOL])
        assert answer.tools == [], "left out, like all that is not run for the caller"


def test_a_message_holds_a_picture_and_the_next_changes_it(
    other: anthropic.Anthropic, upstream: CapableModel, serving: ServerProcess
) -> None:
    asked: Any = {"role": "user", "content": DRAW}
    first = other.messages.create(
        model="able", max_tokens=500, messages=[asked], tools=[SERVER_TOOL]
    )
    call, result, text = (block.model_dump() for block in first.content)
    assert (call["type"], call["name"]) == ("server_tool_use", "image_generation")
    assert result["type"] == "image_generation_tool_result"
    assert result["tool_use_id"] == call["id"]
    drawn = _checked(result["content"][0]["source"]["data"])
    made = f"img_{call['id'].removeprefix('srvtoolu_')}"
    assert made in text["text"]
    assert first.stop_reason == "end_turn"

    change = json.dumps({"prompt": "a blue fox", "picture_id": made})
    turns: Any = [
        asked,
        {"role": "assistant", "content": [call, result, text]},
        {"role": "user", "content": f"!call image_generation {change}"},
    ]
    with other.messages.stream(
        model="able", max_tokens=500, messages=turns, tools=[SERVER_TOOL]
    ) as stream:
        second = stream.get_final_message()
    blocks = [block.model_dump() for block in second.content]
    assert [block["type"] for block in blocks] == [
        "server_tool_use",
        "image_generation_tool_result",
        "text",
    ]
    assert blocks[0]["input"]["picture_id"] == made
    assert _checked(blocks[1]["content"][0]["source"]["data"]) != drawn
    assert f"Made {made}" in json.dumps(upstream.requests[-1][1]["messages"])
    contract = Contract.of(create_app(scripted_services(ScriptedGateway())))
    body = {"model": "able", "max_tokens": 500, "messages": [asked], "tools": [SERVER_TOOL]}
    headers = {"x-api-key": serving.key, "anthropic-version": "2023-06-01"}
    for path, extra in (("/v1/messages", {}), ("/v1/messages", {"stream": True})):
        sent = body | extra
        assert contract.body_is_valid(path, sent)
        contract.check(
            "POST", path, httpx.post(serving.url + path, json=sent, headers=headers, timeout=60)
        )
    count = other.messages.count_tokens
    with pytest.raises(anthropic.APIStatusError, match="name"):
        count(model="able", messages=[asked], tools=[SERVER_TOOL | {"name": "draw"}])


def test_a_long_instruction_is_put_as_a_caption_by_the_text_model(client: openai.OpenAI) -> None:
    """The capable model says what the last line tells it to; the real image model judges both."""
    instruction = (
        "Ma grand-mère élève des poules et des chèvres, et je voudrais lui offrir une tasse sur "
        "laquelle il y a une chèvre"
    )
    plain = client.images.generate(prompt=instruction, extra_body={"steps": 1})
    helped = client.images.generate(
        prompt=f"{instruction}\n!say a goat", extra_body={"steps": 1, "seed": 1}
    )
    assert plain.data
    assert helped.data
    assert plain.data[0].revised_prompt is None, "the model said nothing that it knows"
    assert helped.data[0].revised_prompt == "a goat"
    assert helped.model_dump()["notice"] is None
