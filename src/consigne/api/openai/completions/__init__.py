"""``POST /v1/completions``: text that goes on from text, past any chat template."""
