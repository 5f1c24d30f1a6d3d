"""What a response has from its beginning: every documented field, null or not."""

from typing import Any

from consigne.api.openai.responses.schemas import ResponsesBody
from consigne.api.openai.responses.tool_schemas import ToolItem
from consigne.api.openai.responses.tools import served
from consigne.domain.ids import new_id

Json = dict[str, Any]

_ABSENT = (
    "access_programs",
    "completed_at",
    "error",
    "image",
    "incomplete_details",
    "input_transformations",
    "moderation",
    "prompt",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
    "tool_usage",
    "usage",
)
"""Fields that are null, some until the response has ended."""


def envelope(body: ResponsesBody, model: str, created: int) -> Json:
    """Return a response that has only begun: every field is there, null or not."""
    text = body.text.model_dump(by_alias=True, exclude_unset=True) if body.text else {}
    begun = {
        "id": new_id("resp"),
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": bool(body.background),
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "model": model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "conversation": _conversation(body),
        "prompt_cache_key": body.prompt_cache_key,
        "prompt_cache_retention": body.prompt_cache_retention,
        "reasoning": {
            "effort": body.reasoning.effort if body.reasoning else None,
            "summary": summary(body),
        },
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": body.store is not False,
        "temperature": body.temperature,
        "text": {
            "format": text.get("format") or {"type": "text"},
            "verbosity": text.get("verbosity") or "medium",
        },
        "tool_choice": _tool_choice(body),
        "tools": [_tool(tool) for tool in served(body)],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "user": body.user,
        "metadata": body.metadata or {},
    }
    return begun | dict.fromkeys(_ABSENT)


def _conversation(body: ResponsesBody) -> Json | None:
    named = body.conversation
    if named is None:
        return None
    return {"id": named if isinstance(named, str) else named.id}


def summary(body: ResponsesBody) -> str | None:
    """Return the form in which reasoning is to be summarised, if it is."""
    asked = body.reasoning
    return (asked.summary or asked.generate_summary) if asked else None


_SECRETS = {"authorization", "headers"}
"""Fields of a server of tools that are neither told nor kept."""


def _tool(tool: ToolItem) -> Json:
    told = tool.model_dump(exclude_unset=True, exclude=_SECRETS)
    if tool.type != "function":
        return told
    return {"description": None, "parameters": None, "strict": None} | told


def _tool_choice(body: ResponsesBody) -> Any:
    choice = body.tool_choice
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    return choice.model_dump(exclude_unset=True)
