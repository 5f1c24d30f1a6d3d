"""Do one thing on the database and close it; a server may have it open at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from consigne.cli.context import settings_of
from consigne.domain.errors import OperatorError

if TYPE_CHECKING:
    from consigne.store.db import Database

T = TypeVar("T")


def on_database(ctx: click.Context, work: "Callable[[Database], Awaitable[T]]") -> T:
    """Return what ``work`` makes of the database of this invocation's data folder.

    Raises:
        OperatorError: The database can't be opened.
    """
    from consigne.store.db import Database

    settings = settings_of(ctx)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"Can't make the data folder {settings.data_dir}: {error.strerror}. "
            "Choose another with --data-dir."
        ) from None

    async def run() -> T:
        db = await Database.open(settings.database_target)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())
