"""Generation elsewhere: servers that speak OpenAI's or Anthropic's API, behind one protocol."""
