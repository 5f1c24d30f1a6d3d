"""A request's messages, as chat templates read them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from consigne.domain.errors import InvalidRequest, Unsupported
from consigne.domain.messages import (
    DocumentBlock,
    ImageBlock,
    Message,
    Request,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.engines.prompts.formats import HERMES, CallFormat
from consigne.engines.prompts.guard import Guard
from consigne.engines.prompts.template import TemplateMessage, Traits

_HOW_TO_CALL = """\
You can use these tools, each described as JSON on a line of its own:
<tools>
{tools}
</tools>
To use a tool, answer with this and nothing after it:
<tool_call>
{{"name": "the tool's name", "arguments": {{its arguments}}}}
</tool_call>
The result then comes inside <tool_response>. When no tool is needed, just answer."""


class Conversation:
    """Builds a template's messages from a request, in the terms that the template has.

    Consecutive turns of one role are merged, since many templates demand that roles alternate;
    a system turn that the template has no place for goes before the user's next words; where the
    template has no tools, they are described in the system turn, and calls and results are text.
    """

    def __init__(self, traits: Traits, call_format: CallFormat, guard: Guard) -> None:
        self._traits = traits
        self._format = call_format
        self._guard = guard

    def tools(self, tools: Sequence[Tool]) -> list[dict[str, Any]]:
        """Return tool definitions as templates read them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": self._guard.text(tool.name),
                    "description": self._guard.text(tool.description),
                    "parameters": self._guard.json(tool.input_schema),
                },
            }
            for tool in tools
        ]

    def messages(self, request: Request, tools: Sequence[Tool]) -> list[TemplateMessage]:
        """Return the turns.

        Raises:
            InvalidRequest: Tool results that answer no call, or calls without a result.
            Unsupported: Images, or documents other than plain text.
        """
        turns: list[TemplateMessage] = []
        self._add_system(turns, request.system, tools)
        names: dict[str, str] = {}
        owed: set[str] = set()
        for at, message in enumerate(request.messages):
            where = f"messages.{at}"
            if message.role == "assistant":
                _check_paid(owed, where)
                self._add_assistant(turns, message, where)
                uses = [b for b in message.content if isinstance(b, ToolUseBlock)]
                names.update((use.id, use.name) for use in uses)
                owed.update(use.id for use in uses)
            elif message.role == "system":
                self._add_instruction(turns, _texts(self._guard, message.content, where))
            else:
                self._add_user(turns, message, where, names, owed)
        _check_paid(owed, f"messages.{len(request.messages) - 1}")
        return self._adapted(turns)

    def _add_system(
        self, turns: list[TemplateMessage], system: Sequence[TextBlock], tools: Sequence[Tool]
    ) -> None:
        parts = [self._guard.text(block.text) for block in system if block.text]
        if tools and not self._traits.tools:
            lines = "\n".join(
                json.dumps(tool["function"], ensure_ascii=False) for tool in self.tools(tools)
            )
            parts.append(_HOW_TO_CALL.format(tools=lines))
        if parts:
            _add(turns, "system", "\n\n".join(parts))

    def _add_instruction(self, turns: list[TemplateMessage], text: str) -> None:
        leading = all(turn["role"] == "system" for turn in turns)
        _add(turns, "system" if leading or self._traits.late_system else "user", text)

    def _add_assistant(self, turns: list[TemplateMessage], message: Message, where: str) -> None:
        text, thinking = "", ""
        uses: list[ToolUseBlock] = []
        for at, block in enumerate(message.content):
            match block:
                case TextBlock():
                    text += self._guard.text(block.text)
                case ThinkingBlock():
                    thinking += self._guard.text(block.thinking)
                case ToolUseBlock():
                    uses.append(block)
                case ImageBlock() | DocumentBlock() | ToolResultBlock():
                    raise InvalidRequest(
                        f"An assistant's turn holds no {block.__struct_config__.tag}",
                        param=f"{where}.content.{at}",
                    )
        if uses and not self._traits.tools:
            calls = "\n".join(self._call_text(use) for use in uses)
            text, uses = f"{text}\n{calls}" if text else calls, []
        _add(turns, "assistant", text, join="")
        turn = turns[-1]
        if thinking and self._traits.reasoning:
            turn["reasoning_content"] = turn.get("reasoning_content", "") + thinking
        if uses:
            turn.setdefault("tool_calls", []).extend(self._call(use) for use in uses)

    def _add_user(
        self,
        turns: list[TemplateMessage],
        message: Message,
        where: str,
        names: dict[str, str],
        owed: set[str],
    ) -> None:
        spoken = []
        for at, block in enumerate(message.content):
            if not isinstance(block, ToolResultBlock):
                spoken.append(block)
                continue
            if block.tool_use_id not in owed:
                raise InvalidRequest(
                    f"The tool result {block.tool_use_id!r} answers no call of the turn before",
                    param=f"{where}.content.{at}.tool_use_id",
                )
            owed.discard(block.tool_use_id)
            self._add_result(turns, block, names[block.tool_use_id], f"{where}.content.{at}")
        if spoken:
            _check_paid(owed, where)
            _add(turns, "user", _texts(self._guard, spoken, where))

    def _add_result(
        self, turns: list[TemplateMessage], block: ToolResultBlock, name: str, where: str
    ) -> None:
        text = _texts(self._guard, block.content, where)
        if block.is_error:
            text = f"Error: {text}"
        if not self._traits.tools:
            _add(turns, "user", f"<tool_response>\n{text}\n</tool_response>", join="\n")
            return
        turns.append(
            {
                "role": "tool",
                "name": self._guard.text(name),
                "tool_call_id": self._call_id(block.tool_use_id),
                "content": text,
            }
        )

    def _call(self, use: ToolUseBlock) -> dict[str, Any]:
        arguments: Any = self._guard.json(use.input)
        if self._traits.string_arguments:
            arguments = json.dumps(arguments, ensure_ascii=False)
        return {
            "id": self._call_id(use.id),
            "type": "function",
            "function": {"name": self._guard.text(use.name), "arguments": arguments},
        }

    def _call_text(self, use: ToolUseBlock) -> str:
        arguments = json.dumps(self._guard.json(use.input), ensure_ascii=False)
        opening = HERMES.opening(self._guard.text(use.name))
        return f"{HERMES.triggers[0]}\n{opening}{arguments}}}\n{HERMES.closing}"

    def _call_id(self, call_id: str) -> str:
        if self._format.kind == "mistral":  # its templates demand nine letters and digits
            return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]
        return self._guard.text(call_id)

    def _adapted(self, turns: list[TemplateMessage]) -> list[TemplateMessage]:
        if not self._traits.system and turns and turns[0]["role"] == "system":
            first = turns.pop(0)
            if turns and turns[0]["role"] == "user":
                turns[0]["content"] = _joined(first["content"], turns[0]["content"], "\n\n")
            else:
                turns.insert(0, {"role": "user", "content": first["content"]})
        if not self._traits.user_after_tool:
            turns = _told_with_results(turns)
        leads = 1 if turns and turns[0]["role"] == "system" else 0
        if (
            turns[leads:]
            and turns[leads]["role"] == "assistant"
            and not self._traits.assistant_first
        ):
            turns.insert(leads, {"role": "user", "content": ""})
        return turns if self._traits.parallel_calls else list(_one_call_a_turn(turns))


def _add(turns: list[TemplateMessage], role: str, text: str, join: str = "\n\n") -> None:
    last = turns[-1] if turns else None
    if last is not None and last["role"] == role and "tool_calls" not in last:
        last["content"] = _joined(last["content"], text, join)
    else:
        turns.append({"role": role, "content": text})


def _joined(first: str, second: str, join: str) -> str:
    return f"{first}{join}{second}" if first and second else first + second


def _check_paid(owed: set[str], where: str) -> None:
    if owed:
        raise InvalidRequest(
            f"The tool call {min(owed)!r} has no tool result in the turn after it", param=where
        )


def _told_with_results(turns: list[TemplateMessage]) -> list[TemplateMessage]:
    """Put what the user says right after a tool's result at the end of that result."""
    told: list[TemplateMessage] = []
    for turn in turns:
        if told and turn["role"] == "user" and told[-1]["role"] == "tool":
            content = _joined(told[-1]["content"], turn["content"], "\n\n")
            told[-1] = {**told[-1], "content": content}
        else:
            told.append(turn)
    return told


def _one_call_a_turn(turns: Iterable[TemplateMessage]) -> Iterable[TemplateMessage]:
    """Split turns of several calls into one turn a call, each followed by its result."""
    waiting: dict[str, TemplateMessage] = {}
    for turn in turns:
        calls = turn.get("tool_calls", ())
        if len(calls) > 1:
            waiting = {
                call["id"]: {**turn, "content": "" if at else turn["content"], "tool_calls": [call]}
                for at, call in enumerate(calls)
            }
            continue
        if turn["role"] == "tool" and turn["tool_call_id"] in waiting:
            yield waiting.pop(turn["tool_call_id"])
        yield turn


def _texts(guard: Guard, blocks: Iterable[Any], where: str) -> str:
    return "\n\n".join(
        part
        for at, block in enumerate(blocks)
        if (part := _text(guard, block, f"{where}.content.{at}"))
    )


def _text(guard: Guard, block: Any, where: str) -> str:
    match block:
        case TextBlock():
            return guard.text(block.text)
        case DocumentBlock(media_type="text/plain", data=bytes() as data):
            title = f"{block.title}\n\n" if block.title else ""
            return guard.text(title + data.decode("utf-8", "replace"))
        case ImageBlock():
            raise Unsupported("This model does not read images", param=where)
        case DocumentBlock():
            raise Unsupported("This model does not read documents other than text", param=where)
        case _:
            raise InvalidRequest("No such content has its place here", param=where)
