"""Completion requests to the domain; a pure function of the body."""

import msgspec

from consigne.api.openai import extras
from consigne.api.openai.completions.schemas import MAX_ANSWERS, CompletionBody
from consigne.api.openai.shared import refuse
from consigne.domain.messages import OutputFormat, Request
from consigne.domain.models import Model


class Plan(msgspec.Struct, frozen=True):
    """What one request asks for."""

    prompts: tuple[Request, ...]
    """One request for each prompt."""
    candidates: int
    """How many answers each prompt is given."""
    n: int
    """How many of them are told."""
    echo: bool
    logprobs: int | None
    from_scores: bool
    """Whether scoring the prompt answers everything, so that nothing is generated."""

    @property
    def scored(self) -> bool:
        """Whether the log-probabilities of the prompt are told."""
        return self.echo and self.logprobs is not None


def plan(body: CompletionBody, model: Model) -> Plan:
    """Return what ``body`` asks of ``model``.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    n = body.n or 1
    candidates = max(body.best_of or n, n)
    _check(body, n, candidates)
    sampling = extras.sampling(body)
    greedy = sampling.temperature == 0
    untouched = not any(
        (sampling.frequency_penalty, sampling.presence_penalty, sampling.repetition_penalty)
    )
    output = extras.guided(body) or OutputFormat()
    whole = bool(body.echo) and body.logprobs is not None
    one = body.limit == 0 or (body.limit == 1 and greedy and untouched and not body.stop)
    from_scores = whole and one and candidates == 1 and output.kind == "text"
    free = greedy and untouched and output.kind == "text"
    told = 0 if body.logprobs is not None or candidates > n else None
    if (body.logprobs or 0) > (1 if free else 0):
        told = body.logprobs  # else the one likeliest is the one chosen
    requests = tuple(
        Request(
            model=model.id,
            messages=(),
            raw_prompt=prompt,
            output=output,
            sampling=sampling,
            max_tokens=body.limit,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            logprobs=told,
        )
        for prompt in body.prompts
    )
    return Plan(requests, candidates, n, bool(body.echo), body.logprobs, from_scores)


def _check(body: CompletionBody, n: int, candidates: int) -> None:
    if body.suffix:
        refuse("suffix", "Models here do not fill gaps; leave it out.", "unsupported")
    if any((body.logit_bias or {}).values()):
        refuse("logit_bias", "Single tokens can't be biased here.", "unsupported")
    if body.best_of is not None and body.best_of < n:
        refuse("best_of", "it must not be less than 'n'")
    if body.stream and candidates > n:
        refuse("best_of", "the best answer is only known at the end: it can't be streamed")
    if body.stream_options is not None and not body.stream:
        refuse("stream_options", "it is only allowed when 'stream' is set")
    if len(body.prompts) * candidates > MAX_ANSWERS:
        refuse("n", f"one request may ask for {MAX_ANSWERS} answers at most, over all its prompts")
