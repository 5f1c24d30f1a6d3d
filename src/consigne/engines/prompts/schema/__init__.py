"""JSON Schemas as grammars that the engine can enforce."""

from consigne.engines.prompts.schema.compiler import schema_grammar
from consigne.engines.prompts.schema.ebnf import JSON_OBJECT

__all__ = ["JSON_OBJECT", "schema_grammar"]
