"""The dialects over a real gateway whose engines are scripted, with what they used recorded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
from sqlalchemy import select

from consigne.business.usage import UsageLog
from consigne.engines.base import Embeddings, InstalledModel, Manifest
from consigne.gateway.gateway import Gateway
from consigne.settings import ModelSettings, PriceSettings, UsageSettings
from consigne.store.db import Database
from consigne.store.usage_tables import UsageRow
from doubles.scripted import ABLE, KEY, ScriptedGateway
from support.dialects import RecordKeeping, dialects_app
from support.records import LazyDatabase

Json = dict[str, Any]


class Shelf:
    """A text model and one of embeddings."""

    def __init__(self) -> None:
        self._models = [_installed("tiny", "text"), _installed("mini", "embedding")]

    def list(self) -> Sequence[InstalledModel]:
        return self._models

    def get(self, model_id: str) -> InstalledModel | None:
        return next((model for model in self._models if model.id == model_id), None)


class _Vectors:
    def __init__(self, scripted: ScriptedGateway) -> None:
        self._scripted = scripted

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return await self._scripted.embed("mini", texts)


class ScriptedEngines:
    """Hands out a script in place of each engine."""

    def __init__(self, scripted: ScriptedGateway) -> None:
        self._scripted = scripted

    def text(self, _model: InstalledModel) -> ScriptedGateway:
        return self._scripted

    def embedding(self, _model: InstalledModel) -> _Vectors:
        return _Vectors(self._scripted)


class Metered:
    """The application, its script, and the records of what was used."""

    def __init__(
        self,
        path: Path | None = None,
        prices: Mapping[str, PriceSettings] | None = None,
        **settings: Any,
    ) -> None:
        self.script = ScriptedGateway()
        engines: Any = ScriptedEngines(self.script)
        models = ModelSettings(prices=dict(prices or {}), aliases={"small": "tiny"})
        self.gateway = Gateway(models, Shelf(), engines)
        self.db = LazyDatabase(path)
        self.usage = UsageLog(cast("Database", self.db), UsageSettings(**settings))
        self._keeping = RecordKeeping(path)
        self.app = dialects_app(cast("Any", self.gateway), self._keeping, self.usage)

    def client(self) -> httpx.AsyncClient:
        """Return a client of the application, in process, with a valid key."""
        headers = {"authorization": f"Bearer {KEY}"}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def rows(self) -> list[Json]:
        """Return all records, in the order of their beginning."""
        await self.usage.flush()
        table = UsageRow.__table__
        async with self.db.reading() as session:
            found = await session.execute(select(table).order_by(table.c.at, table.c.id))
            return [dict(row) for row in found.mappings()]

    async def close(self) -> None:
        """Close the databases."""
        await self.usage.close()
        await self._keeping.close()
        await self.db.close()


def _installed(model_id: str, modality: Any) -> InstalledModel:
    manifest = Manifest(
        id=model_id,
        name=model_id.title(),
        modality=modality,
        context=2048,
        size_bytes=1,
        created=1,
        source="test",
        capabilities=ABLE,
    )
    return InstalledModel(Path("/nowhere") / model_id, manifest)
