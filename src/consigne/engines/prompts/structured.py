"""Grammars for the engine."""

from typing import TYPE_CHECKING

from consigne.engines.prompts.prompt import Grammar

if TYPE_CHECKING:
    import openvino_genai


def structured_output(grammar: Grammar) -> "openvino_genai.StructuredOutputConfig":
    """Return a grammar as OpenVINO GenAI takes it."""
    import openvino_genai

    match grammar.kind:
        case "json_schema":
            return openvino_genai.StructuredOutputConfig(json_schema=grammar.value)
        case "regex":
            return openvino_genai.StructuredOutputConfig(regex=grammar.value)
        case "ebnf":
            return openvino_genai.StructuredOutputConfig(grammar=grammar.value)
        case "structural_tag":
            return openvino_genai.StructuredOutputConfig(structural_tags_config=grammar.value)
