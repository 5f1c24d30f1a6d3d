"""A worker's process and our end of its socket, and one that is started ahead of its model.

Imports little, since the command starts a process before it imports anything else.
"""

import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

WORKER_COMMAND: Final = (sys.executable, "-P", "-m", "consigne.engines.worker")
"""``-P``: a file in the working directory must not shadow a module."""


class Process:
    """A process that was given one end of a socket, as its last arguments' number."""

    def __init__(self, command: Sequence[str] = WORKER_COMMAND, *hints: str) -> None:
        """Start it. ``hints``: kinds of models whose libraries it imports before it is told."""
        self.socket, theirs = socket.socketpair()
        try:
            self._popen = subprocess.Popen(
                [*command, str(theirs.fileno()), *hints],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # a terminal's Ctrl-C is for the host alone
            )
        except BaseException:
            self.socket.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._popen.pid

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._popen.poll() is not None

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    async def wait(self, seconds: float | None = None) -> int:
        """Return its exit code once it is over; of a process that is about to be.

        Raises:
            TimeoutError: It lives still.
        """
        import asyncio

        try:
            return await asyncio.to_thread(self._popen.wait, seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None

    def discard(self) -> None:
        """End it, and wait for that."""
        self.socket.close()
        self._popen.kill()
        self._popen.wait()


class _Spare:
    """The process that waits for the first text model, if there is one."""

    process: Process | None = None


def start_ahead() -> None:
    """Start a process for a text model that will be named later.

    It imports the engine meanwhile, which takes it as long as it takes us to know the model.
    """
    _Spare.process = Process(WORKER_COMMAND, "text")


def take() -> Process | None:
    """Return the process that was started ahead, if there is one left."""
    process, _Spare.process = _Spare.process, None
    if process is not None and process.ended:
        process.discard()
        return None
    return process


def discard_ahead() -> None:
    """End the process that was started ahead, if nobody took it."""
    if process := take():
        process.discard()
