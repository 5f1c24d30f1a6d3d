"""A skill is found by meaning where an embedding model is at hand, and none where it is not."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from consigne.chat import nearness
from consigne.chat.nearness import Nearness
from consigne.chat.skills import Skill
from consigne.domain.embeddings import Embeddings
from consigne.domain.errors import ModelNotFound
from consigne.engines.library import ModelLibrary
from consigne.engines.pool import EnginePool
from consigne.gateway.gateway import Gateway
from consigne.settings import EngineSettings, ModelSettings

SKILLS = tuple(
    Skill(name, name, about, "Body", {}, "upload", True, False, True)
    for name, about in (
        ("payment-reminders", "Writes polite reminders to customers with overdue invoices."),
        ("meeting-minutes", "Turns notes of a meeting into minutes with decisions and tasks."),
    )
)


class Embedder:
    """Gives each text the vector of the first word that it holds."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        self.asked.append(len(texts))
        return Embeddings(tuple((float("pa" in t), float("mee" in t), 0.01) for t in texts), 1)


async def test_the_nearest_is_found_and_each_skill_is_embedded_once():
    embedder = Embedder()
    near = Nearness(embedder)
    assert await near.nearest(SKILLS, "they did not pay") is SKILLS[0]
    assert await near.nearest(SKILLS, "we sing") is None
    assert await near.nearest(SKILLS, "the meeting") is SKILLS[1]
    assert embedder.asked == [3, 1, 1]


async def test_without_a_model_or_in_time_there_is_none(monkeypatch: pytest.MonkeyPatch):
    class Without:
        async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
            raise ModelNotFound("none")

    class Slow:
        async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(nearness, "LONGEST_WAIT_S", 0.01)
    for embedder in (Without(), Slow()):
        assert await Nearness(embedder).nearest(SKILLS, "they did not pay") is None


@pytest.mark.slow
async def test_the_real_model_tells_what_fits(models_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearness, "LONGEST_WAIT_S", 60.0)
    pool = EnginePool(EngineSettings())
    near = Nearness(Gateway(ModelSettings(), ModelLibrary(models_dir), pool))
    try:
        unpaid = await near.nearest(SKILLS, "My client hasn't paid for two months, write to him")
        notes = await near.nearest(
            SKILLS, "Summarise what we decided in this call and who does what"
        )
        other = await near.nearest(SKILLS, "What is the capital of Peru?")
    finally:
        await pool.close()
    assert (unpaid, notes, other) == (SKILLS[0], SKILLS[1], None)
