"""What is told of cached tokens is what the engine computes, and no prompt spoils another's cache.

The engine does not tell how much of a prompt it found in its cache. Told to work on one token a
step, it gives the count away: a prompt's first token comes after as many steps as it computes.
"""

import asyncio
import random
from typing import Any

import numpy as np
import pytest

from consigne.domain.events import AnswerBuilder
from consigne.domain.messages import Message, Request, Sampling, TextBlock
from consigne.engines.base import InstalledModel, TextEngine
from consigne.engines.pool import EnginePool
from consigne.engines.worker.admission import Admission
from consigne.engines.worker.prefixes import Prefixes
from consigne.settings import EngineSettings

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0.0)
BLOCKS = 200


class Engine:
    """The engine alone, one token a step."""

    def __init__(self, model: InstalledModel, blocks: int) -> None:
        import openvino_genai

        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = blocks
        scheduler.max_num_batched_tokens = 1
        scheduler.enable_prefix_caching = True
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            model.path, scheduler, "CPU", {"INFERENCE_NUM_THREADS": 1}
        )
        self._numbers = 0

    def run(self, tokens: list[int], answer: int) -> tuple[int, list[int]]:
        """Return how many of the tokens were found computed, and the answer's tokens."""
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig(max_new_tokens=answer, ignore_eos=True)
        self._numbers += 1
        prompt = openvino.Tensor(np.array([tokens], np.int64))
        handle = self._pipeline.add_request(self._numbers, prompt, config)
        steps = 0
        while not handle.can_read():
            self._pipeline.step()
            steps += 1
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
        return len(tokens) - steps, list(handle.read_all()[0].generated_ids)


class Exact:
    """The engine with arithmetic exact enough that equal answers mean an equal cache."""

    STEP_TOKENS = 64

    def __init__(self, model: InstalledModel, *, cache: bool) -> None:
        import openvino_genai

        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = BLOCKS
        scheduler.max_num_batched_tokens = self.STEP_TOKENS
        scheduler.enable_prefix_caching = cache
        properties = {
            "INFERENCE_PRECISION_HINT": "f32",
            "KV_CACHE_PRECISION": "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
        }
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            model.path, scheduler, "CPU", properties
        )
        self.step = self._pipeline.step

    def add(self, number: int, tokens: list[int], answer: int) -> Any:
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig(max_new_tokens=answer, ignore_eos=True)
        prompt = openvino.Tensor(np.array([tokens], np.int64))
        return self._pipeline.add_request(number, prompt, config)

    def run(self, number: int, tokens: list[int]) -> tuple[int, list[int]]:
        """Return the steps it took, among whatever else runs, and the answer's tokens."""
        handle = self.add(number, tokens, 12)
        steps, answer = 0, []
        while len(answer) < 12:
            self.step()
            steps += 1
            if handle.can_read():
                answer += handle.read()[0].generated_ids
        return steps, answer


def scenario(seed: int) -> list[tuple[list[int], int]]:
    """Prompts that share beginnings with each other and with earlier texts, of odd lengths."""
    pick = random.Random(seed)
    texts = [[pick.randrange(100, 40_000) for _ in range(80)]]
    prompts = []
    for _ in range(12):
        base = pick.choice(texts)
        tail = [pick.randrange(100, 40_000) for _ in range(pick.randrange(0, 40))]
        prompt = (base[: pick.randrange(1, len(base) + 1)] + tail)[:120]
        prompts.append((prompt, pick.choice([1, 2, 5, 9])))
        texts.append(prompt)
    return prompts


def test_the_count_of_cached_tokens_is_the_engine_s(starter: InstalledModel) -> None:
    engine, mirror = Engine(starter, BLOCKS), Prefixes(BLOCKS, 1000)
    told, true, found = [], [], 0
    history: list[int] = []
    for index, (prompt, length) in enumerate(scenario(1)):
        if index % 4 == 3:  # a conversation that goes on
            prompt = history + prompt[:7]
        text = mirror.text(np.array(prompt, np.int64))
        told.append(mirror.cached(text))
        mirror.take(text)
        cached, answer = engine.run(prompt, length)
        true.append(cached)
        found += cached
        mirror.hold(text, ended=False)
        mirror.settle()
        mirror.hold(mirror.extended(text, answer[:-1]), ended=True)
        history = prompt + answer
    assert told == true
    assert found > 0


def say(*turns: str, **fields: Any) -> Request:
    roles = ("user", "assistant")
    messages = tuple(
        Message(roles[index % 2], (TextBlock(turn),)) for index, turn in enumerate(turns)
    )
    fields = {"sampling": GREEDY, "max_tokens": 24} | fields
    return Request(model="starter", messages=messages, **fields)


async def answer(engine: TextEngine, request: Request) -> tuple[str, int]:
    """Return the answer's text and how many tokens of its prompt were cached."""
    built = AnswerBuilder()
    async for event in engine.generate(request):
        built.add(event)
    told = built.answer()
    return told.message.text, told.usage.cached_input_tokens


@pytest.fixture
async def engine(starter: InstalledModel) -> Any:
    made = EnginePool(EngineSettings(kv_cache_bytes=2**28))
    yield made.text(starter)
    await made.close()


async def test_a_conversation_s_next_turn_reads_the_last_from_the_cache(engine: TextEngine) -> None:
    first = "Tell me about the sea."
    text, cached = await answer(engine, say(first))
    assert cached == 0
    begun = await engine.count_tokens(say(first))
    _, cached = await answer(engine, say(first, text, "And the sky?"))
    assert begun <= cached
    _, again = await answer(engine, say(first))
    assert again >= begun // 32 * 32


async def test_branches_of_one_conversation_do_not_mix(engine: TextEngine) -> None:
    """Asked at the same time, each branch is answered as if it were alone."""
    turns = ("Now tell me about mountains.", "Write a Python function that adds two numbers.")
    for length in (10, 11, 12, 13):  # the answer ends in the middle of a block of the cache
        first = f"Tell me about the sea, in {length} words."
        text, _ = await answer(engine, say(first, max_tokens=length))
        branches = [say(first, text, turn, max_tokens=12) for turn in turns]
        (mountains, _), (code, _) = await asyncio.gather(
            *(answer(engine, branch) for branch in branches)
        )
        assert "def " not in mountains
        assert "def " in code


def test_a_prompt_dropped_half_way_leaves_the_cache_true(starter: InstalledModel) -> None:
    """Dropped when it may be, and asked again, it is answered as by an engine without a cache."""
    pick = random.Random(5)
    prompt = [pick.randrange(100, 40_000) for _ in range(300)]
    _, expected = Exact(starter, cache=False).run(1, prompt)
    engine = Exact(starter, cache=True)
    prefixes = Prefixes(BLOCKS, 4000)
    admission = Admission(prefixes, BLOCKS * 32, Exact.STEP_TOKENS)
    others = {number: [pick.randrange(100, 40_000) for _ in range(9)] for number in range(2, 7)}
    handles = {number: engine.add(number, tokens, 80) for number, tokens in others.items()}
    for number, tokens in others.items():
        admission.enter(number, prefixes.text(np.array(tokens, np.int64)))
    for _ in range(3):
        admission.step()
        engine.step()
    for number, handle in handles.items():
        assert handle.can_read()
        admission.begin(number)
    dropped = engine.add(8, prompt, 8)
    admission.enter(8, prefixes.text(np.array(prompt, np.int64)))
    steps = 0
    while not steps or not admission.may_leave(8):
        admission.step()
        engine.step()
        steps += 1
    dropped.cancel()
    assert steps > 1  # it was not at once at the end of a block
    _, told = engine.run(9, prompt)
    assert told == expected


async def test_a_shared_beginning_is_computed_once(engine: TextEngine) -> None:
    long = " ".join(
        f"In year {year} the harbour had {year % 37} ships." for year in range(1500, 1530)
    )
    request = say(
        long + " What is this text about?", sampling=Sampling(temperature=1.0), max_tokens=3
    )
    found = await asyncio.gather(*(answer(engine, request) for _ in range(4)))
    tokens = await engine.count_tokens(request)
    assert sorted(cached for _, cached in found) == [0, tokens - 1, tokens - 1, tokens - 1]
