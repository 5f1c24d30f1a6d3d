"""The index by meaning, with the real embedding model: what it finds, and how it is kept whole."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import update

from consigne.business.caller import Caller
from consigne.business.identity import Identity
from consigne.documents.library import Documents
from consigne.documents.retrieval import Retrieval
from consigne.domain.models import Modality, Model
from consigne.engines.base import Embeddings
from consigne.engines.embedding import EmbeddingRunner
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow, PassageRow
from consigne.store.objects import Objects
from doubles.inline_jobs import InlineJobs

pytestmark = [pytest.mark.slow, pytest.mark.databases]

TEXT = b"""# Pets
A kitten is napping on the couch.
# Markets
Share prices dropped a lot this afternoon.
# Trains
The night train to Lyon leaves from platform four.
"""


class Embedder:
    """The real model under a name that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.name = "one"
        self._runner = EmbeddingRunner(folder)

    def default_model(self, modality: Modality = "text") -> Model | None:
        return Model(self.name, self.name, modality, 0, 256)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        vectors, counts = self._runner.embed(texts)
        return Embeddings(tuple(tuple(map(float, row)) for row in vectors), sum(counts))


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "consigne.db")
    yield opened
    await opened.close()


async def owner(db: Database) -> Caller:
    identity = Identity(db)
    return (await identity.sign_in(await identity.create_login_link())).caller


async def test_found_by_meaning_resumed_when_cut_and_made_anew_for_another_model(
    db: Database, tmp_path: Path, models_dir: Path
) -> None:
    embedder, jobs = Embedder(models_dir / "all-minilm-l6-v2"), InlineJobs()
    documents = Documents(db, Objects.open("", tmp_path / "objects"), embedder, jobs)
    retrieval, caller = Retrieval(db, embedder), await owner(db)
    added = await documents.add(caller, "notes.md", "text/markdown", chunks(TEXT))
    await jobs.idle()
    assert (await documents.get(caller, added.id)).indexed == added.passages == 3
    org = caller.organisation_id
    best = (await retrieval.find(org, [added.id], "Where does the cat sleep?", 1))[0]
    assert best.section == "Pets"
    assert await retrieval.find("org_other", [added.id], "Where does the cat sleep?", 3) == []
    async with db.session() as session:  # as a cut job leaves it
        await session.execute(update(PassageRow).where(PassageRow.number > 0).values(vector=None))
        await session.execute(update(DocumentRow).values(indexed=1))
    await documents.sweep()
    await jobs.idle()
    assert (await documents.get(caller, added.id)).indexed == 3
    embedder.name = "two"
    assert await retrieval.by_meaning(org, [added.id], "cat") == []
    await documents.sweep()
    await jobs.idle()
    assert len(await retrieval.by_meaning(org, [added.id], "cat")) == 3
