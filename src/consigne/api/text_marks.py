"""The mark of generated text: a header on every answer that a model wrote.

``AI-Disclosure`` is that of an individual Internet-Draft (draft-abaris-aicdh), a structured field
as RFC 9651 has them; there is no standard yet.
"""

from typing import Final

from starlette.types import Scope

from consigne.settings import ProvenanceSettings

HEADER: Final = "ai-disclosure"
_WRITTEN: Final = frozenset(
    {
        "/v1/messages",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/responses/compact",
    }
)
_KEPT: Final = ("/v1/responses/", "/v1/chat/completions/", "/api/runs/")
"""Where an answer is read that was written before, or is being written."""


def value_of(settings: ProvenanceSettings) -> bytes | None:
    """Return what the header says, or ``None`` where the operator wants none."""
    if "header" not in settings.text_marks:
        return None
    name = settings.organisation.encode("ascii", "ignore").decode()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'mode=machine-generated, provider="{quoted}"'.encode()


def is_written(scope: Scope) -> bool:
    """Say whether a path answers with what a model wrote."""
    path: str = scope["path"]
    if scope["method"] == "POST":
        return path in _WRITTEN
    asked = path.endswith(("/messages", "/input_items"))
    return scope["method"] == "GET" and path.startswith(_KEPT) and not asked
