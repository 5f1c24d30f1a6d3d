"""Conversations too large to be written message by message, put into the database at once."""

from datetime import timedelta

from sqlalchemy import insert

from consigne.business.caller import Caller
from consigne.chat.repository import encode_content
from consigne.chat.titles import folded
from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.domain.messages import TextBlock
from consigne.store.db import Database
from consigne.store.tables import ConversationRow, MessageRow


def conversation(caller: Caller, title: str, *, age: timedelta = timedelta()) -> dict[str, object]:
    """Return the row of a conversation of the caller's."""
    when = sources.now() - age
    return {
        "id": new_id("conv"),
        "organisation_id": caller.organisation_id,
        "workspace_id": caller.workspace_id,
        "user_id": caller.user_id,
        "title": title,
        "title_by": "user",
        "title_folded": folded(title),
        "model": "tiny",
        "created_at": when,
        "updated_at": when,
    }


async def grow(
    db: Database,
    caller: Caller,
    count: int,
    *,
    title: str = "A long one",
    project_id: str | None = None,
) -> tuple[str, list[str]]:
    """Store a conversation of one branch; return its id and its messages'.

    Message ``n`` begins with "Message n."; their lengths differ.
    """
    row = conversation(caller, title)
    ids = [new_id("msg") for _ in range(count)]
    messages = [
        {
            "id": own,
            "organisation_id": caller.organisation_id,
            "conversation_id": row["id"],
            "parent_id": ids[at - 1] if at else None,
            "role": "assistant" if at % 2 else "user",
            "content": encode_content((TextBlock(f"Message {at}. " + "Words. " * (at * 7 % 120)),)),
            "state": "complete",
            "left_out": 0,
            "created_at": row["created_at"],
        }
        for at, own in enumerate(ids)
    ]
    async with db.session() as session:
        await session.execute(
            insert(ConversationRow), [row | {"head_id": ids[-1], "project_id": project_id}]
        )
        await session.execute(insert(MessageRow), messages)
    return str(row["id"]), ids
