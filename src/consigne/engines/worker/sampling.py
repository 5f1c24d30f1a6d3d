"""How the next token is chosen: the request's wishes over the model's own defaults, checked."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from consigne.domain import sources
from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import Request, Sampling

if TYPE_CHECKING:
    import openvino_genai

DEFAULTS: Final = Sampling(temperature=0.7, top_p=0.95)
"""For a model whose ``generation_config.json`` says nothing of sampling."""

IN_FORM_PENALTY: Final = 1.1
"""The repetition penalty of answers in a prescribed form, by small models (see ``in_form``)."""

_GREEDY: Final = Sampling(temperature=0.0)
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "seed": (-(2**63), 2**64 - 1),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.01, 10.0),
}
_COLDEST: Final = 0.01
"""Below this temperature the logits overflow; the answer is greedy's anyway."""


def read_defaults(folder: Path) -> Sampling:
    """Return how a model samples where a request does not say: its ``generation_config.json``.

    ``do_sample: false`` means greedy, as its authors meant it; a file that is missing or says
    nothing of sampling means ``DEFAULTS``.
    """
    try:
        found = json.loads((folder / "generation_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return DEFAULTS
    if not isinstance(found, dict):
        return DEFAULTS
    if found.get("do_sample") is False:
        return _GREEDY
    values = {name: found[name] for name in _RANGES if name != "seed" and found.get(name)}
    if not values:
        return DEFAULTS
    try:
        return resolve(msgspec.convert(values, Sampling, strict=False), DEFAULTS)
    except (msgspec.ValidationError, InvalidRequest):
        return DEFAULTS


def resolve(asked: Sampling, defaults: Sampling) -> Sampling:
    """Return ``asked`` with what it leaves open filled from ``defaults``.

    Who asks for temperature 0 gets the tokens that the model itself finds most probable: no
    penalty is filled in there.

    Raises:
        InvalidRequest: A value is out of its range; ``param`` names it.
    """
    for name, (low, high) in _RANGES.items():
        value = getattr(asked, name)
        if value is None:
            continue
        if not math.isfinite(value) or not low <= value <= high:
            raise InvalidRequest(
                f"{name} must be between {low:g} and {high:g}, not {value:g}.", param=name
            )
    if asked.temperature is not None and asked.temperature < _COLDEST:
        defaults = msgspec.structs.replace(defaults, repetition_penalty=None)
    return Sampling(
        **{
            name: getattr(defaults, name) if getattr(asked, name) is None else getattr(asked, name)
            for name in Sampling.__struct_fields__
        }
    )


def in_form(request: Request) -> Sampling:
    """Return what a request asks, with a mild penalty where its answer has a prescribed form.

    Within a constrained string a small model finds no way to end and repeats itself. Measured with
    SmolLM2-135M on 20 schemas (``benchmarks/prescribed_forms.py``): 28 of 40 sampled and 10 of 20
    greedy answers ended before 300 tokens, with the penalty 39 and 17. A caller who
    sets any penalty is left alone.
    """
    asked = request.sampling
    penalties = (asked.repetition_penalty, asked.frequency_penalty, asked.presence_penalty)
    prescribed = request.output.kind != "text" or request.tool_choice.kind in ("any", "tool")
    if not prescribed or any(penalty is not None for penalty in penalties):
        return asked
    return msgspec.structs.replace(asked, repetition_penalty=IN_FORM_PENALTY)


def apply(sampling: Sampling, config: "openvino_genai.GenerationConfig") -> None:
    """Write a resolved sampling into the engine's own configuration of a request.

    The same seed gives the same draws whatever runs beside the request: the engine keeps one
    generator of random numbers for each request.
    """
    temperature = sampling.temperature if sampling.temperature is not None else 1.0
    if temperature >= _COLDEST:
        config.do_sample = True
        config.temperature = temperature
        config.rng_seed = _seed(sampling.seed)
        if sampling.top_p is not None and sampling.top_p < 1.0:
            config.top_p = max(sampling.top_p, 1e-6)
        if sampling.top_k:
            config.top_k = sampling.top_k
        if sampling.min_p:
            config.min_p = min(sampling.min_p, 1.0 - 1e-6)
    else:
        config.do_sample = False
    if sampling.frequency_penalty:
        config.frequency_penalty = sampling.frequency_penalty
    if sampling.presence_penalty:
        config.presence_penalty = sampling.presence_penalty
    if sampling.repetition_penalty:
        config.repetition_penalty = sampling.repetition_penalty


def _seed(seed: int | None) -> int:
    """Fold a seed to the 32 bits that the engine's generator takes; without one, draw one."""
    if seed is None:
        return int.from_bytes(sources.random_bytes(4), "big")
    return (seed ^ (seed >> 32)) & 0xFFFFFFFF
