"""Conversations of a file, stored as the import's job stores them."""

from consigne.business.caller import Caller
from consigne.chat import imports
from consigne.chat.transfers import add_conversation
from consigne.store.db import Database


async def take(db: Database, caller: Caller, body: bytes) -> imports.Read:
    """Take in the conversations of a file; returns what was read."""
    assert caller.user_id
    found = imports.read(body)
    async with db.session() as session:
        for conversation in found.conversations:
            await add_conversation(session, caller, caller.user_id, conversation)
    return found
