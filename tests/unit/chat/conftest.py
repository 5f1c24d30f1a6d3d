import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from consigne.business.caller import Caller
from consigne.business.identity import Identity
from consigne.store.db import Database
from doubles.chat_gateway import ChatGateway
from support.chat import Chat


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A new database: SQLite, or the PostgreSQL that TEST_POSTGRESQL names, which is emptied."""
    if url := os.environ.get("TEST_POSTGRESQL"):
        await emptied(url)
    database = await Database.open(url or tmp_path / "consigne.db")
    yield database
    await database.close()


async def emptied(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


@pytest.fixture
async def caller(db: Database) -> Caller:
    identity = Identity(db)
    return (await identity.sign_in(await identity.create_login_link())).caller


@pytest.fixture
def gateway() -> ChatGateway:
    return ChatGateway()


@pytest.fixture
async def chat(db: Database, gateway: ChatGateway, caller: Caller) -> AsyncIterator[Chat]:
    chat = Chat(db, gateway, caller)
    yield chat
    await chat.runs.close()


@pytest.fixture
def make_member(db: Database) -> Callable[[str], Awaitable[Caller]]:
    """Make another person of the same organisation."""

    async def make(email: str) -> Caller:
        identity = Identity(db)
        await identity.create_user(email)
        return (await identity.sign_in(await identity.create_login_link(email))).caller

    return make
