"""From a request to what the engine takes: tokens, limits and its configuration."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ContextTooLong, InvalidRequest, Unsupported
from consigne.domain.events import StopReason
from consigne.domain.messages import Request, Sampling
from consigne.engines.worker import sampling
from consigne.engines.worker.loading import TextModel
from consigne.engines.worker.scoring import Job

if TYPE_CHECKING:
    from consigne.engines.prompts import Prompt

Tokens = NDArray[np.int64]


class Prepared(msgspec.Struct, frozen=True):
    """A request ready for the engine."""

    request: Request
    prompt: Any
    """``engines.prompts.Prompt``."""
    tokens: Tokens
    limit: int
    """Most tokens to generate: what the request allows and the context has room for."""
    full: StopReason
    """Which of the two the limit is."""
    config: Any
    """``openvino_genai.GenerationConfig``."""


def prepare(model: TextModel, request: Request) -> Prepared:
    """Render, tokenise and check a request.

    Raises:
        ContextTooLong: The prompt leaves no room for an answer.
        InvalidRequest: What the model can't be asked for.
    """
    asked = sampling.in_form(request) if model.small else request.sampling
    settings = sampling.resolve(asked, model.defaults)
    if request.sampling.logit_bias:
        raise Unsupported("Models here can't bias single tokens.", param="logit_bias")
    prompt: Prompt = model.prompter.render(request)
    tokens = tokenise(model, request, prompt)
    room = _room(model, request, len(tokens))
    wanted = room if request.max_tokens is None else request.max_tokens
    limit = max(min(wanted, room), 0)
    return Prepared(
        request=request,
        prompt=prompt,
        tokens=tokens,
        limit=limit,
        full="max_tokens" if request.max_tokens is not None and wanted <= room else "context_full",
        config=_config(model, request, prompt, settings, limit),
    )


def count(model: TextModel, request: Request) -> int:
    """Return how many tokens the request's prompt has.

    Raises:
        InvalidRequest: What the model can't read.
    """
    return len(tokenise(model, request, model.prompter.render(request)))


def tokenise(model: TextModel, request: Request, prompt: "Prompt") -> Tokens:
    """Return a prompt's tokens; a raw prompt gets those that the tokenizer adds itself."""
    given = request.raw_prompt
    if isinstance(given, tuple):
        return _own_tokens(model, given)
    raw = given is not None
    encode = model.tokenizer.encode
    pieces: list[Tokens] = [
        encode(segment, add_special_tokens=raw and index == 0).input_ids.data[0]
        for index, segment in enumerate(prompt.segments)
    ]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)


def _own_tokens(model: TextModel, tokens: tuple[int, ...]) -> Tokens:
    for token in tokens:
        if not 0 <= token < len(model.table):
            raise InvalidRequest(
                f"The model {model.model_id} has no token {token}: its tokens are "
                f"0 to {len(model.table) - 1}.",
                param="prompt",
            )
    return np.array(tokens, np.int64)


def scored(model: TextModel, number: int, request: Request) -> Job:
    """Return a request's prompt as a text to score.

    Raises:
        ContextTooLong: It does not fit the context.
        InvalidRequest: What the model can't read.
    """
    tokens = tokenise(model, request, model.prompter.render(request))
    _room(model, request, len(tokens), answer=0)
    return Job(number, tokens, request.logprobs or 0)


def _room(model: TextModel, request: Request, prompt_tokens: int, answer: int = 1) -> int:
    param = "messages" if request.raw_prompt is None else "prompt"
    if prompt_tokens == 0:
        raise InvalidRequest("The prompt is empty: there is nothing to answer.", param=param)
    if prompt_tokens + answer > model.context:
        raise ContextTooLong(
            f"The prompt has {prompt_tokens} tokens; the model {model.model_id} reads at most "
            f"{model.context}" + (", of which at least one is for the answer." if answer else "."),
            param=param,
        )
    return model.context - prompt_tokens


def _config(
    model: TextModel, request: Request, prompt: "Prompt", settings: Sampling, limit: int
) -> Any:
    import openvino_genai

    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = max(limit, 1)
    if model.stop_tokens:
        config.stop_token_ids = set(model.stop_tokens)
    sampling.apply(settings, config)
    if request.logprobs is not None:
        config.logprobs = 1
    if prompt.grammar is not None:
        from consigne.engines.prompts import structured_output

        config.structured_output_config = structured_output(prompt.grammar)
    return config
