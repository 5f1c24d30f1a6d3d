"""What a request wants kept of its prompt: its marks of ``cache_control``."""

from collections.abc import Iterable, Sequence
from typing import Any

from consigne.api.anthropic.schemas import PromptBody
from consigne.api.anthropic.tool_schemas import Cacheable, ToolParam
from consigne.domain.messages import CacheMarks


def marks_of(body: PromptBody) -> CacheMarks | None:
    """Return the marks of a body, if it has any."""
    tools = [each for each in body.tools or () if each.cache_control]
    texts = body.system if isinstance(body.system, list) else []
    system = [each for each in texts if each.cache_control]
    marks = [each.cache_control for each in _blocks(body) if isinstance(each, Cacheable)]
    turns = [mark for mark in (body.cache_control, *marks) if mark is not None]
    found = [*(each.cache_control for each in (*tools, *system)), *turns]
    if not found:
        return None
    return CacheMarks(
        "1h" if any(mark is not None and mark.ttl == "1h" for mark in found) else "5m",
        frozenset(each.name for each in tools if isinstance(each, ToolParam)),
        frozenset(each.text for each in system),
        bool(turns),
    )


def _blocks(body: PromptBody) -> Iterable[Any]:
    """Yield the blocks of all turns, and those within them."""
    for message in body.messages:
        for block in message.content if isinstance(message.content, list) else ():
            yield block
            inner = getattr(block, "content", None)
            yield from inner if isinstance(inner, Sequence) and not isinstance(inner, str) else ()
