"""Finds the passages that answer a question: by words, by meaning, and both fused.

By words: FTS5 on SQLite, ``tsvector`` on PostgreSQL. By meaning: the dot product with every vector
of the documents asked about, exact, in this process; that needs no extension of the database, and
20,000 vectors take some tens of milliseconds. Fused by reciprocal rank (Cormack et al., 2009).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.documents.values import Passage
from consigne.domain.errors import ConsigneError
from consigne.domain.models import Modality, Model
from consigne.engines.base import Embeddings
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow, PassageRow

RANK_CONSTANT = 5
"""How little it matters to be first rather than second; the paper's 60 is for many rankings."""
WORDS_WEIGHT = 0.5
"""Of the ranking by words beside that by meaning; both numbers by ``benchmarks/retrieval.py``."""
CANDIDATES = 50
"""Taken from either way before they are fused."""
MOST_WORDS = 64
_WORD = re.compile(r"[^\W_]+")

_SQLITE = text("""
SELECT w.rowid AS id FROM passage_words w JOIN passages p ON p.id = w.rowid
WHERE passage_words MATCH :words AND p.organisation_id = :organisation_id
ORDER BY bm25(passage_words, 0.0, 1.0), p.id LIMIT :limit
""")
_POSTGRESQL = text("""
SELECT w.id FROM passage_words w JOIN passages p ON p.id = w.id
WHERE w.words @@ to_tsquery('simple', :words) AND p.document_id IN :documents
  AND p.organisation_id = :organisation_id
ORDER BY ts_rank_cd(w.words, to_tsquery('simple', :words), 1) DESC, w.id LIMIT :limit
""").bindparams(bindparam("documents", expanding=True))


class Embedder(Protocol):
    """What retrieval needs of the gateway."""

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the model that is used where none is named, if there is any."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text."""
        ...


class Retrieval:
    """Searches in documents that the caller was found to own."""

    def __init__(self, db: Database, embedder: Embedder) -> None:
        self._db = db
        self._embedder = embedder

    async def find(
        self, organisation_id: str, document_ids: Sequence[str], query: str, limit: int
    ) -> list[Passage]:
        """Return the best passages of these documents, the best first."""
        if not document_ids:
            return []
        by_words = await self.by_words(organisation_id, document_ids, query)
        by_meaning = await self.by_meaning(organisation_id, document_ids, query)
        best = fused(by_words, by_meaning)[:limit]
        async with self._db.reading() as session:
            return await _passages(session, organisation_id, best)

    async def by_words(
        self, organisation_id: str, document_ids: Sequence[str], query: str
    ) -> list[int]:
        """Return the passages that hold words of the query, by their rows' ids."""
        words = words_of(query)
        if not words:
            return []
        values: dict[str, Any] = {"organisation_id": organisation_id, "limit": CANDIDATES}
        if self._db.dialect == "postgresql":
            statement, values["words"] = _POSTGRESQL, " | ".join(f"'{word}'" for word in words)
            values["documents"] = list(document_ids)
        else:
            statement = _SQLITE
            within = " OR ".join(f'"{known.partition("_")[2]}"' for known in document_ids)
            either = " OR ".join(f'"{word}"' for word in words)
            values["words"] = f"document : ({within}) AND text : ({either})"
        async with self._db.reading() as session:
            return list((await session.execute(statement, values)).scalars())

    async def by_meaning(
        self, organisation_id: str, document_ids: Sequence[str], query: str
    ) -> list[int]:
        """Return the passages whose vectors lie nearest; none where no model embeds."""
        model = self._embedder.default_model("embedding")
        if model is None or not query.strip():
            return []
        vectors = (
            select(PassageRow.id, PassageRow.vector)
            .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
            .where(
                PassageRow.organisation_id == organisation_id,
                PassageRow.document_id.in_(document_ids),
                PassageRow.vector.is_not(None),
                DocumentRow.embedding_model == model.id,
            )
        )
        async with self._db.reading() as session:
            rows = (await session.execute(vectors)).all()
        if not rows:
            return []
        import numpy as np

        try:
            found = await self._embedder.embed(model.id, [query[:800]])
        except ConsigneError:
            return []  # the words alone must do
        wanted = np.array(found.vectors[0], np.float32)
        table = np.frombuffer(b"".join(vector or b"" for _, vector in rows), np.float16)
        likeness = table.reshape(len(rows), -1).astype(np.float32) @ wanted
        order = np.argsort(-likeness, kind="stable")[:CANDIDATES]
        return [rows[at][0] for at in order]


def fused(by_words: Sequence[int], by_meaning: Sequence[int]) -> list[int]:
    """Return one ranking of both: the weighted sum of the reciprocal ranks decides."""
    scores: dict[int, float] = {}
    for ranking, weight in ((by_words, WORDS_WEIGHT), (by_meaning, 1.0)):
        for rank, found in enumerate(ranking, 1):
            scores[found] = scores.get(found, 0.0) + weight / (RANK_CONSTANT + rank)
    return sorted(scores, key=lambda found: (-scores[found], found))


def words_of(query: str) -> list[str]:
    """Return a query's words as the indexes hold them: lower case, without accents."""
    decomposed = unicodedata.normalize("NFD", query.lower())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    found = _WORD.findall(unicodedata.normalize("NFC", plain))
    return list(dict.fromkeys(found))[:MOST_WORDS]


async def _passages(
    session: AsyncSession, organisation_id: str, ids: Sequence[int]
) -> list[Passage]:
    rows = await session.execute(
        select(PassageRow, DocumentRow.filename)
        .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
        .where(PassageRow.organisation_id == organisation_id, PassageRow.id.in_(ids))
    )
    found = {row.id: as_passage(row, filename) for row, filename in rows}
    return [found[known] for known in ids if known in found]


def as_passage(row: PassageRow, filename: str) -> Passage:
    """Return a stored passage."""
    return Passage(
        row.document_id, filename, row.number, row.page, row.section, row.start, row.text
    )
