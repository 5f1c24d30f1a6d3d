"""The two vendors' wire formats as a capable model reads and writes them."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from doubles import upstream

PIECE = 7
"""Characters of a streamed part."""


class Turn(NamedTuple):
    """What the model answers: text, or calls with their inputs."""

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()


class Asked(NamedTuple):
    """What either dialect's request asks."""

    prompt: str
    results: list[str]
    """What the tools said since the user's last words."""
    tools: list[dict[str, Any]]
    schema: dict[str, Any] | None
    forced: str
    must_call: bool
    may_call: bool


def read(body: dict[str, Any]) -> Asked:
    """Read a request of either kind."""
    prompt, results = "", []
    for message in body["messages"]:
        content = message.get("content") or ""
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        found = [_plain(block["content"]) for block in blocks if block["type"] == "tool_result"]
        if message["role"] == "tool":
            results.append(_plain(content))
        elif found:
            results += found
        elif message["role"] == "user":
            prompt, results = "\n".join(texts), []
    choice = body.get("tool_choice") or {}
    kind = choice if isinstance(choice, str) else choice.get("type", "auto")
    named = {} if isinstance(choice, str) else choice.get("function", choice)
    shape = body.get("response_format") or (body.get("output_config") or {}).get("format") or {}
    return Asked(
        prompt,
        results,
        [_tool(tool) for tool in body.get("tools") or ()],
        shape.get("json_schema", shape).get("schema"),
        named.get("name", ""),
        must_call=kind in ("required", "any", "tool", "function"),
        may_call=kind != "none",
    )


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content)


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    inner = tool.get("function", tool)
    schema = inner.get("parameters") or inner.get("input_schema") or {}
    return {"name": inner["name"], "schema": schema}


def _calls(turn: Turn) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, (name, given) in enumerate(turn.calls):
        function = {"name": name, "arguments": json.dumps(given)}
        yield index, {"id": f"call_{index}_{name}", "type": "function", "function": function}


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def completion(turn: Turn) -> dict[str, Any]:
    """Return a whole answer of OpenAI's kind."""
    made = upstream.completion(turn.text)
    if turn.calls:
        calls = [call for _, call in _calls(turn)]
        made["choices"][0]["message"] |= {"content": turn.text or None, "tool_calls": calls}
        made["choices"][0]["finish_reason"] = "tool_calls"
    return made


def chunks(turn: Turn) -> Iterator[bytes]:
    """Stream an answer of OpenAI's kind."""
    yield upstream.chunk({"role": "assistant", "content": ""})
    for piece in _pieces(turn.text):
        yield upstream.chunk({"content": piece})
    for index, call in _calls(turn):
        arguments = call["function"]["arguments"]
        head = call | {"index": index, "function": call["function"] | {"arguments": ""}}
        yield upstream.chunk({"tool_calls": [head]})
        for piece in _pieces(arguments):
            part = {"index": index, "function": {"arguments": piece}}
            yield upstream.chunk({"tool_calls": [part]})
    yield upstream.chunk({}, "tool_calls" if turn.calls else "stop")
    yield upstream.chunk(usage=upstream.OPENAI_USAGE)
    yield upstream.DONE


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    text = [upstream.text_block(turn.text)] if turn.text else []
    return text + [
        {"type": "tool_use", "id": f"toolu_{index}_{name}", "name": name, "input": given}
        for index, (name, given) in enumerate(turn.calls)
    ]


def message(turn: Turn) -> dict[str, Any]:
    """Return a whole answer of Anthropic's kind."""
    reason = "tool_use" if turn.calls else "end_turn"
    return upstream.message(*_blocks(turn), reason=reason)


def frames(turn: Turn) -> Iterator[bytes]:
    """Stream an answer of Anthropic's kind."""
    usage = upstream.ANTHROPIC_USAGE | {"output_tokens": 1}
    yield upstream.frame("message_start", message=upstream.message(reason=None) | {"usage": usage})
    yield upstream.frame("ping")
    for index, block in enumerate(_blocks(turn)):
        is_text = block["type"] == "text"
        empty: dict[str, Any] = {"text": ""} if is_text else {"input": {}}
        yield upstream.frame("content_block_start", index=index, content_block=block | empty)
        for piece in _pieces(block["text"] if is_text else json.dumps(block["input"])):
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield upstream.frame("content_block_delta", index=index, delta=delta)
        yield upstream.frame("content_block_stop", index=index)
    delta = {"stop_reason": message(turn)["stop_reason"], "stop_sequence": None}
    yield upstream.frame("message_delta", delta=delta, usage={"output_tokens": 5})
    yield upstream.frame("message_stop")
