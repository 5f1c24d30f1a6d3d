"""LlamaIndex with both vendors' integrations."""

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai_like import OpenAILike
from report import CAPABLE, EVERY, KEY, URL, feature, tell


def openai_like(name: str) -> Any:
    given: Any = {"is_chat_model": True, "is_function_calling_model": True}
    options: Any = {"api_base": f"{URL}/v1", "api_key": KEY, "max_tokens": 40, "max_retries": 0}
    return OpenAILike(model=name, **options, **given)


def claude(name: str) -> Any:
    return Anthropic(model=name, base_url=URL, api_key=KEY, max_tokens=40, max_retries=0)


def cases(kind: str, package: str, made: Any) -> None:
    """Run all features with one integration."""
    hello = [ChatMessage(role="user", content="Hello")]

    def plain(name: str) -> None:
        assert made(name).chat(hello).message.content
        assert made(name).complete("Hello").text

    def streamed(name: str) -> None:
        assert "".join(part.delta or "" for part in made(name).stream_chat(hello))

    def tools(name: str) -> None:
        def add(a: int, b: int) -> int:
            """Add."""
            return a + b

        tool = FunctionTool.from_defaults(fn=add)
        answer = made(name).predict_and_call([tool], '!call add {"a": 2, "b": 40}')
        assert answer.response == "42"

    feature(kind, package, "chat and complete", EVERY, plain)
    feature(kind, package, "stream_chat", EVERY, streamed)
    feature(kind, package, "tools", CAPABLE, tools)


cases("LlamaIndex, OpenAILike", "llama-index-llms-openai-like", openai_like)
try:
    _ = claude(EVERY[0]).metadata
except ValueError:
    tell(
        "LlamaIndex, Anthropic",
        "llama-index-llms-anthropic",
        "names of models here",
        known="the integration takes no name but those of Anthropic's models; use OpenAILike",
    )
