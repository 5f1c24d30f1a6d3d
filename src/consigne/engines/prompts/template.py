"""Chat templates: the Jinja programs that come with models.

Rendered as the field's reference implementation does (block trimming, loop controls, ``tojson``
without ASCII escapes), in Jinja's immutable sandbox. What a template can express is found by
rendering small conversations with it, not by guessing from its name.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
import msgspec

from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, ModelBroken

TemplateMessage = dict[str, Any]


class Traits(msgspec.Struct, frozen=True):
    """What a chat template can express."""

    system: bool
    """Leading instructions have a turn of their own."""
    late_system: bool
    """Instructions may also stand between turns."""
    assistant_first: bool
    """A conversation may begin with the assistant."""
    tools: bool
    """Tool definitions are shown, and calls and results have turns of their own."""
    parallel_calls: bool
    """One turn may hold several calls."""
    user_after_tool: bool
    """The user may speak right after a tool's result."""
    string_arguments: bool
    """A call's arguments are wanted as JSON text instead of an object."""
    reasoning: bool
    """Earlier thinking is read from ``reasoning_content``."""
    thinks: bool
    """The model thinks between ``<think>`` and ``</think>``."""
    thinking_switch: bool
    """``enable_thinking`` is heeded."""


class _Generation(jinja2.ext.Extension):
    """The ``{% generation %}`` block that training code uses to find the assistant's tokens."""

    tags = {"generation"}  # noqa: RUF012 - the base class's own form

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise(message: str) -> None:
    raise jinja2.exceptions.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[jinja2.ext.loopcontrols, _Generation],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: sources.now().strftime(form)
    return environment


class ChatTemplate:
    """A compiled chat template and what it can express.

    Raises:
        ModelBroken: The template isn't valid Jinja.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        try:
            self._template = _environment().from_string(source)
        except jinja2.exceptions.TemplateError as error:
            raise ModelBroken(f"The model's chat template is not valid: {error}") from error
        self.source = source
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        self.traits = _traits(source, self._try)

    def render(
        self,
        messages: Sequence[TemplateMessage],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        open_turn: bool = True,
        thinking: bool | None = None,
    ) -> str:
        """Render a conversation.

        Args:
            messages: The turns, as templates read them.
            tools: Tool definitions; ``None`` for none.
            open_turn: Whether to open the assistant's turn at the end.
            thinking: Passed as ``enable_thinking`` unless ``None``.

        Raises:
            InvalidRequest: The template refuses the conversation.
        """
        try:
            return self._render(messages, tools, open_turn, thinking)
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, LookupError) as error:
            raise InvalidRequest(
                f"The model's chat template refuses this conversation: {error}", param="messages"
            ) from error

    def _render(
        self,
        messages: Sequence[TemplateMessage],
        tools: Sequence[dict[str, Any]] | None,
        open_turn: bool,
        thinking: bool | None,
    ) -> str:
        switch = {} if thinking is None else {"enable_thinking": thinking}
        return self._template.render(
            messages=list(messages),
            tools=list(tools) if tools else None,
            documents=None,
            add_generation_prompt=open_turn,
            **self._tokens,
            **switch,
        )

    def _try(
        self,
        messages: Sequence[TemplateMessage],
        tools: Sequence[dict[str, Any]] | None = None,
        thinking: bool | None = None,
    ) -> str:
        try:
            return self._render(messages, tools, True, thinking)
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, LookupError):
            return ""


_MARK = "Qzx7"
_USER: TemplateMessage = {"role": "user", "content": "Hello"}
_ASSISTANT: TemplateMessage = {"role": "assistant", "content": "Hi"}
_TOOL = {
    "type": "function",
    "function": {
        "name": _MARK,
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    },
}


def _call(arguments: Any, count: int = 1) -> list[TemplateMessage]:
    function = {"name": _MARK, "arguments": arguments}
    calls = [{"id": f"abcdefgh{i}", "type": "function", "function": function} for i in range(count)]
    results = [
        {"role": "tool", "name": _MARK, "tool_call_id": f"abcdefgh{i}", "content": f"{_MARK}{i}"}
        for i in range(count)
    ]
    return [_USER, {"role": "assistant", "content": "", "tool_calls": calls}, *results]


def _traits(source: str, render: Callable[..., str]) -> Traits:
    system = {"role": "system", "content": _MARK}
    shows_tools = _MARK in render([_USER], [_TOOL])
    objects = render(_call({"a": "b"}), [_TOOL])
    strings = "" if f"{_MARK}0" in objects else render(_call('{"a": "b"}'), [_TOOL])
    arguments: Any = {"a": "b"} if objects else '{"a": "b"}'
    several = render(_call(arguments, 2), [_TOOL])
    thinks = "<think>" in source or "</think>" in source
    return Traits(
        system=_MARK in render([system, _USER]),
        late_system=_MARK in render([_USER, _ASSISTANT, system, _USER]),
        assistant_first=bool(render([_ASSISTANT, _USER])),
        tools=shows_tools and f"{_MARK}0" in (objects or strings),
        parallel_calls=f"{_MARK}1" in several,
        user_after_tool=bool(render([*_call(arguments), _USER], [_TOOL])),
        string_arguments=bool(strings),
        reasoning="reasoning_content" in source,
        thinks=thinks,
        thinking_switch=thinks and "enable_thinking" in source,
    )
