"""What an operator relies on: a key does what it was made for, until its end, and no more."""

from datetime import timedelta

import pytest

from consigne.business.grants import SCOPES, parse_life, parse_models, parse_scopes
from consigne.business.keys import Keys, NewKey
from consigne.domain.errors import InvalidRequest, NotAuthenticated
from consigne.settings import LimitSettings
from consigne.store.db import Database
from support.clock import Clock

pytestmark = pytest.mark.databases


async def test_a_key_without_bounds_has_no_grant(db: Database) -> None:
    _, secret = await Keys(db).create("free")
    caller = await Keys(db).authenticate(secret)
    assert caller is not None
    assert caller.grant is None


async def test_a_bounded_key_is_recognised_with_its_bounds(db: Database) -> None:
    may = NewKey(scopes=("embed", "models"), models=("tiny",), tokens_per_minute=500)
    key, secret = await Keys(db).create("bounded", may)
    caller = await Keys(db).authenticate(secret)
    assert caller is not None
    assert caller.grant is not None
    assert caller.grant.scopes == {"embed", "models"}
    assert caller.grant.models == {"tiny"}
    assert caller.grant.limits.tokens == 500
    (listed,) = await Keys(db).list()
    assert listed.id == key.id
    assert (listed.scopes, listed.models) == (("embed", "models"), ("tiny",))


async def test_a_key_ends_when_its_time_is_over_also_while_it_is_remembered(
    db: Database, clock: Clock
) -> None:
    keys = Keys(db)
    key, secret = await keys.create("short", NewKey(expires_in=timedelta(seconds=3)))
    assert key.state(clock.now) == "in use"
    assert await keys.authenticate(secret) is not None
    clock.move(seconds=3)
    assert key.state(clock.now) == "expired"
    for each in (keys, Keys(db)):
        with pytest.raises(NotAuthenticated, match="expired on 2026-11-23 at 09:30 UTC"):
            await each.authenticate(secret)


async def test_the_settings_limits_hold_where_a_key_has_none_of_its_own(db: Database) -> None:
    keys = Keys(db, LimitSettings(requests_per_minute=10, tokens_per_minute=100))
    _, plain = await keys.create("plain")
    _, own = await keys.create("own", NewKey(requests_per_minute=0, tokens_per_minute=7))
    limits = []
    for secret in (plain, own):
        caller = await keys.authenticate(secret)
        assert caller is not None
        assert caller.grant is not None
        limits.append((caller.grant.limits.requests, caller.grant.limits.tokens))
    assert limits == [(10, 100), (0, 7)]


def test_lengths_of_time() -> None:
    assert parse_life("90d") == timedelta(days=90)
    assert parse_life(" 12h ") == timedelta(hours=12)
    assert parse_life("2w") == timedelta(weeks=2)
    for wrong in ("", "0d", "-1d", "90", "1y", "1d2h", "9999999w", "٣d"):
        with pytest.raises(InvalidRequest):
            parse_life(wrong)


def test_scopes_and_models_are_checked() -> None:
    assert parse_scopes(["models", " generate"]) == ("generate", "models")
    assert parse_scopes(SCOPES) == SCOPES
    assert parse_models(["b", "a", "b", " "]) == ("b", "a")
    for wrong in ([], ["all"], ["generate", "write"]):
        with pytest.raises(InvalidRequest):
            parse_scopes(wrong)
    for models in ([], [" "], ["x" * 257], [str(i) for i in range(101)]):
        with pytest.raises(InvalidRequest):
            parse_models(models)
