"""Two real models in a budget that holds one at a time."""

from pathlib import Path

import pytest

from consigne.domain.messages import Message, Request, TextBlock
from consigne.engines import memory
from consigne.engines.library import ModelLibrary
from consigne.engines.pool import EnginePool
from consigne.settings import EngineSettings

pytestmark = pytest.mark.slow


async def test_models_take_turns_in_a_small_memory(models_dir: Path) -> None:
    models = {model.manifest.modality: model for model in ModelLibrary(models_dir).list()}
    text, embedding = models["text"], models["embedding"]
    settings = EngineSettings(kv_cache_bytes=2**27)
    one = max(memory.needed(model, settings) for model in (text, embedding))
    pool = EnginePool(EngineSettings(kv_cache_bytes=2**27, memory=one))
    request = Request(model=text.id, messages=(Message("user", (TextBlock("Hi!"),)),), max_tokens=2)
    for _ in range(2):
        assert await pool.text(text).count_tokens(request) > 0
        assert [(one.id, one.state) for one in pool.loaded()] == [(text.id, "ready")]
        found = await pool.embedding(embedding).embed(["a ship", "a boat", "a law"])
        assert [(one.id, one.state) for one in pool.loaded()] == [(embedding.id, "ready")]
        ship, boat, law = found.vectors
        near = sum(a * b for a, b in zip(ship, boat, strict=True))
        far = sum(a * b for a, b in zip(ship, law, strict=True))
        assert near > far
    (loaded,) = pool.loaded()
    assert 0 < loaded.rss < one
    await pool.close()
    assert pool.loaded() == []
