from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from consigne.business.caller import Caller
from consigne.business.identity import Identity
from consigne.store.db import Database
from doubles.chat_gateway import ChatGateway
from support.chat import Chat


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "consigne.db")
    yield database
    await database.close()


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
