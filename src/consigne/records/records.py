"""Everything that is kept for applications, opened in one place."""

import asyncio
import logging

from consigne.records import repository
from consigne.records.background import Background
from consigne.records.completions import StoredCompletions
from consigne.records.conversations import ApiConversations
from consigne.records.responses import Responses
from consigne.settings import RecordSettings
from consigne.store.db import Database

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0


class Records:
    """Responses, conversations and chat completions that applications keep here."""

    def __init__(self, db: Database, settings: RecordSettings) -> None:
        self._db = db
        self.responses = Responses(db, settings.keep_days)
        self.background = Background(db, self.responses, settings.keep_days)
        self.conversations = ApiConversations(db)
        self.completions = StoredCompletions(db, settings.keep_days)
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Mark what the last process left unfinished, and begin to delete what expires."""
        await self.background.recover()
        self._sweeper = asyncio.create_task(self._keep_sweeping())

    async def sweep(self) -> None:
        """Delete what has expired."""
        async with self._db.session() as session:
            await repository.sweep(session)

    async def close(self) -> None:
        """End what is written in the background, and return when all is stored."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait((self._sweeper,))
        await self.background.close()
        await self.responses.close()

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("what has expired can't be deleted")
            await asyncio.sleep(SWEEP_EVERY_S)
