"""One question for all who ask it at the same moment."""

import asyncio

from consigne.business.sharing import Shared
from consigne.domain.errors import Overloaded


class Source:
    """Answers when it is let; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        answer = self.asked
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return answer


async def test_who_asks_the_same_meanwhile_gets_the_same_answer() -> None:
    shared, source = Shared[str, int](), Source()
    many = [asyncio.ensure_future(shared.ask("a", source.ask)) for _ in range(5)]
    other = asyncio.ensure_future(shared.ask("b", source.ask))
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*many, other) == [1] * 5 + [2]
    assert await shared.ask("a", source.ask) == 3


async def test_one_who_gives_up_takes_the_answer_from_nobody() -> None:
    shared, source = Shared[str, int](), Source()
    first, second = (asyncio.ensure_future(shared.ask("a", source.ask)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.open.set()
    assert await second == 1
    assert first.cancelled()


async def test_all_who_wait_are_told_of_an_error_and_the_next_asks_anew() -> None:
    shared, source = Shared[str, int](), Source()
    source.error = Overloaded("The database is busy. Try again.")
    many = [asyncio.ensure_future(shared.ask("a", source.ask)) for _ in range(3)]
    source.open.set()
    found = await asyncio.gather(*many, return_exceptions=True)
    assert all(isinstance(error, Overloaded) for error in found)
    source.error = None
    assert await shared.ask("a", source.ask) == 2


async def test_what_is_out_of_date_is_not_told_to_who_asks_later() -> None:
    shared, source = Shared[str, int](), Source()
    early = asyncio.ensure_future(shared.ask("a", source.ask))
    await asyncio.sleep(0)
    shared.forget()
    late = asyncio.ensure_future(shared.ask("a", source.ask))
    await asyncio.sleep(0)
    source.open.set()
    assert (await early, await late) == (1, 2)
