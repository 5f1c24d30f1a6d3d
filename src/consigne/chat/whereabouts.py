"""Where a person's documents are used: conversations they were sent in, assistants, projects."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.repository import owned_by
from consigne.chat.values import Attachment
from consigne.documents.values import Document
from consigne.store.assist_tables import AssistantRow
from consigne.store.db import Database
from consigne.store.projects_tables import ProjectDocumentRow, ProjectRow
from consigne.store.tables import ConversationRow, MessageRow

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_names = msgspec.json.Decoder(tuple[str, ...])


class Named(msgspec.Struct, frozen=True, order=True):
    """Something by its id, and as its owner calls it."""

    id: str
    name: str


class Uses(msgspec.Struct, frozen=True):
    """Where a document is used."""

    conversations: tuple[Named, ...] = ()
    """Those it was sent in, the newest first."""
    assistants: tuple[Named, ...] = ()
    """Those that know it."""
    projects: tuple[Named, ...] = ()
    """Those that stand on it."""


class Whereabouts:
    """Finds where documents are used."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, caller: Caller, documents: Sequence[Document]) -> dict[str, Uses]:
        """Return where the caller uses each of their documents, by its id."""
        if not documents:
            return {}
        async with self._db.reading() as session:
            sent = await _sent_in(session, caller, documents)
            known = await _known_to(session, caller)
            held = await _held_by(session, caller, documents)
        return {
            each.id: Uses(
                tuple(sorted(sent[each.id], reverse=True)),
                tuple(sorted(known[each.id])),
                tuple(sorted(held[each.id])),
            )
            for each in documents
        }


async def _sent_in(
    session: AsyncSession, caller: Caller, documents: Sequence[Document]
) -> defaultdict[str, set[Named]]:
    # A file is sent after it was given: conversations that ended before need no look.
    since = min(document.created_at for document in documents)
    rows = await session.execute(
        select(ConversationRow.id, ConversationRow.title, MessageRow.attachments)
        .join(MessageRow, MessageRow.conversation_id == ConversationRow.id)
        .where(
            owned_by(caller),
            ConversationRow.deleted_at.is_(None),
            ConversationRow.updated_at >= since,
            MessageRow.organisation_id == caller.organisation_id,
            or_(*(MessageRow.attachments.contains(each.id) for each in documents)),
        )
    )
    found: defaultdict[str, set[Named]] = defaultdict(set)
    for conversation, title, attachments in rows:
        for file in _attachments.decode(attachments or "[]"):
            found[file.id].add(Named(conversation, title))
    return found


async def _known_to(session: AsyncSession, caller: Caller) -> defaultdict[str, set[Named]]:
    rows = await session.execute(
        select(AssistantRow.id, AssistantRow.name, AssistantRow.knowledge).where(
            AssistantRow.organisation_id == caller.organisation_id,
            AssistantRow.user_id == caller.user_id,
            AssistantRow.deleted_at.is_(None),
        )
    )
    found: defaultdict[str, set[Named]] = defaultdict(set)
    for assistant, name, knowledge in rows:
        for document in _names.decode(knowledge):
            found[document].add(Named(assistant, name))
    return found


async def _held_by(
    session: AsyncSession, caller: Caller, documents: Sequence[Document]
) -> defaultdict[str, set[Named]]:
    rows = await session.execute(
        select(ProjectRow.id, ProjectRow.name, ProjectDocumentRow.document_id)
        .join(ProjectDocumentRow, ProjectDocumentRow.project_id == ProjectRow.id)
        .where(
            ProjectRow.organisation_id == caller.organisation_id,
            ProjectRow.deleted_at.is_(None),
            ProjectDocumentRow.document_id.in_([each.id for each in documents]),
        )
    )
    found: defaultdict[str, set[Named]] = defaultdict(set)
    for project, name, document in rows:
        found[document].add(Named(project, name))
    return found
