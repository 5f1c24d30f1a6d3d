"""pydantic-ai with both vendors' models."""

from typing import Any, Literal

from anthropic import AsyncAnthropic
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from report import CAPABLE, EVERY, KEY, URL, feature

openai = OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)
client = AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0)
anthropic = AnthropicProvider(anthropic_client=client)
KINDS: dict[str, Any] = {
    "pydantic-ai, OpenAIChatModel": lambda name: OpenAIChatModel(name, provider=openai),
    "pydantic-ai, OpenAIResponsesModel": lambda name: OpenAIResponsesModel(name, provider=openai),
    "pydantic-ai, AnthropicModel": lambda name: AnthropicModel(name, provider=anthropic),
}
SETTINGS: Any = {"max_tokens": 60}


class City(BaseModel):
    """A city."""

    city: Literal["Paris", "Rome"]


def cases(kind: str, made: Any) -> None:
    """Run all features with one kind of model."""

    def plain(name: str) -> None:
        answer = Agent(made(name), model_settings=SETTINGS).run_sync("Hello")
        assert answer.output
        assert answer.usage.output_tokens > 0

    def streamed(name: str) -> None:
        answer = Agent(made(name), model_settings=SETTINGS).run_stream_sync("Hello")
        assert "".join(answer.stream_text(delta=True))

    def tools(name: str) -> None:
        agent = Agent(made(name), model_settings=SETTINGS)

        @agent.tool_plain
        def add(a: int, b: int) -> str:
            return f"sum {a + b}"

        assert "sum 42" in agent.run_sync('!call add {"a": 2, "b": 40}').output

    def structured(name: str) -> None:
        agent = Agent(made(name), output_type=City, model_settings=SETTINGS)
        assert agent.run_sync("Capital of Italy? Rome").output.city in ("Paris", "Rome")

    def native(name: str) -> None:
        agent = Agent(made(name), output_type=NativeOutput(City), model_settings=SETTINGS)
        assert agent.run_sync("Capital of Italy? Rome").output.city in ("Paris", "Rome")

    package = "pydantic-ai-slim"
    feature(kind, package, "run", EVERY, plain)
    feature(kind, package, "run_stream", EVERY, streamed)
    feature(kind, package, "tools", CAPABLE, tools)
    feature(kind, package, "structured output by a tool", EVERY, structured)
    if "Anthropic" not in kind:
        feature(kind, package, "structured output by a schema", EVERY, native)


for each, make in KINDS.items():
    cases(each, make)
