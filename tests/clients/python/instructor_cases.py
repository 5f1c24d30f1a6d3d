"""instructor over both vendors' SDKs."""

from typing import Any, Literal

import anthropic
import instructor
import openai
from pydantic import BaseModel
from report import EVERY, KEY, URL, feature

HELLO: Any = [{"role": "user", "content": "Capital of Italy? Rome"}]


class City(BaseModel):
    """A city."""

    city: Literal["Paris", "Rome"]


def by(mode: instructor.Mode) -> Any:
    def run(name: str) -> None:
        sdk = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
        client = instructor.from_openai(sdk, mode=mode)
        asked: Any = {"model": name, "messages": HELLO, "max_tokens": 60, "max_retries": 1}
        assert client.chat.completions.create(response_model=City, **asked).city

    return run


def claude(name: str) -> None:
    sdk = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
    client = instructor.from_anthropic(sdk, mode=instructor.Mode.ANTHROPIC_TOOLS)
    asked: Any = {"model": name, "messages": HELLO, "max_tokens": 60, "max_retries": 1}
    assert client.messages.create(response_model=City, **asked).city


OPENAI, ANTHROPIC = "instructor, from_openai", "instructor, from_anthropic"
feature(OPENAI, "instructor", "response_model by a tool", EVERY, by(instructor.Mode.TOOLS))
feature(OPENAI, "instructor", "response_model by a schema", EVERY, by(instructor.Mode.JSON_SCHEMA))
feature(ANTHROPIC, "instructor", "response_model by a tool", EVERY, claude)
