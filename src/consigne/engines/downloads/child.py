"""Run a model's preparation in a child process that can be stopped at any point.

The child reads one ``Task`` as a line of JSON and answers with lines of JSON: ``Step`` as it goes
on, then ``Prepared`` or ``Fault``. It ends, with all that it started, when its parent does.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import msgspec

from consigne.domain.errors import OperatorError, from_code
from consigne.engines.base import Manifest
from consigne.engines.downloads.progress import Meter, Phase
from consigne.engines.downloads.sources import Source

_STDERR_KEPT = 4000
_LINE_LIMIT = 2**22


class Task(msgspec.Struct, frozen=True):
    """What the child has to do."""

    source: Source
    work_dir: str
    """The folder to work in; what it holds from a cut run is used again."""
    installed_source: str = ""
    """Where the installed model of this name came from, revision included; empty if none is."""


class Step(msgspec.Struct, frozen=True, tag="step"):
    """A phase has come so far."""

    phase: Phase
    done: int
    total: int


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """The model lies ready in ``folder``, to be moved into the library."""

    folder: str
    manifest: Manifest


class Unchanged(msgspec.Struct, frozen=True, tag="unchanged"):
    """The installed model is the source's newest already."""


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """The preparation failed for a known reason."""

    code: str
    message: str


Outcome = Prepared | Unchanged
Line = Step | Outcome | Fault


async def prepare(task: Task, meter: Meter) -> Outcome:
    """Prepare a model in a child process; cancelling this stops the process at once.

    Raises:
        OperatorError: What stands in the way, and what to do.
        ModelNotSupported: No engine here runs this form of the model.
        ModelBroken: The model's files are damaged.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "consigne.engines.downloads.prepare",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LINE_LIMIT,
    )
    stderr = asyncio.create_task(_tail(process))
    try:
        async with aclosing(_lines(process, task)) as lines:
            async for line in lines:
                match line:
                    case Step():
                        meter.update(line.phase, line.done, line.total)
                    case Prepared() | Unchanged():
                        return line
                    case Fault():
                        raise from_code(line.code, line.message)
        await process.wait()
        raise OperatorError(_ended(process.returncode, await stderr))
    finally:
        await _stop(process)
        await stderr


async def _lines(process: asyncio.subprocess.Process, task: Task) -> AsyncGenerator[Line]:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        await process.stdin.drain()
    async for line in process.stdout:
        yield msgspec.json.decode(line, type=Line)


async def _tail(process: asyncio.subprocess.Process) -> str:
    """Read the child's standard error, so that it never blocks, and keep its end."""
    assert process.stderr is not None
    kept = b""
    while chunk := await process.stderr.read(4096):
        kept = (kept + chunk)[-_STDERR_KEPT:]
    return kept.decode("utf-8", "replace").strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _ended(returncode: int | None, stderr: str) -> str:
    if returncode == -signal.SIGKILL:
        return (
            "The installation was killed by the system, most likely for want of memory. "
            "Free some, or choose a smaller model (consigne models suggest)."
        )
    last = stderr.splitlines()[-1] if stderr else f"exit code {returncode}"
    return f"The installation failed unexpectedly: {last}"
