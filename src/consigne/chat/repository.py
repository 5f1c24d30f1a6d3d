"""The chat's queries. All but recovery filter on the caller's organisation and person."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, exists, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from consigne.business.caller import Caller
from consigne.chat.values import (
    Attachment,
    Citation,
    Conversation,
    Problem,
    Source,
    StoredMessage,
)
from consigne.domain import sources
from consigne.domain.errors import NotFound
from consigne.domain.ids import is_id
from consigne.domain.messages import ContentBlock
from consigne.domain.usage import Usage
from consigne.store.tables import ConversationRow, MessageRow, RunEventRow, RunRow

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_citations = msgspec.json.Decoder(tuple[Citation, ...])
_content = msgspec.json.Decoder(tuple[ContentBlock, ...])
_sources = msgspec.json.Decoder(tuple[Source, ...])

RUNNING = exists(
    select(RunRow.id).where(
        RunRow.state == "running",
        RunRow.conversation_id == ConversationRow.id,
        RunRow.organisation_id == ConversationRow.organisation_id,
    )
)
"""Whether an answer of the conversation is being written."""


def owned_by(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a conversation is the caller's own."""
    return (ConversationRow.organisation_id == caller.organisation_id) & (
        ConversationRow.user_id == caller.user_id
    )


async def conversation_row(
    session: AsyncSession, caller: Caller, conversation_id: str, *, deleted: bool = False
) -> ConversationRow:
    """Return one of the caller's conversations.

    Raises:
        NotFound: There is none of this id, it is another's, or it was deleted.
    """
    query = select(ConversationRow).where(ConversationRow.id == conversation_id, owned_by(caller))
    if not deleted:
        query = query.where(ConversationRow.deleted_at.is_(None))
    row = await session.scalar(query) if is_id(conversation_id, "conv") else None
    if row is None:
        raise NotFound("There is no such conversation.")
    return row


async def message_rows(
    session: AsyncSession, caller: Caller, message_id: str, *, lock: bool = False
) -> tuple[MessageRow, ConversationRow]:
    """Return one message of the caller's and its conversation; ``lock`` it to change it.

    Raises:
        NotFound: There is none of this id, it is another's, or its conversation was deleted.
    """
    if not is_id(message_id, "msg"):
        raise NotFound("There is no such message.")
    query = (
        select(MessageRow, ConversationRow)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .where(
            MessageRow.id == message_id,
            MessageRow.organisation_id == caller.organisation_id,
            owned_by(caller),
            ConversationRow.deleted_at.is_(None),
        )
    )
    found = await session.execute(query.with_for_update(of=MessageRow) if lock else query)
    row = found.one_or_none()
    if row is None:
        raise NotFound("There is no such message.")
    return row[0], row[1]


async def run_row(session: AsyncSession, caller: Caller, run_id: str) -> RunRow:
    """Return one run of the caller's.

    Raises:
        NotFound: There is none of this id, it is another's, or its conversation was deleted.
    """
    if not is_id(run_id, "run"):
        raise NotFound("There is no such run.")
    row = await session.scalar(
        select(RunRow)
        .join(ConversationRow, ConversationRow.id == RunRow.conversation_id)
        .where(
            RunRow.id == run_id,
            RunRow.organisation_id == caller.organisation_id,
            owned_by(caller),
            ConversationRow.deleted_at.is_(None),
        )
    )
    if row is None:
        raise NotFound("There is no such run.")
    return row


async def branch(session: AsyncSession, organisation_id: str, leaf_id: str) -> list[StoredMessage]:
    """Return the messages from the root to a leaf."""
    above = (
        select(MessageRow.id, MessageRow.parent_id, literal(0).label("depth"))
        .where(MessageRow.id == leaf_id, MessageRow.organisation_id == organisation_id)
        .cte("above", recursive=True)
    )
    parent = aliased(MessageRow)
    above = above.union_all(
        select(parent.id, parent.parent_id, above.c.depth + 1).where(
            parent.id == above.c.parent_id, parent.organisation_id == organisation_id
        )
    )
    rows = await session.scalars(
        select(MessageRow)
        .join(above, above.c.id == MessageRow.id)
        .where(MessageRow.organisation_id == organisation_id)
        .order_by(above.c.depth.desc())
    )
    return [as_message(row) for row in rows]


async def newest_leaf(session: AsyncSession, organisation_id: str, message_id: str) -> str:
    """Return the newest leaf below a message; itself if nothing follows it."""
    below = (
        select(MessageRow.id)
        .where(MessageRow.id == message_id, MessageRow.organisation_id == organisation_id)
        .cte("below", recursive=True)
    )
    child, next_ = aliased(MessageRow), aliased(MessageRow)
    below = below.union_all(
        select(child.id).where(
            child.parent_id == below.c.id, child.organisation_id == organisation_id
        )
    )
    followed = exists(
        select(next_.id).where(
            next_.parent_id == below.c.id, next_.organisation_id == organisation_id
        )
    )
    leaves = select(below.c.id).where(~followed).order_by(below.c.id.desc()).limit(1)
    return str((await session.scalars(leaves)).one())


async def has_children(session: AsyncSession, row: MessageRow) -> bool:
    """Say whether the conversation goes on after a message."""
    found = await session.scalar(
        select(MessageRow.id)
        .where(MessageRow.parent_id == row.id, MessageRow.organisation_id == row.organisation_id)
        .limit(1)
    )
    return found is not None


def add_answer(
    session: AsyncSession,
    conversation: ConversationRow,
    question_id: str,
    model: str,
    run_id: str,
    *,
    message_id: str,
    beside: bool = False,
) -> MessageRow:
    """Add an empty answer that a run is about to write: the conversation's head, or ``beside`` it.

    A conversation that goes on leaves the archive.
    """
    row = MessageRow(
        id=message_id,
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        parent_id=question_id,
        role="assistant",
        content="[]",
        model=model,
        state="running",
        left_out=0,
        run_id=run_id,
        created_at=sources.now(),
    )
    session.add(row)
    if beside:
        conversation.beside_id = row.id
        return row
    conversation.head_id, conversation.beside_id = row.id, None
    conversation.model = model
    conversation.updated_at = row.created_at
    conversation.archived_at = None
    return row


def add_run(session: AsyncSession, answer: MessageRow, run_id: str, model: str) -> None:
    """Add the run that writes an answer."""
    session.add(
        RunRow(
            id=run_id,
            organisation_id=answer.organisation_id,
            conversation_id=answer.conversation_id,
            message_id=answer.id,
            model=model,
            state="running",
            last_event=0,
            created_at=sources.now(),
        )
    )


async def end_run(
    session: AsyncSession,
    organisation_id: str,
    message: StoredMessage,
    last_event: int,
    *,
    settings: str | None = None,
) -> None:
    """Store what a run ended with; its events are dropped, for its message now says it all."""
    now, usage = sources.now(), message.usage
    values: dict[str, Any] = {
        "content": encode_content(message.content),
        "state": message.state,
        "stop_reason": message.stop_reason,
        "error_code": message.error.code if message.error else None,
        "error_message": message.error.message if message.error else None,
        "input_tokens": usage.input_tokens if usage else None,
        "cached_input_tokens": usage.cached_input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "left_out": message.left_out,
        "sources": msgspec.json.encode(message.sources).decode() if message.sources else None,
        "citations": msgspec.json.encode(message.citations).decode() if message.citations else None,
    }
    written = (MessageRow.id == message.id) & (MessageRow.organisation_id == organisation_id)
    ended = (RunRow.id == message.run_id) & (RunRow.organisation_id == organisation_id)
    events = (RunEventRow.run_id == message.run_id) & (
        RunEventRow.organisation_id == organisation_id
    )
    conversation = select(MessageRow.conversation_id).where(written).scalar_subquery()
    await session.execute(update(MessageRow).where(written).values(**values))
    await session.execute(
        update(RunRow)
        .where(ended)
        .values(state=message.state, last_event=last_event, ended_at=now, settings=settings)
    )
    await session.execute(delete(RunEventRow).where(events))
    await session.execute(
        update(ConversationRow)
        .where(
            ConversationRow.id == conversation,
            ConversationRow.organisation_id == organisation_id,
        )
        .values(updated_at=now)
    )


def encode_content(content: tuple[ContentBlock, ...]) -> str:
    """Return content blocks as they are stored."""
    return msgspec.json.encode(content).decode()


def as_message(row: MessageRow | Row[Any]) -> StoredMessage:
    """Return a stored message, from its row or the columns of it."""
    usage = None
    if row.input_tokens is not None:
        usage = Usage(row.input_tokens, row.cached_input_tokens or 0, row.output_tokens or 0)
    found: dict[str, Any] = {"role": row.role, "state": row.state, "mode": row.mode or ""}
    return StoredMessage(
        id=row.id,
        parent_id=row.parent_id,
        **found,
        content=_content.decode(row.content),
        model=row.model,
        stop_reason=row.stop_reason,
        error=Problem(row.error_code, row.error_message or "") if row.error_code else None,
        usage=usage,
        left_out=row.left_out,
        created_at=row.created_at,
        run_id=row.run_id,
        sources=_sources.decode(row.sources) if row.sources else (),
        attachments=_attachments.decode(row.attachments) if row.attachments else (),
        citations=_citations.decode(row.citations) if row.citations else (),
    )


def as_conversation(row: ConversationRow, *, running: bool) -> Conversation:
    """Return a stored conversation."""
    return Conversation(
        id=row.id,
        title=row.title,
        model=row.model or None,
        head_id=row.head_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        running=running,
        pinned=row.pinned_at is not None,
        archived=row.archived_at is not None,
        folder_id=row.folder_id,
        project_id=row.project_id,
    )
