"""What people rely on when they sign in: the link works once, the session lasts, and ends."""

import sqlite3
from pathlib import Path

import pytest

from consigne.business.identity import Identity
from consigne.domain.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from consigne.store.db import Database
from support.clock import Clock

pytestmark = pytest.mark.databases


@pytest.fixture
def identity(db: Database) -> Identity:
    return Identity(db)


async def test_the_first_link_makes_the_owner_and_signs_them_in(identity: Identity):
    assert not await identity.has_owner()
    signed_in = await identity.sign_in(await identity.create_login_link())
    assert await identity.has_owner()
    assert signed_in.caller.role == "owner"
    assert await identity.caller(signed_in.secret) == signed_in.caller
    profile = await identity.profile(signed_in.caller)
    assert (profile.user.id, profile.user.role) == (signed_in.caller.user_id, "owner")


async def test_every_link_without_address_is_for_the_same_owner(identity: Identity):
    first = await identity.sign_in(await identity.create_login_link())
    second = await identity.sign_in(await identity.create_login_link())
    assert first.caller == second.caller
    assert first.secret != second.secret


async def test_a_link_works_once(identity: Identity):
    token = await identity.create_login_link()
    await identity.sign_in(token)
    with pytest.raises(NotAuthenticated, match="used already"):
        await identity.sign_in(token)


async def test_a_link_works_for_fifteen_minutes(identity: Identity, clock: Clock):
    kept, missed = await identity.create_login_link(), await identity.create_login_link()
    clock.move(minutes=14, seconds=59)
    await identity.sign_in(kept)
    clock.move(seconds=1)
    with pytest.raises(NotAuthenticated, match="too old"):
        await identity.sign_in(missed)


@pytest.mark.parametrize("token", ["", "wrong", "x" * 10_000, "é\x00\ud800"])
async def test_a_made_up_token_signs_nobody_in(identity: Identity, token: str):
    await identity.create_login_link()
    with pytest.raises(NotAuthenticated):
        await identity.sign_in(token)
    assert await identity.caller(token) is None


async def test_a_session_in_use_goes_on_and_an_unused_one_ends_after_thirty_days(
    identity: Identity, clock: Clock
):
    secret = (await identity.sign_in(await identity.create_login_link())).secret
    for _ in range(4):
        clock.move(days=29)
        assert await identity.caller(secret) is not None
    clock.move(days=30)
    assert await identity.caller(secret) is None


async def test_signing_out_ends_this_session_alone(identity: Identity):
    here = await identity.sign_in(await identity.create_login_link())
    elsewhere = await identity.sign_in(await identity.create_login_link())
    await identity.sign_out(here.secret)
    assert await identity.caller(here.secret) is None
    assert await identity.caller(elsewhere.secret) == elsewhere.caller


async def test_a_member_signs_in_as_what_they_are(identity: Identity):
    user = await identity.create_user(" Ada@Example.org ", name="Ada", role="admin")
    assert user.email == "ada@example.org"
    signed_in = await identity.sign_in(await identity.create_login_link("ADA@example.org"))
    assert (signed_in.caller.name, signed_in.caller.role) == ("Ada", "admin")
    assert not await identity.has_owner()
    assert await identity.list_users() == [user]


async def test_wrong_people_are_refused_with_the_reason(identity: Identity):
    await identity.create_user("ada@example.org")
    with pytest.raises(Conflict, match="a member already"):
        await identity.create_user("ADA@example.org")
    with pytest.raises(NotFound, match="Nobody here has the address"):
        await identity.create_login_link("bob@example.org")
    with pytest.raises(InvalidRequest, match="role"):
        await identity.create_user("bob@example.org", role="king")
    for address in ("", "bob", "@x", "bob@", "b b@x", "a@b@c"):
        with pytest.raises(InvalidRequest, match="not an e-mail address"):
            await identity.create_user(address)


@pytest.mark.databases("sqlite")
async def test_no_secret_is_kept_in_the_clear(identity: Identity, db: Database, tmp_path: Path):
    token = await identity.create_login_link()
    secret = (await identity.sign_in(token)).secret
    await db.close()
    with sqlite3.connect(tmp_path / "consigne.db") as raw:
        everything = "".join(raw.iterdump())
    raw.close()
    assert "Consigne" in everything
    for word in (token, secret):
        assert word not in everything
        assert word.encode().hex() not in everything.lower()
