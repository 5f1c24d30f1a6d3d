"""Taking conversations out, and putting one in."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import titles
from consigne.chat.conversations import LONGEST_TITLE
from consigne.chat.portable import PortableConversation, PortableMessage
from consigne.chat.repository import as_message, conversation_row, encode_content, owned_by
from consigne.chat.values import Citation, Source
from consigne.domain import sources
from consigne.domain.ids import is_id, new_id
from consigne.domain.messages import ContentBlock, TextBlock, ThinkingBlock
from consigne.store.db import Database
from consigne.store.tables import ConversationRow, MessageRow

Told = TypeVar("Told", Source, Citation)


class Transfers:
    """Gives a person's conversations as they can be kept elsewhere."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, caller: Caller, conversation_id: str) -> PortableConversation:
        """Return one conversation with all its branches.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.reading() as session:
            return await _portable(
                session, await conversation_row(session, caller, conversation_id)
            )

    async def export_all(self, caller: Caller) -> tuple[PortableConversation, ...]:
        """Return all of the caller's conversations, the earliest first."""
        wanted = (
            select(ConversationRow)
            .where(owned_by(caller), ConversationRow.deleted_at.is_(None))
            .order_by(ConversationRow.created_at, ConversationRow.id)
        )
        async with self._db.reading() as session:
            rows = (await session.scalars(wanted)).all()
            return tuple([await _portable(session, row) for row in rows])


async def _portable(session: AsyncSession, row: ConversationRow) -> PortableConversation:
    rows = await session.scalars(
        select(MessageRow)
        .where(
            MessageRow.conversation_id == row.id,
            MessageRow.organisation_id == row.organisation_id,
        )
        .order_by(MessageRow.created_at, MessageRow.id)
    )
    messages = []
    for stored in map(as_message, rows):
        state = "interrupted" if stored.state == "running" else stored.state
        message = PortableMessage(
            stored.id, stored.parent_id, "user" if stored.role == "user" else "assistant",
            stored.content, stored.created_at, stored.model, state, stored.stop_reason,
            stored.sources, stored.citations, tuple(file.filename for file in stored.attachments),
        )  # fmt: skip
        messages.append(message)
    return PortableConversation(
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        messages=tuple(messages),
        model=row.model,
        head_id=row.head_id,
        pinned=row.pinned_at is not None,
        archived=row.archived_at is not None,
    )


async def add_conversation(
    session: AsyncSession, caller: Caller, user_id: str, given: PortableConversation
) -> ConversationRow:
    """Store a conversation as one of the caller's, under new ids."""
    now, title = sources.now(), _clean(given.title)[:LONGEST_TITLE]
    # Ids tell the order of versions: sorted, they keep the file's.
    ids = sorted(new_id("msg") for _ in given.messages)
    renamed = {message.id: made for message, made in zip(given.messages, ids, strict=True)}
    row = ConversationRow(
        id=new_id("conv"),
        organisation_id=caller.organisation_id,
        workspace_id=caller.workspace_id,
        user_id=user_id,
        title=title,
        title_by="user" if title else "rule",
        title_folded=titles.folded(title),
        model=_clean(given.model),
        head_id=renamed.get(given.head_id or ""),
        created_at=given.created_at,
        updated_at=given.updated_at,
        pinned_at=now if given.pinned else None,
        archived_at=now if given.archived else None,
    )
    session.add(row)
    await session.flush()
    rows = [_message(row, renamed, message) for message in given.messages]
    if rows:
        await session.execute(insert(MessageRow), rows)
    return row


def _message(
    row: ConversationRow, renamed: dict[str, str], given: PortableMessage
) -> dict[str, object]:
    return {
        "id": renamed[given.id],
        "organisation_id": row.organisation_id,
        "conversation_id": row.id,
        "parent_id": renamed[given.parent_id] if given.parent_id else None,
        "role": given.role,
        "content": encode_content(tuple(_storable(block) for block in given.content)),
        "model": given.model,
        "state": "interrupted" if given.state == "running" else given.state,
        "stop_reason": given.stop_reason,
        "sources": _json([_clean_all(source) for source in given.sources if _is_web(source)]),
        "citations": _json([_cited(citation) for citation in given.citations]),
        "left_out": 0,
        "created_at": given.created_at,
    }


def _storable(block: ContentBlock) -> ContentBlock:
    if isinstance(block, TextBlock):
        return TextBlock(_clean(block.text))
    if isinstance(block, ThinkingBlock):
        return ThinkingBlock(_clean(block.thinking), block.signature)
    return block


def _is_web(source: Source) -> bool:
    """Say whether its address may stand in a link: a file could hold any."""
    return source.url.startswith(("https://", "http://"))


def _cited(citation: Citation) -> Citation:
    """Return a citation whose document, if it names none, is nobody's."""
    known = citation.document_id if is_id(citation.document_id, "doc") else ""
    return msgspec.structs.replace(_clean_all(citation), document_id=known)


def _json(values: Sequence[Source | Citation]) -> str | None:
    return msgspec.json.encode(values).decode() if values else None


def _clean_all(value: Told) -> Told:
    texts = {k: _clean(v) for k, v in msgspec.structs.asdict(value).items() if isinstance(v, str)}
    return msgspec.structs.replace(value, **texts)


def _clean(text: str) -> str:
    """Return the text without NUL, which PostgreSQL keeps none of."""
    return text.replace("\x00", "")
