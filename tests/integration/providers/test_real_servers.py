"""Two real servers, as operators start them: one with a real model, one in front of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.server import ServerProcess

pytestmark = pytest.mark.slow
MODEL = "smollm2-135m-instruct"
HELLO: Any = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def front(
    server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server without any model, which reaches the real one as two providers."""
    able = ["tools", "structured_output", "logprobs"]
    providers = [
        {
            "name": kind,
            "kind": kind,
            "base_url": server.url + ("/v1" if kind == "openai" else ""),
            "api_key_env": "FAR_KEY",
            "models": [
                {
                    "id": f"far-{kind}",
                    "upstream": MODEL,
                    "context": 2048,
                    "capabilities": able,
                }
            ],
        }
        for kind in ("openai", "anthropic")
    ]
    folder: Path = tmp_path_factory.mktemp("front")
    environ = {"CONSIGNE_PROVIDERS": json.dumps(providers), "FAR_KEY": server.key}
    process = ServerProcess(folder, environ=environ)
    yield process
    assert process.stop() == 0, process.log_path.read_text()
    log = process.log_path.read_text()
    assert server.key not in log
    assert not (folder / "models").exists() or not any((folder / "models").iterdir())


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_the_front_answers_as_the_model_itself(
    server: ServerProcess, front: ServerProcess, kind: str
) -> None:
    asked: Any = {"messages": HELLO, "temperature": 0, "max_tokens": 20}
    near = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key)
    far = openai.OpenAI(base_url=f"{front.url}/v1", api_key=front.key)
    expected = near.chat.completions.create(model=MODEL, **asked).choices[0].message.content
    whole = far.chat.completions.create(model=f"far-{kind}", **asked)
    chunks = far.chat.completions.create(model=f"far-{kind}", stream=True, **asked)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert expected
    assert whole.choices[0].message.content == streamed == expected
    assert whole.usage
    assert whole.usage.completion_tokens > 0
    headers = {"anthropic-version": "2023-06-01"}
    client = anthropic.Anthropic(
        base_url=front.url, api_key=front.key, default_headers=headers, max_retries=0
    )
    zero: Any = {"extra_body": {"temperature": 0}}
    with client.messages.stream(
        model=f"far-{kind}", max_tokens=20, messages=HELLO, **zero
    ) as stream:
        final = stream.get_final_message()
    assert final.content[0].type == "text"
    assert final.content[0].text == expected
    assert final.usage.output_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_schemas_are_kept_to_far_away(front: ServerProcess, kind: str) -> None:
    schema = {
        "type": "object",
        "properties": {"capital": {"enum": ["Paris", "Rome"]}},
        "required": ["capital"],
        "additionalProperties": False,
    }
    shape: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    client = openai.OpenAI(base_url=f"{front.url}/v1", api_key=front.key)
    answer = client.chat.completions.create(
        model=f"far-{kind}", messages=HELLO, response_format=shape, max_tokens=64
    )
    assert json.loads(answer.choices[0].message.content or "")["capital"] in ("Paris", "Rome")


def test_the_far_models_are_listed_and_ready(front: ServerProcess) -> None:
    client = openai.OpenAI(base_url=f"{front.url}/v1", api_key=front.key)
    assert [(model.id, model.owned_by) for model in client.models.list()] == [
        ("consigne-icons", "consigne"),
        ("far-openai", "openai"),
        ("far-anthropic", "anthropic"),
    ]
    count = anthropic.Anthropic(base_url=front.url, api_key=front.key).messages.count_tokens(
        model="far-anthropic", messages=HELLO
    )
    assert count.input_tokens > 10
