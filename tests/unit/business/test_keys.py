"""What an application's owner relies on: a key works, shows once, and stops when revoked."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from consigne.business.identity import Identity
from consigne.business.keys import Keys
from consigne.domain.errors import Conflict, InvalidRequest, NotFound
from consigne.store.db import Database
from support.clock import Clock

pytestmark = pytest.mark.databases


@pytest.fixture
def keys(db: Database) -> Keys:
    return Keys(db)


async def test_a_key_is_recognised_as_its_organisation(keys: Keys):
    key, secret = await keys.create(" billing app ")
    assert secret.startswith("sk-csn-")
    assert secret.endswith(key.hint)
    caller = await keys.authenticate(secret)
    assert caller is not None
    assert (caller.key_id, caller.name, caller.user_id) == (key.id, "billing app", None)
    assert not caller.may_administer


@pytest.mark.parametrize("secret", ["", "sk-csn-", "sk-csn-wrong", "sk-other", "sk-csn-\ud800\x00"])
async def test_a_made_up_secret_is_nobody(keys: Keys, secret: str):
    await keys.create("app")
    assert await keys.authenticate(secret) is None


async def test_a_key_revoked_by_another_process_stops_within_five_seconds(
    keys: Keys, db: Database, clock: Clock
):
    key, secret = await keys.create("app")
    assert await keys.authenticate(secret) is not None
    revoked = await Keys(db).revoke("app")
    assert (revoked.id, revoked.revoked_at) == (key.id, clock.now)
    clock.move(seconds=5)
    assert await keys.authenticate(secret) is None


async def test_a_key_revoked_here_stops_at_once(keys: Keys):
    key, secret = await keys.create("app")
    assert await keys.authenticate(secret) is not None
    await keys.revoke(key.id)
    assert await keys.authenticate(secret) is None
    with pytest.raises(NotFound):
        await keys.revoke("app")


async def test_a_clock_set_back_does_not_prolong_a_revoked_key(
    keys: Keys, db: Database, clock: Clock
):
    _, secret = await keys.create("app")
    assert await keys.authenticate(secret) is not None
    await Keys(db).revoke("app")
    clock.move(hours=-1)
    assert await keys.authenticate(secret) is None


async def test_a_known_key_costs_no_query(keys: Keys, db: Database, monkeypatch):
    _, secret = await keys.create("app")
    caller = await keys.authenticate(secret)
    monkeypatch.setattr(db, "reading", None)
    assert await keys.authenticate(secret) == caller


async def test_a_key_that_many_bring_at_once_costs_one_query(keys: Keys, db: Database, monkeypatch):
    _, secret = await keys.create("app")
    opened, reading = [], db.reading
    monkeypatch.setattr(db, "reading", lambda: opened.append(1) or reading())
    callers = await asyncio.gather(*(keys.authenticate(secret) for _ in range(20)))
    assert len(set(map(id, callers))) == len(opened) == 1


async def test_a_key_revoked_while_it_is_looked_up_is_not_remembered(
    keys: Keys, db: Database, monkeypatch
):
    _, secret = await keys.create("app")
    read, revoked, reading = asyncio.Event(), asyncio.Event(), db.reading

    @asynccontextmanager
    async def slowly():
        async with reading() as session:
            yield session
            read.set()
            await revoked.wait()

    monkeypatch.setattr(db, "reading", slowly)
    looked_up = asyncio.ensure_future(keys.authenticate(secret))
    await read.wait()
    await keys.revoke("app")
    revoked.set()
    assert await looked_up is not None, "it asked before"
    assert await keys.authenticate(secret) is None


async def test_the_list_tells_when_a_key_was_last_used(keys: Keys, clock: Clock):
    _, secret = await keys.create("used")
    clock.move(hours=1)
    await keys.create("unused")
    await keys.authenticate(secret)
    clock.move(hours=1)
    await keys.revoke("unused")
    used, unused = await keys.list()
    assert used.last_used_at is not None
    assert (clock.now - used.last_used_at).total_seconds() == 3600
    assert (unused.name, unused.last_used_at, unused.revoked_at) == ("unused", None, clock.now)


async def test_names_are_told_apart(keys: Keys):
    await keys.create("app")
    with pytest.raises(Conflict, match="named 'app' already"):
        await keys.create("app")
    await keys.revoke("app")
    await keys.create("app")
    for name in ("", "  ", "x" * 101):
        with pytest.raises(InvalidRequest):
            await keys.create(name)


async def test_the_terminal_s_secret_acts_as_the_owner_and_only_in_this_process(
    keys: Keys, db: Database
):
    identity = Identity(db)
    await keys.add_local("sk-csn-local-abc")
    assert await keys.authenticate("sk-csn-local-abc") is None, "there is no owner yet"
    owner = (await identity.sign_in(await identity.create_login_link())).caller
    assert await keys.authenticate("sk-csn-local-abc") == owner
    assert await Keys(db).authenticate("sk-csn-local-abc") is None
    assert await keys.list() == []


async def test_a_key_may_exist_before_the_owner(keys: Keys, db: Database):
    _, secret = await keys.create("first")
    assert not await Identity(db).has_owner()
    caller = await keys.authenticate(secret)
    owner = (await Identity(db).sign_in(await Identity(db).create_login_link())).caller
    assert caller is not None
    assert caller.organisation_id == owner.organisation_id


async def test_no_secret_is_kept_in_the_clear(keys: Keys, db: Database, tmp_path: Path):
    _, secret = await keys.create("app")
    await db.close()
    with sqlite3.connect(tmp_path / "consigne.db") as raw:
        everything = "".join(raw.iterdump())
    raw.close()
    assert secret.removeprefix("sk-csn-") not in everything
