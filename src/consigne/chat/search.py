"""Search over all that a person has written and was answered."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from consigne.business.caller import Caller
from consigne.chat import titles
from consigne.chat.repository import RUNNING, as_conversation, owned_by
from consigne.chat.search_index import Term, index_for
from consigne.chat.snippets import snippet
from consigne.chat.values import Found, Hit
from consigne.domain.errors import InvalidRequest
from consigne.store.db import Database
from consigne.store.tables import ConversationRow

MOST_HITS = 100
MOST_TITLES = 8
MOST_WORDS = 12
"""Of a query; the words after these are not looked for."""

_QUOTED = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORD = re.compile(r"[^\W_]+")


class Search:
    """Finds conversations by their titles, and messages by their words."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._index = index_for(db.dialect)

    async def find(self, caller: Caller, query: str, *, limit: int = 30) -> Found:
        """Return the best matches; no query is wrong, one without words finds nothing.

        Words are looked for without regard to case and accents and must all be there; the last
        one may be unfinished. Words in quotation marks stand together.

        Raises:
            InvalidRequest: The limit is none.
        """
        if not 1 <= limit <= MOST_HITS:
            raise InvalidRequest(f"limit is from 1 to {MOST_HITS}.", param="limit")
        terms = terms_of(query)
        if not terms:
            return Found((), (), False)
        async with self._db.reading() as session:
            rows = await self._index.find(session, caller, terms, limit + 1)
            titled = (await session.execute(_titled(caller, query))).all()
        return Found(
            conversations=tuple(as_conversation(row, running=running) for row, running in titled),
            messages=tuple(_hit(row, terms) for row in rows[:limit]),
            more=len(rows) > limit,
        )


def terms_of(query: str) -> list[Term]:
    """Return what a query asks for: words, and phrases where it has quotation marks."""
    terms: list[Term] = []
    for quoted, plain in _QUOTED.findall(query[:1000]):
        # Parts of one written word, as in "well-known", stand together too.
        if words := tuple(_WORD.findall(_folded(quoted or plain))):
            terms.append(words[:MOST_WORDS])
    return terms[:MOST_WORDS]


def _folded(words: str) -> str:
    """Return words as both indexes hold them: lower case, without accents."""
    decomposed = unicodedata.normalize("NFD", words.lower())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", plain)


def _titled(caller: Caller, query: str) -> Any:
    words = titles.folded(query.replace("\x00", "").strip())
    return (
        select(ConversationRow, RUNNING)
        .where(
            owned_by(caller),
            ConversationRow.deleted_at.is_(None),
            ConversationRow.title_folded.contains(words, autoescape=True),
        )
        .order_by(ConversationRow.updated_at.desc(), ConversationRow.id.desc())
        .limit(MOST_TITLES)
    )


def _hit(row: Any, terms: Sequence[Term]) -> Hit:
    return Hit(
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        title=row.title,
        archived=bool(row.archived),
        role=row.role,
        created_at=row.created_at,
        snippet=snippet(row.text, terms),
    )
