"""The host's side of a worker process: what it says, and what happens when it dies."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from consigne.domain.errors import ContextTooLong, EngineCrashed, InvalidRequest, ModelBroken
from consigne.domain.events import MessageStop, TextDelta
from consigne.domain.messages import Message, Request, TextBlock, Tool
from consigne.engines.host import Worker
from consigne.engines.worker.protocol import Load
from consigne.settings import EngineSettings
from support.waiting import until

SCRIPT = Path(__file__).parents[2] / "doubles" / "scripted_worker.py"
COMMAND = (sys.executable, str(SCRIPT))


def load(model_id: str = "tiny") -> Load:
    return Load("/nowhere", model_id, "text", 2048, EngineSettings())


def say(text: str) -> Request:
    return Request(model="tiny", messages=(Message("user", (TextBlock(text),)),))


async def answer(worker: Worker, text: str) -> str:
    events = [event async for event in worker.generate(say(text))]
    assert isinstance(events[-1], MessageStop)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    started = await Worker.start(load(), COMMAND)
    yield started
    await started.close()
    assert not alive(started.pid)


async def test_requests_are_answered_side_by_side(worker: Worker) -> None:
    answers = await asyncio.gather(*(answer(worker, f"echo {n}") for n in range(20)))
    assert answers == [f"echo {n}" for n in range(20)]
    assert await worker.count_tokens(say("x")) == 42


async def test_vectors_come_back_in_rows(worker: Worker) -> None:
    found = await worker.embed(["a", "b"])
    assert found.vectors == ((1.0, 0.0), (1.0, 0.0))
    assert found.input_tokens == 3


async def test_a_refusal_is_the_caller_s_own_error(worker: Worker) -> None:
    with pytest.raises(ContextTooLong, match="Too long") as caught:
        await answer(worker, "refuse")
    assert caught.value.param == "messages"
    assert await answer(worker, "echo on") == "echo on"


async def test_closing_an_answer_cancels_it_in_the_worker(worker: Worker) -> None:
    async with aclosing(worker.generate(say("hold"))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert await answer(worker, "cancelled") == "[1]"


async def test_an_answer_read_to_its_end_is_not_cancelled(worker: Worker) -> None:
    await answer(worker, "echo")
    assert await answer(worker, "cancelled") == "[]"


async def test_a_worker_that_dies_fails_its_requests_and_says_how() -> None:
    worker = await Worker.start(load(), COMMAND)
    held = worker.generate(say("hold"))
    seen = [await anext(held) for _ in range(3)]
    assert isinstance(seen[-1], TextDelta)
    with pytest.raises(EngineCrashed, match="killed by signal 9"):
        await answer(worker, "die")
    with pytest.raises(EngineCrashed, match="killed by signal 9"):
        await anext(held)
    assert not worker.alive
    with pytest.raises(EngineCrashed):
        await answer(worker, "echo")
    await worker.close()


async def test_a_kill_from_outside_is_noticed_without_a_request(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: not worker.alive)


async def test_a_model_that_can_t_be_loaded_says_why() -> None:
    with pytest.raises(ModelBroken, match="The model is broken"):
        await Worker.start(load("broken"), COMMAND)
    with pytest.raises(EngineCrashed, match="ended with code 3"):
        await Worker.start(load("fatal"), COMMAND)


async def test_a_load_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    starting = asyncio.create_task(Worker.start(load("slow"), COMMAND))
    children = await until(_children)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not any(alive(pid) for pid in children)


async def test_what_no_frame_can_carry_is_refused_at_once(worker: Worker) -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        await answer(worker, "echo \ud800")
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"items": deep}
    for schema in ({"maximum": 2**70}, deep):
        request = Request(model="tiny", messages=(), tools=(Tool("t", schema),))
        with pytest.raises(InvalidRequest):
            async for _ in worker.generate(request):
                pass
    assert await answer(worker, "echo on") == "echo on"


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in listed}
    return [pid for pid, command in commands.items() if str(SCRIPT).encode() in command]
