"""The vendors' SDKs as tests use them: clients of a scripted gateway served over HTTP."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
from pydantic import BaseModel

from doubles.scripted import KEY, ScriptedGateway
from support.dialects import served

Serve = Callable[[ScriptedGateway], str]
HELLO: Any = [{"role": "user", "content": "Hello"}]


class Point(BaseModel):
    """What a structured answer is parsed to."""

    x: int
    y: int


def claude(url: str, **options: Any) -> anthropic.Anthropic:
    """Return Anthropic's client."""
    return anthropic.Anthropic(base_url=url, **{"api_key": KEY, "max_retries": 0, **options})


def gpt(url: str, **options: Any) -> openai.OpenAI:
    """Return OpenAI's client."""
    return openai.OpenAI(base_url=f"{url}/v1", **{"api_key": KEY, "max_retries": 0, **options})


class Service:
    """A served gateway and clients of it."""

    def __init__(self, gateway: ScriptedGateway, stack: ExitStack) -> None:
        self.gateway = gateway
        self.url = stack.enter_context(served(gateway)) + "/v1"
        self._stack = stack

    def client(self, key: str = KEY) -> openai.OpenAI:
        """Return OpenAI's client."""
        made = openai.OpenAI(base_url=self.url, api_key=key, max_retries=0)
        return self._stack.enter_context(made)
