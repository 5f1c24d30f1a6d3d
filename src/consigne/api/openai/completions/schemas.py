"""The body of a request for a text completion, as its clients send it."""

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from consigne.api.limits import MAX_STOPS, MAX_TOKENS
from consigne.api.openai.extras import Extras, StreamOptions

MAX_ANSWERS: Final = 128
"""Most answers of one request: prompts times ``n``, or times ``best_of``."""
Text = Annotated[str, Field(min_length=1)]
Token = Annotated[int, Field(ge=0, lt=2**31)]
Tokens = Annotated[list[Token], Field(min_length=1)]
Prompts = (
    Text
    | Annotated[list[Text], Field(min_length=1, max_length=MAX_ANSWERS)]
    | Tokens
    | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_ANSWERS)]
)
Stop = Annotated[str, Field(min_length=1)]


class CompletionBody(Extras):
    """The body of ``POST /v1/completions``."""

    model: str = Field(max_length=256)
    prompt: Prompts
    max_tokens: int | None = Field(default=16, ge=0)
    n: int | None = Field(default=None, ge=1, le=MAX_ANSWERS)
    best_of: int | None = Field(default=None, ge=1, le=20)
    echo: bool | None = None
    logprobs: int | None = Field(default=None, ge=0, le=5)
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    user: str | None = None

    @property
    def prompts(self) -> list[str | tuple[int, ...]]:
        """The prompts, each as text or as tokens."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        found: list[str | tuple[int, ...]] = []
        tokens: list[int] = []
        for each in self.prompt:
            if isinstance(each, int):
                tokens.append(each)
            else:
                found.append(each if isinstance(each, str) else tuple(each))
        return [tuple(tokens)] if tokens else found

    @property
    def limit(self) -> int:
        """Most tokens of one answer."""
        return 16 if self.max_tokens is None else min(self.max_tokens, MAX_TOKENS)


completion_body: TypeAdapter[CompletionBody] = TypeAdapter(CompletionBody)
