"""What a generation used, in the model's own tokens."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Counts of one generation."""

    input_tokens: int = 0
    """All tokens of the prompt, cached ones included."""
    cached_input_tokens: int = 0
    """Those of ``input_tokens`` that were read from the prefix cache."""
    output_tokens: int = 0
    """Tokens generated, thinking and tool calls included."""
    reasoning_tokens: int = 0
    """Those of ``output_tokens`` that were thinking; 0 where its author does not tell."""

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of two usages."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )
