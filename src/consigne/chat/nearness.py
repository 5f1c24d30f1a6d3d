"""Which skill is near to a question in meaning, by the embedding model where one is installed."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from consigne.chat.skills import Skill
from consigne.domain.embeddings import Embeddings
from consigne.domain.errors import ConsigneError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

LEAST = 0.33
"""Cosine below which no skill fits. With all-MiniLM-L6-v2, 5 skills and 20 questions: of 8 that
fit, 6 reached it, each with the right skill; of 12 that don't, one did, which was close indeed."""
LONGEST_WAIT_S = 2.0
"""An answer waits no longer; the model that is being loaded meanwhile is there for the next."""
_MOST_KEPT = 1000


class Embedder(Protocol):
    """What knows the meaning of texts (``Gateway.embed``)."""

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text; an empty name means the default model."""
        ...


class Nearness:
    """Finds the nearest skill; keeps the vectors of those it saw."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept: dict[str, NDArray[np.float32]] = {}

    async def nearest(self, skills: Sequence[Skill], question: str) -> Skill | None:
        """Return the skill that is near enough, if one is and the model is at hand."""
        told = {skill.id: f"{skill.name}: {skill.description}" for skill in skills}
        new = [text for text in told.values() if text not in self._kept]
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                found = await self._embedder.embed("", [question[:2000], *new])
        except TimeoutError:
            return None
        except ConsigneError as error:
            log.debug("no skill by meaning: %s", error.code)
            return None
        asked, *vectors = (_unit(vector) for vector in found.vectors)
        known = {text: self._kept[text] for text in told.values() if text in self._kept}
        known |= dict(zip(new, vectors, strict=True))
        self._kept = known if len(self._kept) > _MOST_KEPT else self._kept | known
        scored = [(float(asked @ known[told[skill.id]]), skill) for skill in skills]
        score, best = max(scored, key=lambda found: found[0])
        return best if score >= LEAST else None


def _unit(vector: Sequence[float]) -> "NDArray[np.float32]":
    import numpy as np

    array = np.asarray(vector, dtype=np.float32)
    return array / max(float(np.linalg.norm(array)), 1e-9)
