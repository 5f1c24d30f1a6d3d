"""How many tokens the engine takes at a time."""

from typing import Final

BLOCK_TOKENS: Final = 32
"""Tokens in one block of the attention cache: the engine's own constant for CPUs."""

MAX_BATCHED_TOKENS: Final = 256
"""Most tokens that one engine step works on: long enough to be efficient on a prompt, short
enough that the answers already running wait little for it."""
