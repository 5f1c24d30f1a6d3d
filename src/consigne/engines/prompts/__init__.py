"""Prompts and answers: chat templates, tool calls, output grammars. Pure logic, no model."""

from consigne.engines.prompts.parsing import BlockEvent, OutputParser
from consigne.engines.prompts.prompt import Grammar, Prompt
from consigne.engines.prompts.prompter import Prompter
from consigne.engines.prompts.structured import structured_output

__all__ = ["BlockEvent", "Grammar", "OutputParser", "Prompt", "Prompter", "structured_output"]
