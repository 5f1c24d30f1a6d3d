"""Chat completions that are kept: stored, found by model and metadata, changed, deleted."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.records import repository
from consigne.records.values import Json, Page, Paging, cut, no_such_cursor
from consigne.store.db import Database
from consigne.store.responses_tables import CompletionMetadataRow, StoredCompletionRow


class StoredCompletions:
    """Keeps chat completions, each of them its workspace's alone."""

    def __init__(self, db: Database, keep_days: int) -> None:
        self._db = db
        self._keep_days = keep_days

    async def save(self, caller: Caller, body: Json, messages: Sequence[Json]) -> None:
        """Keep a completion with the messages that it answers, each with an id."""
        async with self._db.session() as session:
            session.add(
                StoredCompletionRow(
                    id=body["id"],
                    organisation_id=caller.organisation_id,
                    workspace_id=caller.workspace_id,
                    model=body["model"],
                    body=repository.encoded(body),
                    messages=repository.encoded(messages),
                    created_at=sources.now(),
                    expires_at=repository.expiry(self._keep_days),
                )
            )
            await session.flush()
            _add_metadata(session, caller, body["id"], body["metadata"])

    async def get(self, caller: Caller, completion_id: str) -> Json:
        """Return a completion.

        Raises:
            NotFound: The caller has no such completion.
        """
        async with self._db.reading() as session:
            return repository.decoded((await _row(session, caller, completion_id)).body)

    async def list(
        self,
        caller: Caller,
        paging: Paging,
        *,
        model: str | None = None,
        metadata: Mapping[str, str],
    ) -> Page:
        """Return a page of completions, of one model and with these metadata if so asked.

        Raises:
            InvalidRequest: ``after`` names none.
        """
        table, up = StoredCompletionRow, paging.order == "asc"
        wanted = (
            select(table.body)
            .where(repository.mine(table, caller))
            .order_by(
                *((table.created_at.asc(), table.id.asc()) if up else ()),
                *(() if up else (table.created_at.desc(), table.id.desc())),
            )
            .limit(paging.limit + 1)
        )
        if model is not None:
            wanted = wanted.where(table.model == model)
        for name, value in metadata.items():
            pair = CompletionMetadataRow
            wanted = wanted.where(
                exists().where(
                    pair.completion_id == table.id,
                    pair.organisation_id == caller.organisation_id,
                    pair.name == name,
                    pair.value == value,
                )
            )
        async with self._db.reading() as session:
            if paging.after is not None:
                place = await _place(session, caller, paging.after)
                later = (table.created_at > place.created_at) | (
                    (table.created_at == place.created_at) & (table.id > place.id)
                )
                wanted = wanted.where(later if up else ~later, table.id != place.id)
            found = [repository.decoded(body) for body in await session.scalars(wanted)]
        return Page(tuple(found[: paging.limit]), len(found) > paging.limit)

    async def update(self, caller: Caller, completion_id: str, metadata: dict[str, str]) -> Json:
        """Replace a completion's metadata and return it.

        Raises:
            NotFound: The caller has no such completion.
        """
        async with self._db.session() as session:
            row = await _row(session, caller, completion_id)
            body = repository.decoded(row.body) | {"metadata": metadata}
            row.body = repository.encoded(body)
            await session.execute(
                delete(CompletionMetadataRow).where(
                    CompletionMetadataRow.completion_id == row.id,
                    CompletionMetadataRow.organisation_id == caller.organisation_id,
                )
            )
            _add_metadata(session, caller, row.id, metadata)
            return body

    async def delete(self, caller: Caller, completion_id: str) -> None:
        """Delete a completion.

        Raises:
            NotFound: The caller has no such completion.
        """
        async with self._db.session() as session:
            await session.delete(await _row(session, caller, completion_id))

    async def messages(self, caller: Caller, completion_id: str, paging: Paging) -> Page:
        """Return a page of the messages that a completion answers.

        Raises:
            NotFound: The caller has no such completion.
            InvalidRequest: ``after`` names none of them.
        """
        async with self._db.reading() as session:
            row = await _row(session, caller, completion_id)
        return cut(msgspec.json.decode(row.messages), paging)


async def _row(session: AsyncSession, caller: Caller, completion_id: str) -> StoredCompletionRow:
    return await repository.row_of(
        session, caller, StoredCompletionRow, completion_id, "completion_id"
    )


async def _place(session: AsyncSession, caller: Caller, after: str) -> StoredCompletionRow:
    row = None
    if "\x00" not in after:
        row = await session.scalar(
            select(StoredCompletionRow).where(
                StoredCompletionRow.id == after, repository.mine(StoredCompletionRow, caller)
            )
        )
    if row is None:
        raise no_such_cursor(after)
    return row


def _add_metadata(
    session: AsyncSession, caller: Caller, completion_id: str, metadata: Mapping[str, str]
) -> None:
    session.add_all(
        CompletionMetadataRow(
            completion_id=completion_id,
            name=name,
            organisation_id=caller.organisation_id,
            value=value,
        )
        for name, value in metadata.items()
    )
