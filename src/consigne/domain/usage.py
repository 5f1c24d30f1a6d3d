"""What a generation used, in the model's own tokens."""

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Counts of one generation.

    What only some providers tell is left out of JSON where it is 0; what has a factory never is.
    """

    input_tokens: int = msgspec.field(default_factory=int)
    """All tokens of the prompt, cached ones included."""
    cached_input_tokens: int = msgspec.field(default_factory=int)
    """Those of ``input_tokens`` that were read from the prefix cache."""
    output_tokens: int = msgspec.field(default_factory=int)
    """Tokens generated, thinking and tool calls included."""
    cache_creation_tokens: int = 0
    """Those of ``input_tokens`` that a provider wrote to its cache, where it says so."""
    reasoning_tokens: int = 0
    """Those of ``output_tokens`` that were thinking, where it is known."""

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of two usages."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_creation_tokens + other.cache_creation_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class Price(msgspec.Struct, frozen=True, gc=False):
    """What a model's work costs, in micro-units of the currency per million tokens."""

    input: int = 0
    cached_input: int = 0
    cache_creation: int = 0
    output: int = 0
    image: int = 0
    """For a million pictures."""

    def of(self, usage: Usage, images: int = 0) -> int:
        """Return the cost in millionths of a micro-unit: exact, to be rounded once, at the end."""
        fresh = usage.input_tokens - usage.cached_input_tokens - usage.cache_creation_tokens
        return (
            fresh * self.input
            + usage.cached_input_tokens * self.cached_input
            + usage.cache_creation_tokens * self.cache_creation
            + usage.output_tokens * self.output
            + images * self.image
        )
