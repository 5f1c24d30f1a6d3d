"""What a rate limit promises: never more than it says over time, and never less than is free."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.business import limits as limits_module
from consigne.business.grants import RateLimits
from consigne.business.limits import Account, Limiter
from consigne.domain.errors import RateLimited
from consigne.domain.usage import Usage
from support.clock import Clock, held_clock


def left(account: Account) -> dict[str, int]:
    return {s.kind: s.remaining for s in account.standings()}


def test_requests_are_counted_and_come_back_evenly(clock: Clock) -> None:
    account = Account(RateLimits(requests=60))
    for _ in range(60):
        account.take_request()
    with pytest.raises(RateLimited, match="60 requests a minute") as refused:
        account.take_request()
    assert refused.value.retry_after == pytest.approx(1)
    clock.move(seconds=1)
    account.take_request()
    with pytest.raises(RateLimited):
        account.take_request()
    clock.move(minutes=10)
    assert left(account) == {"requests": 60}


def test_an_estimate_is_settled_with_what_was_used_once(clock: Clock) -> None:
    account = Account(RateLimits(tokens=1000, output_tokens=200))
    reserved = account.reserve(100, 150)
    assert left(account) == {"tokens": 750, "output_tokens": 50}
    with pytest.raises(RateLimited, match="output tokens"):
        account.reserve(10, 51)
    assert left(account) == {"tokens": 750, "output_tokens": 50}, "all or nothing"
    reserved.settle(Usage(90, 0, 10))
    reserved.settle(Usage(90, 0, 10))
    assert left(account) == {"tokens": 900, "output_tokens": 190}


def test_what_was_used_beyond_the_estimate_is_waited_for(clock: Clock) -> None:
    account = Account(RateLimits(tokens=600))
    account.reserve(10, 10).settle(Usage(10, 0, 1190))
    with pytest.raises(RateLimited) as refused:
        account.reserve(1, 0)
    assert refused.value.retry_after == pytest.approx(60.1)
    assert account.standings()[0].reset_s == pytest.approx(120)


def test_a_request_larger_than_the_limit_is_let_through_when_all_is_there(clock: Clock) -> None:
    account = Account(RateLimits(input_tokens=100))
    account.reserve(5000, 0).settle(Usage(5000, 0, 1))
    with pytest.raises(RateLimited):
        account.reserve(5000, 0)


def test_accounts_are_bounded_and_those_in_use_are_kept(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "MAX_ACCOUNTS", 10)
    limiter = Limiter()
    busy = limiter.account("busy", RateLimits(requests=1))
    busy.take_request()
    for number in range(100):
        limiter.account(f"idle {number}", RateLimits(requests=1))
    assert limiter.account("busy", RateLimits(requests=1)) is busy
    assert len(limiter._accounts) <= 11


@given(
    limit=st.integers(1, 1000),
    steps=st.lists(
        st.tuples(st.floats(-5, 30), st.integers(0, 300), st.integers(0, 300)), max_size=60
    ),
)
def test_over_any_time_no_more_is_used_than_the_limit_and_one_overrun(
    limit: int, steps: list[tuple[float, int, int]]
) -> None:
    with held_clock() as clock:
        account = Account(RateLimits(tokens=limit))
        begun, used, largest = clock.now, 0, 0
        latest = begun
        for wait, estimate, actual in steps:
            clock.move(seconds=wait)
            latest = max(latest, clock.now)
            try:
                account.reserve(estimate, 0).settle(Usage(actual))
            except RateLimited as error:
                assert error.retry_after > 0  # noqa: PT017 - it depends on what came before
                continue
            used += actual
            largest = max(largest, actual)
            back = sum(-w for w, _, _ in steps if w < 0)
            minutes = ((latest - begun).total_seconds() + back) / 60
            assert used <= limit + minutes * limit + largest + 1
            assert 0 <= left(account)["tokens"] <= limit
