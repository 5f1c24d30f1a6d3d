"""Fields beyond OpenAI's own that other servers of its dialect take, and their clients send."""

from typing import Annotated, Final

import msgspec
from pydantic import Field

from consigne.api.limits import Body, JsonObject, Wire
from consigne.api.openai.shared import refuse
from consigne.domain.messages import Json, OutputFormat, Sampling

MAX_LOGIT_BIAS: Final = 300
"""Most tokens in one ``logit_bias``, as the reference has it."""

TokenNumber = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
Bias = Annotated[float, Field(ge=-100, le=100)]


class StreamOptions(Wire):
    """How the stream is to be.

    ``include_obfuscation`` asks for padding that hides the length of pieces from who listens on
    the line; it is harmless metadata, and none is added here.
    """

    include_usage: bool = False
    include_obfuscation: bool | None = None


class TemplateArguments(Body):
    """Arguments of the chat template; that which switches thinking is the one known here."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class StructuredOutputs(Wire):
    """What the answer must satisfy."""

    json_: JsonObject | str | None = Field(default=None, alias="json")


class Extras(Body):
    """Sampling and constraints as vLLM names them."""

    top_k: Annotated[int, Field(ge=-1, lt=2**31)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=2)] | None = None
    guided_json: JsonObject | str | None = None
    structured_outputs: StructuredOutputs | None = None
    logit_bias: dict[TokenNumber, Bias] | None = Field(default=None, max_length=MAX_LOGIT_BIAS)

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)


def sampling(body: Extras) -> Sampling:
    """Return how the next token is to be chosen."""
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k if body.top_k and body.top_k > 0 else None,
        min_p=body.min_p,
        seed=body.seed,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        repetition_penalty=body.repetition_penalty,
        logit_bias=_biases(body.logit_bias) if body.logit_bias else (),
    )


def _biases(given: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((token, bias) for token, bias in given.items() if bias)


def guided(body: Extras) -> OutputFormat | None:
    """Return the form that the answer is to have, where one of these fields says so.

    Raises:
        InvalidField: A schema given as text is not a JSON object.
    """
    outputs = body.structured_outputs
    named: tuple[tuple[str, Json | str | None], ...] = (
        ("guided_json", body.guided_json),
        ("structured_outputs.json", outputs.json_ if outputs else None),
    )
    for param, schema in named:
        if isinstance(schema, str):
            try:
                schema = msgspec.json.decode(schema, type=Json)  # noqa: PLW2901 - the same, read
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                refuse(param, "it must be a JSON Schema, as an object or as its text")
        if schema is not None:
            return OutputFormat("json_schema", schema)
    if outputs is not None:
        refuse("structured_outputs", "only 'json' is served here")
    return None
