"""Background work fills what is idle and steps back as soon as somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.batches import Batches
from consigne.domain.events import Event
from consigne.gateway.metering import Part, Use, within
from consigne.gateway.traffic import Traffic, in_background
from doubles.scripted import START, stop, text

PART = Part("text", "tiny")


async def settled() -> None:
    """Let all that is due happen, timers without delay included."""
    for _ in range(5):
        await asyncio.sleep(0)


async def answer(gate: asyncio.Event) -> AsyncIterator[Event]:
    yield START
    await gate.wait()
    for event in (*text("a"), stop()):
        yield event


async def test_alone_it_uses_all_places():
    traffic = Traffic(3, quiet_s=0)
    tasks = [asyncio.ensure_future(traffic.enter_background()) for _ in range(5)]
    await settled()
    assert [task.done() for task in tasks] == [True, True, True, False, False]
    traffic.leave_background()
    await settled()
    assert tasks[3].done()
    assert not tasks[4].done()
    tasks[4].cancel()
    await asyncio.wait((tasks[4],))
    assert traffic.background == 3


async def test_beside_somebody_who_waits_one_at_a_time():
    traffic, gate = Traffic(3, quiet_s=0), asyncio.Event()
    events = traffic.watched(answer(gate), PART)
    await anext(events)
    assert traffic.online == 1
    await traffic.enter_background()
    second = asyncio.ensure_future(traffic.enter_background())
    await settled()
    assert not second.done()
    traffic.leave_background()
    await settled()
    assert second.done(), "a batch slows down, it does not stand still"
    third = asyncio.ensure_future(traffic.enter_background())
    gate.set()
    assert len([event async for event in events]) == 4
    await settled()
    assert traffic.online == 0
    assert third.done()


async def test_after_an_answer_it_is_quiet_for_a_while(monkeypatch: pytest.MonkeyPatch):
    traffic = Traffic(3, quiet_s=60)
    with traffic.waited_for():
        pass
    tasks = [asyncio.ensure_future(traffic.enter_background()) for _ in range(3)]
    await settled()
    assert [task.done() for task in tasks] == [True, False, False]
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 60)
    await asyncio.gather(*tasks)


async def test_a_reader_who_leaves_is_counted_no_more():
    traffic = Traffic(3, quiet_s=0)
    events = traffic.watched(answer(asyncio.Event()), PART)
    await anext(events)
    await events.aclose()
    assert traffic.online == 0


async def test_an_answer_that_comes_at_once_has_its_first_token_then():
    class AtOnce(Batches[Event]):
        waiting = (START, *text("a"), stop())

        async def _next(self) -> Sequence[Event]:
            found, self.waiting = self.waiting, ()
            return found

        async def aclose(self) -> None:
            pass

    use = Use(lambda _: None, "use_1", "messages")
    with within(use):
        watched = Traffic(3, quiet_s=0).watched(AtOnce(), Part("text", "tiny"))
        assert len(await watched.batch()) == 5
        assert await watched.batch() == ()
    assert use.first > 0
    assert (use.status, use.output) == ("ok", stop().usage.output_tokens)


async def test_work_in_the_background_is_not_somebody_who_waits():
    traffic, gate = Traffic(2, quiet_s=0), asyncio.Event()
    gate.set()

    async def one() -> int:
        seen = 0
        async for _ in traffic.watched(answer(gate), PART):
            seen = max(seen, traffic.online)
        return seen

    with in_background():
        assert await asyncio.ensure_future(one()) == 0
    assert await one() == 1


@pytest.mark.parametrize("granted", [True, False])
async def test_a_waiter_who_gives_up_takes_no_place(granted: bool):
    traffic = Traffic(1, quiet_s=0)
    await traffic.enter_background()
    waiter = asyncio.ensure_future(traffic.enter_background())
    await settled()
    if granted:
        traffic.leave_background()
    waiter.cancel()
    await asyncio.wait((waiter,))
    assert traffic.background == (0 if granted else 1)


@given(steps=st.lists(st.sampled_from(["enter", "leave", "begin", "end", "give up"]), max_size=40))
def test_the_counts_always_hold(steps: list[str]):
    async def play() -> None:
        traffic = Traffic(3, quiet_s=0)
        waiting: list[asyncio.Task[None]] = []
        inside = 0
        online = []
        for step in steps:
            if step == "enter":
                waiting.append(asyncio.ensure_future(traffic.enter_background()))
            elif step == "leave" and inside:
                traffic.leave_background()
                inside -= 1
            elif step == "begin":
                online.append(traffic.waited_for())
                online[-1].__enter__()
            elif step == "end" and online:
                online.pop().__exit__(None, None, None)
            elif step == "give up" and waiting:
                waiting.pop().cancel()
            await settled()
            inside += sum(task.done() for task in waiting)
            waiting = [task for task in waiting if not task.done()]
            assert traffic.background == inside <= 3
            assert traffic.online == len(online)
            # Whoever may go in is in.
            assert not waiting or inside >= (1 if online else 3)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(play())
