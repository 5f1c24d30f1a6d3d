"""Conversations and the durable runs that write their answers."""
