"""Work on behalf of a model, in a process of its own that has little memory and little time.

A call costs the start of a Python process (70 ms, 1 to 2 s where it reads a page); the server's
own process computes nothing that a model or a page of the web thought up.
"""

import asyncio
import os
import sys
from typing import Any

import msgspec

from consigne.chat.tools.base import ToolFailed

MEMORY_BYTES = 512 * 2**20
LARGEST_ANSWER = 4 * 2**20


async def outside(job: str, body: Any, *, cpu_s: int = 10) -> Any:
    """Return what a job of ``outside_jobs`` answers, as JSON values.

    The process ends with the task that waits for it.

    Raises:
        ToolFailed: The job could not be done, or took more than it may.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "consigne.chat.tools.outside_jobs"),
        *(job, str(MEMORY_BYTES), str(cpu_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
        limit=LARGEST_ANSWER,
    )
    try:
        answer, _ = await process.communicate(msgspec.json.encode(body))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not answer:
        raise ToolFailed("That takes more time or memory than there is for it.")
    told: dict[str, Any] = msgspec.json.decode(answer)
    if "failed" in told:
        raise ToolFailed(told["failed"], told["kind"])
    return told["answer"]


def _environment() -> dict[str, str]:
    """No secret of the server's environment is given on."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}
