"""From a request to a prompt, and from the model's text back to blocks."""

from collections.abc import Collection, Sequence

import msgspec

from consigne.domain.errors import InvalidRequest, Unsupported
from consigne.domain.messages import Request, Tool
from consigne.domain.models import Capabilities
from consigne.engines.prompts.constraints import Constraints, ThinkingState
from consigne.engines.prompts.conversation import Conversation
from consigne.engines.prompts.formats import HERMES, recognise
from consigne.engines.prompts.guard import END, Guard, control_tokens
from consigne.engines.prompts.parsing import OutputParser
from consigne.engines.prompts.prompt import Prompt
from consigne.engines.prompts.template import ChatTemplate


class Prompter:
    """Writes prompts for one model and reads its answers.

    Args:
        chat_template: The model's Jinja template; empty for a model that has none.
        bos_token: The text of its begin-of-sequence token, or an empty string.
        eos_token: The text of its end-of-sequence token, or an empty string.
        special_tokens: The texts of its control tokens, where known; those that the template
            spells are found anyway.

    Raises:
        ModelBroken: The template isn't valid Jinja.
    """

    def __init__(
        self,
        chat_template: str,
        *,
        bos_token: str,
        eos_token: str,
        special_tokens: Collection[str] = (),
    ) -> None:
        self._guard = Guard({*special_tokens, *control_tokens(chat_template), bos_token, eos_token})
        self._template = (
            ChatTemplate(chat_template, bos_token=bos_token, eos_token=eos_token)
            if chat_template.strip()
            else None
        )
        if self._template is None:
            self.capabilities = Capabilities(structured_output=True)
            return
        traits = self._template.traits
        known = recognise(chat_template) if traits.tools else None
        if known is None:  # then shown in our own words, written and read in the commonest form
            traits = msgspec.structs.replace(traits, tools=False, parallel_calls=True)
        self._traits = traits
        self._format = known or HERMES
        self._opens: dict[bool | None, bool] = {}
        self._conversation = Conversation(traits, self._format, self._guard)
        self.capabilities = Capabilities(tools=True, structured_output=True, thinking=traits.thinks)

    @property
    def visible_tokens(self) -> frozenset[str]:
        """Tokens whose text is part of the answer's form, even where they are control tokens."""
        if self._template is None:
            return frozenset()
        tokens = {*self._format.triggers, self._format.closing} - {"", "]"}
        return frozenset(tokens | ({"<think>", "</think>"} if self._traits.thinks else set()))

    def render(self, request: Request) -> Prompt:
        """Write the prompt for a request.

        Raises:
            InvalidRequest: Bad schemas, an unknown tool in ``tool_choice``, a conversation that
                the template refuses.
            Unsupported: The model can't do it (read images, chat without a chat template).
        """
        if request.raw_prompt is not None:
            raw = Constraints(HERMES).of(request, (), "none")
            given = request.raw_prompt
            return Prompt((given,) if isinstance(given, str) else (), raw)
        if self._template is None:
            raise Unsupported(
                "This model has no chat template: it completes text but holds no conversation",
                param="messages",
            )
        if not request.messages:
            raise InvalidRequest("There is no message to answer", param="messages")
        offered = _offered(request)
        goes_on = request.messages[-1].role == "assistant"
        if goes_on and request.output.kind != "text":
            raise InvalidRequest(
                "An answer that is begun already can't be given an output format", param="messages"
            )
        thinking = self._thinking(request)
        turns = self._conversation.messages(request, offered)
        goes_on = goes_on and bool(turns[-1]["content"])
        if goes_on:
            turns[-1]["content"] += END
        elif turns[-1]["role"] == "assistant":
            turns.pop()
        tools = self._conversation.tools(offered) if self._traits.tools else None
        text = self._template.render(turns, tools=tools, open_turn=not goes_on, thinking=thinking)
        text, _, _ = text.partition(END)
        state = self._state(thinking, goes_on=goes_on)
        grammar = Constraints(self._format).of(request, offered, state)
        return Prompt(Guard.cut(text), grammar)

    def parser(self, request: Request) -> OutputParser:
        """Return a reader for the answer to a request."""
        if self._template is None or request.raw_prompt is not None:
            return OutputParser()
        goes_on = request.messages[-1].role == "assistant" and bool(request.messages[-1].text)
        state = self._state(self._thinking(request), goes_on=goes_on)
        return OutputParser(
            call_format=self._format,
            tools=frozenset(tool.name for tool in _offered(request)),
            thinks=self._traits.thinks,
            thinking_open=state == "open",
        )

    def _thinking(self, request: Request) -> bool | None:
        """Thinking before a prescribed form is left out unless it is asked for."""
        if not self._traits.thinking_switch:
            return None
        forced = request.tool_choice.kind in ("any", "tool") or request.output.kind != "text"
        return False if forced and request.thinking is None else request.thinking

    def _state(self, thinking: bool | None, *, goes_on: bool) -> ThinkingState:
        if not self._traits.thinks or goes_on:
            return "none"
        if self._opened(thinking):
            return "open"
        return "none" if thinking is False else "free"

    def _opened(self, thinking: bool | None) -> bool:
        if thinking not in self._opens:
            assert self._template is not None
            probe = self._template.render([{"role": "user", "content": "Hi"}], thinking=thinking)
            self._opens[thinking] = probe.rstrip().endswith("<think>")
        return self._opens[thinking]


def _offered(request: Request) -> Sequence[Tool]:
    """The tools that may be called; with ``none`` they are not even shown."""
    choice, names = request.tool_choice, [tool.name for tool in request.tools]
    if len(names) != len(set(names)):
        raise InvalidRequest("Two tools have the same name", param="tools")
    if choice.kind == "tool" and choice.name not in names:
        raise InvalidRequest(
            f"tool_choice names the tool {choice.name!r}, which is not among the tools",
            param="tool_choice",
        )
    if choice.kind == "any" and not names:
        raise InvalidRequest(
            "tool_choice demands a call, but there is no tool", param="tool_choice"
        )
    return () if choice.kind == "none" else request.tools
