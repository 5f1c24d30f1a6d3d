"""Stores results as they come: those that come while one transaction runs share the next."""

import asyncio
from collections.abc import Sequence

from consigne.batches import repository
from consigne.batches.lines import Result
from consigne.batches.values import Batch
from consigne.store.db import Database


class Recorder:
    """Stores the results of one batch."""

    def __init__(self, db: Database, batch: Batch) -> None:
        self._db = db
        self._batch = batch
        self._pending: list[tuple[int, Result]] = []
        self._next: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def record(self, number: int, result: Result) -> None:
        """Store what came of a request; it is durable when this returns.

        Raises:
            ConsigneError: The database can't be written; nothing of the transaction is stored.
        """
        self._pending.append((number, result))
        if self._next is None:
            self._next = asyncio.ensure_future(self._write())
        # Whoever is cancelled here must not cut the others' transaction.
        await asyncio.shield(self._next)

    async def close(self) -> None:
        """Wait until all is stored, or failed to be."""
        if self._next is not None:
            await asyncio.wait((self._next,))
        async with self._writing:
            return

    async def _write(self) -> None:
        async with self._writing:
            found: Sequence[tuple[int, Result]] = self._pending
            self._pending, self._next = [], None
            async with self._db.session() as session:
                await repository.add_results(session, self._batch, found)
