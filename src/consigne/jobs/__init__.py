"""Durable jobs: what must be finished whatever happens to the process."""
