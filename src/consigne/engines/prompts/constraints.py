"""From what a request demands of the answer's form to the grammar that enforces it.

The grammars are XGrammar structural tags, as JSON: constant text around rules in EBNF.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from consigne.domain.messages import Request, Tool
from consigne.engines.prompts.formats import CallFormat
from consigne.engines.prompts.prompt import Grammar
from consigne.engines.prompts.schema import JSON_OBJECT, schema_grammar

ThinkingState = Literal["none", "free", "open"]
"""Whether the answer holds no thinking, may begin with it, or begins inside it."""

_Form = dict[str, Any]


class Constraints:
    """Builds the grammars for one form of tool calls."""

    def __init__(self, call_format: CallFormat) -> None:
        self._format = call_format

    def of(
        self, request: Request, tools: Sequence[Tool], thinking: ThinkingState
    ) -> Grammar | None:
        """Return the grammar for the answer to a request, ``None`` where anything may come.

        Args:
            request: What is asked.
            tools: The tools that may be called.
            thinking: Whether thinking comes before what the grammar describes.

        Raises:
            InvalidRequest: A schema that can't be enforced, or isn't one.
        """
        answer = _output(request)
        choice = request.tool_choice
        if not tools:
            return None if answer is None else _grammar(_after_thinking(answer, thinking))
        wanted = [tool for tool in tools if choice.kind != "tool" or tool.name == choice.name]
        tags = [self._tag(request, tool) for tool in wanted]
        if choice.kind == "auto" and answer is None:
            return self._when_called(tags, parallel=choice.parallel)
        calls = self._calls(tags, parallel=choice.parallel and choice.kind != "tool")
        if choice.kind == "auto" and answer is not None:
            calls = {"type": "or", "elements": [calls, answer]}
        return _grammar(_after_thinking(calls, thinking))

    def _tag(self, request: Request, tool: Tool) -> _Form:
        where = f"tools.{request.tools.index(tool)}.input_schema"
        return {
            "type": "tag",
            "begin": self._format.opening(tool.name),
            "content": _ebnf(schema_grammar(tool.input_schema, where, strict=tool.strict)),
            "end": "}",
        }

    def _calls(self, tags: list[_Form], *, parallel: bool) -> _Form:
        """One call, or several where ``parallel``."""
        match self._format.kind:
            case "hermes":
                wrapped = [_wrapped(tag, "<tool_call>\n", "\n</tool_call>") for tag in tags]
                return _separated(wrapped, "\n", parallel=parallel)
            case "mistral":
                inner = _separated(tags, ", ", parallel=parallel)
                return {"type": "tag", "begin": "[TOOL_CALLS][", "content": inner, "end": "]"}
            case "llama":
                return _separated(tags, "; ", parallel=False)

    def _when_called(self, tags: list[_Form], *, parallel: bool) -> Grammar | None:
        """Free text, in which a call that is begun is a valid one."""
        match self._format.kind:
            case "hermes":
                wrapped = [_wrapped(tag, "<tool_call>\n", "\n</tool_call>") for tag in tags]
                return _grammar(_triggered(["<tool_call>"], wrapped, once=not parallel))
            case "llama":
                begins = [tag["begin"] for tag in tags]
                return _grammar(_triggered(begins, tags, once=True))
            case "mistral":
                # The family announces calls by a control token, which a grammar can't admit:
                # the model is left to itself.
                return None


def _output(request: Request) -> _Form | None:
    match request.output.kind:
        case "text":
            return None
        case "json_object":
            return _ebnf(JSON_OBJECT)
        case "json_schema":
            return _ebnf(schema_grammar(request.output.schema, "output.schema", strict=True))


def _ebnf(grammar: str) -> _Form:
    return {"type": "grammar", "grammar": grammar}


def _wrapped(tag: _Form, before: str, after: str) -> _Form:
    return {**tag, "begin": before + tag["begin"], "end": tag["end"] + after}


def _separated(tags: list[_Form], separator: str, *, parallel: bool) -> _Form:
    return {
        "type": "tags_with_separator",
        "tags": tags,
        "separator": separator,
        "at_least_one": True,
        "stop_after_first": not parallel,
    }


def _triggered(triggers: list[str], tags: list[_Form], *, once: bool) -> _Form:
    return {
        "type": "triggered_tags",
        "triggers": triggers,
        "tags": tags,
        "stop_after_first": once,
    }


def _after_thinking(form: _Form, thinking: ThinkingState) -> _Form:
    if thinking == "none":
        return form
    begin = "" if thinking == "open" else "<think>"
    thought = {"type": "tag", "begin": begin, "content": {"type": "any_text"}, "end": "</think>"}
    both = {
        "type": "sequence",
        "elements": [thought, {"type": "const_string", "value": "\n\n"}, form],
    }
    return both if thinking == "open" else {"type": "or", "elements": [both, form]}


def _grammar(form: _Form) -> Grammar:
    structural = {"type": "structural_tag", "format": form}
    return Grammar("structural_tag", msgspec.json.encode(structural).decode())
