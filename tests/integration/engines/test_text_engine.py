"""The text engine on the real model, in its own process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consigne.domain.errors import (
    ContextTooLong,
    EngineCrashed,
    InvalidRequest,
    ModelBroken,
    Overloaded,
)
from consigne.domain.events import (
    Answer,
    AnswerBuilder,
    MessageStart,
    MessageStop,
    TextDelta,
    ToolUseStart,
)
from consigne.domain.messages import (
    Message,
    OutputFormat,
    Request,
    Sampling,
    TextBlock,
    Tool,
    ToolChoice,
)
from consigne.engines.base import InstalledModel, TextEngine
from consigne.engines.pool import EnginePool
from consigne.gateway.judging import CATEGORIES, judge
from consigne.settings import EngineSettings
from support.waiting import until

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0.0)
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def ask(text: str, **fields: Any) -> Request:
    fields = {"sampling": GREEDY, "max_tokens": 24} | fields
    return Request(model="starter", messages=(Message("user", (TextBlock(text),)),), **fields)


async def answer(engine: TextEngine, request: Request) -> Answer:
    built = AnswerBuilder()
    async for event in engine.generate(request):
        built.add(event)
    return built.answer()


def runs(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be read out does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def with_context(model: InstalledModel, context: int) -> InstalledModel:
    manifest = msgspec.structs.replace(model.manifest, context=context, id=f"context-{context}")
    return InstalledModel(model.path, manifest)


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[EnginePool]:
    made = EnginePool(EngineSettings(kv_cache_bytes=2**28))
    yield made
    await made.close()


@pytest.fixture
def engine(pool: EnginePool, starter: InstalledModel) -> TextEngine:
    return pool.text(starter)


async def test_an_answer_comes_in_order_and_is_counted(engine: TextEngine) -> None:
    request = ask("What is the capital of France?")
    events = [event async for event in engine.generate(request)]
    kinds = [type(event).__name__ for event in events]
    assert kinds[:2] == ["MessageStart", "TextStart"]
    assert kinds[-2:] == ["BlockStop", "MessageStop"]
    assert set(kinds[2:-2]) == {"TextDelta"}
    start, stop = events[0], events[-1]
    assert isinstance(start, MessageStart)
    assert isinstance(stop, MessageStop)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "Paris" in text
    assert stop.stop_reason == "end_turn"
    assert start.usage.input_tokens == await engine.count_tokens(request)
    assert stop.usage.output_tokens == len(kinds) - 4 + 1  # each delta is a token; and the end's


async def test_the_same_seed_gives_the_same_answer(engine: TextEngine) -> None:
    def story(seed: int | None) -> Request:
        return ask("Tell me a story.", sampling=Sampling(temperature=1.0, seed=seed))

    first = await answer(engine, story(11))
    again = await answer(engine, story(11))
    other = await answer(engine, story(12))
    drawn = {(await answer(engine, story(None))).message.text for _ in range(3)}
    assert again.message.text == first.message.text
    assert other.message.text != first.message.text
    assert len(drawn) > 1


async def test_a_stop_string_ends_the_answer(engine: TextEngine) -> None:
    request = ask("What is the capital of France?")
    full = (await answer(engine, request)).message.text
    cut = await answer(engine, ask("What is the capital of France?", stop=("tal o", "zzz")))
    assert cut.message.text == full[: full.index("tal o")]
    assert (cut.stop_reason, cut.stop_sequence) == ("stop_sequence", "tal o")


async def test_limits_of_tokens(
    engine: TextEngine, pool: EnginePool, starter: InstalledModel
) -> None:
    story = "Write a long story about the sea."
    cut = await answer(engine, ask(story, max_tokens=5))
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    none = await answer(engine, ask(story, max_tokens=0))
    assert (none.stop_reason, none.usage.output_tokens, none.message.content) == (
        "max_tokens",
        0,
        (),
    )
    small = pool.text(with_context(starter, 64))
    prompt = await small.count_tokens(ask(story))
    full = await answer(small, ask(story, max_tokens=5000))
    assert (full.stop_reason, full.usage.output_tokens) == ("context_full", 64 - prompt)
    with pytest.raises(ContextTooLong, match=r"has \d+ tokens.*at most 64"):
        await answer(small, ask(story * 20))
    await pool.unload("context-64")


async def test_closing_an_answer_stops_the_work(engine: TextEngine, pool: EnginePool) -> None:
    for _ in range(3):
        async with aclosing(engine.generate(ask("Write a story.", max_tokens=None))) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, TextDelta):
                    break
    assert pool.loaded()[0].running == 0
    # An answer of the longest kind would take minutes: what was closed holds up nobody.
    async with asyncio.timeout(60):
        await answer(engine, ask("Hello!", max_tokens=4))


async def test_a_schema_is_kept_to_and_a_cut_answer_says_so(engine: TextEngine) -> None:
    form = OutputFormat("json_schema", PERSON)
    told = await answer(engine, ask("Describe Ada, aged 36.", output=form, max_tokens=200))
    person = json.loads(told.message.text)
    assert set(person) == {"name", "age"}
    assert 0 <= person["age"] <= 120
    assert told.stop_reason == "end_turn"
    cut = await answer(engine, ask("Describe Ada, aged 36.", output=form, max_tokens=4))
    assert cut.stop_reason == "max_tokens"


async def test_a_forced_tool_call_is_one(engine: TextEngine) -> None:
    tool = Tool(
        "get_weather", {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}}
    )
    request = ask(
        "How is the weather in Rome?",
        tools=(tool,),
        tool_choice=ToolChoice("tool", "get_weather"),
        max_tokens=100,
    )
    events = [event async for event in engine.generate(request)]
    assert any(isinstance(event, ToolUseStart) for event in events)
    assert isinstance(events[-1], MessageStop)
    assert events[-1].stop_reason == "tool_use"


async def test_a_grammar_that_explodes_is_refused_and_holds_up_nobody(engine: TextEngine) -> None:
    bomb = {"type": "string", "pattern": "^(([a-z]{1,90}){1,90}){1,90}$"}
    form = OutputFormat(
        "json_schema", {"type": "object", "properties": {"x": bomb}, "required": ["x"]}
    )
    refused = asyncio.create_task(answer(engine, ask("Go.", output=form)))
    async with asyncio.timeout(60):
        assert (await answer(engine, ask("Hello!"))).message.text
    with pytest.raises(InvalidRequest):
        await refused
    assert (await answer(engine, ask("Hello!"))).message.text


async def test_logprobs_of_the_chosen_tokens(engine: TextEngine) -> None:
    told = await answer(engine, ask("What is the capital of France?", logprobs=0))
    assert b"".join(one.token for one in told.logprobs).decode() == told.message.text
    assert all(-30 < one.logprob <= 0 for one in told.logprobs)


async def test_the_likeliest_others_are_told_of_each_chosen_token(engine: TextEngine) -> None:
    """More answers at once than are followed at once, of which one stops and one is left."""
    question = "What is the capital of France?"
    bare = await answer(engine, ask(question, max_tokens=12, logprobs=0))
    stop = bare.message.text.split()[-1]
    streams = [
        ask(question, max_tokens=12, logprobs=3),
        ask(question, max_tokens=12, logprobs=3, whole=True),
        ask(question, max_tokens=12, logprobs=3, stop=(stop,)),
        ask(question, max_tokens=12, logprobs=20, sampling=Sampling(temperature=1.5, seed=3)),
        ask(question, max_tokens=1, logprobs=1),
    ]
    async with aclosing(engine.generate(ask("Tell a story.", logprobs=2))) as left:
        async for event in left:
            if isinstance(event, TextDelta):
                break
    told = await asyncio.gather(*(answer(engine, each) for each in streams))
    for one, asked in zip(told, streams, strict=True):
        for token in one.logprobs:
            assert len(token.top) == asked.logprobs
            values = [value for _, value in token.top]
            assert values == sorted(values, reverse=True)
            assert token.logprob <= values[0]
            assert dict(token.top).get(token.token, token.logprob) == token.logprob
    first, whole, stopped, sampled, single = told
    assert first.message == whole.message == bare.message
    assert first.usage.output_tokens == bare.usage.output_tokens
    for token, exact in zip(bare.logprobs, first.logprobs, strict=True):
        assert token.token == exact.token
        assert abs(token.logprob - exact.logprob) < 0.6  # the pipeline rounds its cache
    first_choices = [exact.token == exact.top[0][0] for exact in first.logprobs]
    assert sum(first_choices) >= len(first_choices) - 2
    assert stopped.stop_reason == "stop_sequence"
    assert stop not in stopped.message.text
    assert any(token.token != token.top[0][0] for token in sampled.logprobs)
    assert len(single.logprobs) == 1


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\ufffe", "😀" * 50, "\ud7ff", "<|im_end|>" * 9, " "]
)
async def test_odd_text_is_read_like_any_other(engine: TextEngine, text: str) -> None:
    assert (await answer(engine, ask(text, max_tokens=2))).usage.output_tokens > 0


async def test_an_empty_prompt_is_refused(engine: TextEngine) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        await answer(engine, Request(model="starter", messages=(), raw_prompt=""))


async def test_values_out_of_range_are_refused_by_name(engine: TextEngine) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await answer(engine, ask("Hello!", sampling=Sampling(top_p=3.0)))
    assert caught.value.param == "top_p"


async def test_a_killed_worker_fails_what_it_was_at_and_the_next_request_is_served(
    engine: TextEngine, pool: EnginePool
) -> None:
    running = engine.generate(ask("Write a story.", max_tokens=500))
    async for event in running:
        if isinstance(event, TextDelta):
            break
    os.kill(pool.loaded()[0].pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="killed by signal 9"):
        async for _ in running:
            pass
    assert "Paris" in (await answer(engine, ask("What is the capital of France?"))).message.text


async def test_ctrl_c_in_the_terminal_is_the_host_s_business(
    engine: TextEngine, pool: EnginePool
) -> None:
    await answer(engine, ask("Hi!", max_tokens=1))
    pid = pool.loaded()[0].pid
    os.kill(pid, signal.SIGINT)
    await answer(engine, ask("Hello!", max_tokens=4))
    assert pool.loaded()[0].pid == pid


HOST = """
import asyncio, sys
from consigne.engines.host import Worker
from consigne.engines.worker.protocol import Load
from consigne.settings import EngineSettings

async def main():
    load = Load(sys.argv[1], "starter", "text", 512, EngineSettings(kv_cache_bytes=2**26))
    worker = await Worker.start(load)
    print(worker.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_worker_dies_with_its_host(starter: InstalledModel) -> None:
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOST, str(starter.path), stdout=asyncio.subprocess.PIPE
    )
    assert host.stdout is not None
    pid = int(await host.stdout.readline())
    assert runs(pid)
    host.kill()
    await host.wait()
    await until(lambda: not runs(pid))


async def test_a_text_is_judged_by_how_likely_the_model_finds_a_yes(
    engine: TextEngine, starter: InstalledModel
) -> None:
    scores = await judge("I will hurt you.", starter.as_model(), engine)
    assert scores.keys() == CATEGORIES.keys()
    assert all(0 < score < 1 for score in scores.values())
    assert len(set(scores.values())) == len(scores), "each is the model's own"


async def test_more_requests_than_run_at_once_wait_their_turn(starter: InstalledModel) -> None:
    pool = EnginePool(EngineSettings(kv_cache_bytes=2**27, max_running=2, max_queued=4))
    engine = pool.text(starter)
    first = [asyncio.create_task(answer(engine, ask("Hi!", max_tokens=4))) for _ in range(6)]
    await until(lambda: pool.loaded() and pool.loaded()[0].queued == 4)
    with pytest.raises(Overloaded):
        await answer(engine, ask("Hi!"))
    assert len(await asyncio.gather(*first)) == 6
    await pool.close()


async def test_a_damaged_model_says_what_is_wrong(starter: InstalledModel, tmp_path: Path) -> None:
    for path in starter.path.iterdir():
        (tmp_path / path.name).symlink_to(path)
    for form in ("openvino_model.xml", "openvino_fused.xml"):
        (tmp_path / form).unlink()
    pool = EnginePool(EngineSettings(kv_cache_bytes=2**27))
    engine = pool.text(InstalledModel(tmp_path, starter.manifest))
    with pytest.raises(ModelBroken, match=r"openvino_model\.xml is missing"):
        await answer(engine, ask("Hi!"))
    (tmp_path / "openvino_model.xml").write_text("<net>")
    with pytest.raises(ModelBroken, match="can't be loaded"):
        await answer(engine, ask("Hi!"))
    await pool.close()


async def test_a_fused_form_that_the_runtime_refuses_is_passed_over(
    starter: InstalledModel, tmp_path: Path
) -> None:
    for path in starter.path.iterdir():
        (tmp_path / path.name).symlink_to(path)
    fused = (starter.path / "openvino_fused.xml").read_text()
    (tmp_path / "openvino_fused.xml").unlink()
    (tmp_path / "openvino_fused.xml").write_text(fused.replace('type="RMS"', 'type="Gone"'))
    pool = EnginePool(EngineSettings(kv_cache_bytes=2**27))
    engine = pool.text(InstalledModel(tmp_path, starter.manifest))
    assert await answer(engine, ask("Hi!", max_tokens=4))
    await pool.close()
