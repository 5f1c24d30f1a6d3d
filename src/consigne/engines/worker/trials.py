"""Grammars on trial (see ``grammars``): given to the compiling process, judged when it answers."""

import socket
import subprocess
import sys
import time
from collections import OrderedDict, deque
from pathlib import Path
from typing import Final

import msgspec

from consigne.engines.prompts.prompt import Grammar
from consigne.engines.worker.grammars import Trial, Verdict
from consigne.engines.worker.protocol import Frames, frame

MOST_SECONDS: Final = 5.0
"""A grammar that takes longer to compile is refused: it would hold up the model as long again."""

_STARTING_SECONDS: Final = 20.0
"""What the compiling process may take to start, besides."""
_REMEMBERED: Final = 512
_TOO_LONG: Final = (
    "it takes too long to compile. Fewer alternatives, smaller repetition counts and less "
    "nesting make it simpler."
)


class Trials:
    """Tries grammars one after the other, in the background; remembers those that passed."""

    def __init__(self, folder: Path, tokens: int) -> None:
        """Prepare trials for the model in ``folder``, which knows ``tokens`` tokens."""
        self._command = (folder, tokens)
        self._queue: deque[Trial] = deque()
        self._deadline = 0.0
        self._passed: OrderedDict[Grammar, None] = OrderedDict()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._frames = Frames()
        self._fresh = True

    @property
    def pending(self) -> bool:
        """Whether a grammar waits for its verdict."""
        return bool(self._queue)

    def passed(self, grammar: Grammar) -> bool:
        """Say whether a grammar has compiled before."""
        if grammar not in self._passed:
            return False
        self._passed.move_to_end(grammar)
        return True

    def submit(self, number: int, grammar: Grammar) -> None:
        """Put a request's grammar on trial."""
        self._queue.append(Trial(number, grammar))
        if len(self._queue) == 1:
            self._begin()

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts that have come since the last call."""
        found: list[Verdict] = []
        while self._queue and (verdict := self._verdict()):
            trial = self._queue.popleft()
            if verdict.fault is None:
                self._passed[trial.grammar] = None
                if len(self._passed) > _REMEMBERED:
                    self._passed.popitem(last=False)
            found.append(verdict)
            if self._queue:
                self._begin()
        return found

    def close(self) -> None:
        """End the compiling process."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._socket = None

    def _begin(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._socket is not None
        allowed = MOST_SECONDS + (_STARTING_SECONDS if self._fresh else 0.0)
        self._deadline = time.monotonic() + allowed
        self._socket.setblocking(True)
        try:
            self._socket.sendall(frame(msgspec.msgpack.encode(self._queue[0])))
        except OSError:
            self._deadline = 0.0  # it died in this moment: the trial counts as failed
        self._socket.setblocking(False)

    def _start(self) -> None:
        self.close()
        ours, theirs = socket.socketpair()
        folder, tokens = self._command
        module = "consigne.engines.worker.grammars"
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    module,
                    str(theirs.fileno()),
                    str(folder),
                    str(tokens),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket, self._frames, self._fresh = ours, Frames(), True

    def _verdict(self) -> Verdict | None:
        """Return the verdict on the first of the queue, if there is one now."""
        assert self._socket is not None
        number = self._queue[0].number
        try:
            data = self._socket.recv(2**16)
        except BlockingIOError:
            if time.monotonic() < self._deadline:
                return None
            self.close()
            return Verdict(number, _TOO_LONG)
        except OSError:
            data = b""
        if not data:
            self.close()
            return Verdict(number, "compiling it takes too much memory.")
        for body in self._frames.feed(data):
            self._fresh = False
            return msgspec.msgpack.decode(body, type=Verdict)
        return None
