"""The messages that hold given words, best first: FTS5 on SQLite, ``tsvector`` on PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import TextualSelect, text
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.store.tables import UtcTime

Term = tuple[str, ...]
"""Words that stand one after the other, folded; the last of the last term may be unfinished."""

SHORTEST_PREFIX = 2
"""Shorter last words are taken as whole ones: almost everything begins with any one letter."""


class Index(Protocol):
    """Finds messages by their words."""

    async def find(
        self, session: AsyncSession, caller: Caller, terms: Sequence[Term], limit: int
    ) -> Sequence[Any]:
        """Return rows of ``conversation_id``, ``message_id``, ``title``, ``text``… best first."""
        ...


# What is found is ranked before its text is read: a search that matches ten thousand messages
# sorts small rows.
_SHOWN = """
SELECT t.message_id, t.conversation_id, t.text, m.role, m.created_at, c.title,
  c.archived_at IS NOT NULL AS archived
FROM ({found}) f
JOIN message_texts t ON t.id = f.id
JOIN messages m ON m.id = t.message_id AND m.organisation_id = :organisation_id
JOIN conversations c ON c.id = t.conversation_id AND c.organisation_id = :organisation_id
WHERE t.organisation_id = :organisation_id
ORDER BY f.rank, t.message_id DESC
"""
_SQLITE = """
SELECT w.rowid AS id, bm25(message_words, 0.0, 1.0) AS rank
FROM message_words w
JOIN message_texts t ON t.id = w.rowid
JOIN conversations c ON c.id = t.conversation_id AND c.deleted_at IS NULL
WHERE message_words MATCH :words AND t.organisation_id = :organisation_id
  AND t.user_id = :user_id AND c.organisation_id = :organisation_id
ORDER BY 2, t.message_id DESC LIMIT :limit
"""
_POSTGRESQL = """
SELECT w.id, -ts_rank_cd(w.words, to_tsquery('simple', :words), 1) AS rank
FROM message_words w
JOIN message_texts t ON t.id = w.id
JOIN conversations c ON c.id = t.conversation_id AND c.deleted_at IS NULL
WHERE w.words @@ to_tsquery('simple', :words) AND t.organisation_id = :organisation_id
  AND t.user_id = :user_id AND c.organisation_id = :organisation_id
ORDER BY 2, t.message_id DESC LIMIT :limit
"""


class SqliteIndex:
    """FTS5. Whose a message is stands in the index as a word, so others' are never read."""

    _SQL = text(_SHOWN.replace("{found}", _SQLITE)).columns(created_at=UtcTime)

    async def find(
        self, session: AsyncSession, caller: Caller, terms: Sequence[Term], limit: int
    ) -> Sequence[Any]:
        """See ``Index``."""
        owner = (caller.user_id or "").partition("_")[2]
        words = f'owner : "{owner}" AND text : ({_fts5(terms)})'
        return await _rows(self._SQL, session, caller, words, limit)


class PostgresIndex:
    """``tsvector`` of the words as they are, in any language."""

    _SQL = text(_SHOWN.replace("{found}", _POSTGRESQL)).columns(created_at=UtcTime)

    async def find(
        self, session: AsyncSession, caller: Caller, terms: Sequence[Term], limit: int
    ) -> Sequence[Any]:
        """See ``Index``."""
        return await _rows(self._SQL, session, caller, _tsquery(terms), limit)


def index_for(dialect: str) -> Index:
    """Return the index of a database's dialect."""
    return PostgresIndex() if dialect == "postgresql" else SqliteIndex()


async def _rows(
    statement: TextualSelect, session: AsyncSession, caller: Caller, words: str, limit: int
) -> Sequence[Any]:
    values = {
        "words": words,
        "organisation_id": caller.organisation_id,
        "user_id": caller.user_id,
        "limit": limit,
    }
    return (await session.execute(statement, values)).all()


def _fts5(terms: Sequence[Term]) -> str:
    """Return the query; its words are letters and digits alone, so that they can't be operators."""
    phrases = [f'"{" ".join(term)}"' for term in terms]
    return " AND ".join(phrases) + ("*" if _unfinished(terms) else "")


def _tsquery(terms: Sequence[Term]) -> str:
    phrases = ["(" + " <-> ".join(f"'{word}'" for word in term) + ")" for term in terms]
    if _unfinished(terms):
        phrases[-1] = phrases[-1].removesuffix(")") + ":*)"
    return " & ".join(phrases)


def _unfinished(terms: Sequence[Term]) -> bool:
    return len(terms[-1][-1]) >= SHORTEST_PREFIX
