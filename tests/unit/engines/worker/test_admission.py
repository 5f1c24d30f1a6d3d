"""Prompts that would spoil each other's cache enter one after the other, and leave in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.engines.worker.admission import Admission
from consigne.engines.worker.prefixes import Prefixes, Text
from consigne.engines.worker.sizes import BLOCK_TOKENS

CACHE, STEP = 4096, 64


class Bench:
    """An admission over an empty cache; prompts are lists of small numbers."""

    def __init__(self) -> None:
        self.prefixes = Prefixes(CACHE // BLOCK_TOKENS, CACHE)
        self.admission = Admission(self.prefixes, CACHE, STEP)

    def text(self, tokens: list[int]) -> Text:
        return self.prefixes.text(np.array(tokens, np.int64))

    def may(self, tokens: list[int], used: float = 0.0) -> bool:
        return self.admission.may_enter(self.text(tokens), used)

    def enter(self, number: int, tokens: list[int]) -> int:
        return self.admission.enter(number, self.text(tokens))

    def finish(self, number: int, tokens: list[int], generated: list[int]) -> int:
        """Run a request alone to its end; return how many of its tokens were cached."""
        cached = self.enter(number, tokens)
        for _ in range(len(tokens) // STEP + 1):
            self.admission.step()
        self.admission.begin(number)
        self.admission.step()
        self.admission.leave(number, generated)
        return cached


@pytest.fixture
def bench() -> Bench:
    return Bench()


def run(start: int, count: int) -> list[int]:
    return list(range(start, start + count))


def test_prompts_that_share_nothing_enter_together(bench: Bench) -> None:
    for number in range(8):
        prompt = run(1000 * number, 50)
        assert bench.may(prompt)
        bench.enter(number, prompt)


def test_two_prompts_never_go_on_from_the_same_part_filled_block(bench: Bench) -> None:
    bench.finish(1, run(0, 40), run(40, 6))  # ends after 45 tokens: 13 of the second block
    first, second = run(0, 45) + run(500, 30), run(0, 45) + run(900, 30)
    assert bench.may(first)
    assert bench.enter(2, first) == 45
    assert not bench.may(second)
    assert bench.may(run(0, 32) + run(700, 20))  # shares a whole block only
    bench.admission.step()
    assert not bench.may(second)  # it is not yet computed
    bench.admission.step()
    bench.admission.begin(2)
    assert bench.may(second)


def test_prompts_that_go_on_from_a_running_answer_enter_one_by_one(bench: Bench) -> None:
    bench.enter(1, run(0, 40))
    bench.admission.step()
    bench.admission.begin(1)
    first, second = run(0, 40) + run(500, 5), run(0, 40) + run(900, 5)
    assert bench.may(first)
    bench.enter(2, first)
    assert not bench.may(second)


def test_a_long_beginning_in_work_is_waited_for_and_then_found(bench: Bench) -> None:
    shared = run(0, 300)
    bench.enter(1, shared + run(900, 10))
    assert not bench.may(shared + run(500, 10))
    for _ in range(5):
        bench.admission.step()
    bench.admission.begin(1)
    assert bench.may(shared + run(500, 10))
    assert bench.enter(2, shared + run(500, 10)) == 288  # whole blocks


def test_a_prompt_leaves_only_where_its_blocks_are_whole(bench: Bench) -> None:
    bench.enter(1, run(0, 20))
    bench.admission.step()
    bench.admission.begin(1)
    bench.enter(2, run(1000, 500))
    assert bench.admission.may_leave(2)  # untouched
    left = []
    for _ in range(8):
        bench.admission.step()  # 63 tokens a step: one goes to the answer
        left.append(bench.admission.may_leave(2))
    assert left == [63 * n % 32 == 0 or 63 * n >= 500 for n in range(1, 9)]
    assert bench.admission.may_leave(1)


def test_without_room_in_the_cache_a_prompt_waits_for_the_answers(bench: Bench) -> None:
    bench.enter(1, run(0, 40))
    bench.admission.step()
    bench.admission.begin(1)
    assert bench.may(run(1000, 2000), used=0.3)
    assert not bench.may(run(1000, 2000), used=0.6)
    bench.admission.leave(1, [7])
    assert bench.may(run(1000, 2000), used=0.6)  # nothing runs: what is held can be given up


@given(
    first=st.lists(st.integers(0, 3), min_size=1, max_size=120),
    second=st.lists(st.integers(0, 3), min_size=1, max_size=120),
    answer=st.lists(st.integers(0, 3), min_size=1, max_size=40),
)
def test_no_more_is_found_than_was_computed(
    first: list[int], second: list[int], answer: list[int]
) -> None:
    bench = Bench()
    assert bench.finish(1, first, answer) == 0
    cached = bench.enter(2, second)
    computed = first + answer[:-1]
    shared = 0
    while shared < min(len(computed), len(second)) and computed[shared] == second[shared]:
        shared += 1
    assert cached <= min(shared, len(second) - 1)
    assert cached >= min(shared // BLOCK_TOKENS * BLOCK_TOKENS, len(second) - 1)
