"""The one training loop: a budget of wall time, atomic checkpoints, a clean stop, and progress."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import msgspec

from consigne.training.images.files import replaced

_LONGEST_STEP = 10.0
"""Seconds of one step that count at most: a process that was suspended has not trained."""
_AVERAGED = 100
"""Steps that the reported loss is an average of."""


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


class Report(msgspec.Struct, frozen=True):
    """Where a stage stands."""

    stage: str
    step: int
    seconds: float
    budget_seconds: float
    samples_per_second: float
    loss: float
    detail: str = ""


Listener = Callable[[Report], None]


class Trainee(Protocol):
    """What the loop trains: a state that can be stored, and a step."""

    batch: int

    def step(self, index: int, done: float) -> float:
        """Do step number ``index`` when the share ``done`` of the budget is used; give the loss."""
        ...

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that ``state`` gave."""
        ...

    def detail(self) -> str:
        """Return one line on how it goes, for the log."""
        ...


class Stop:
    """Whether somebody asked to stop, by Ctrl-C or SIGTERM; the second time it is at once."""

    def __init__(self) -> None:
        self.asked = False

    def _heard(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Listen to the two signals within the block."""
        before = {
            number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a kill leaves the former one."""
    import torch

    with replaced(path) as partial:
        torch.save(state, partial)


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint that ``save`` wrote."""
    import torch

    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def train(
    stage: str,
    trainee: Trainee,
    checkpoint: Path,
    *,
    minutes: float,
    every_seconds: float,
    listener: Listener,
    stop: Stop,
    report_steps: int = 50,
) -> int:
    """Train until the stage's wall time is used, and return the number of its steps.

    Goes on from the checkpoint where there is one. A larger budget than the one it ended with
    continues it. Raises Interrupted, with all saved, when it was asked to stop.
    """
    step, seconds = 0, 0.0
    if checkpoint.exists():
        stored = read(checkpoint)
        trainee.restore(stored["trainee"])
        step, seconds = stored["step"], stored["seconds"]
    budget, saved_at, losses = minutes * 60, seconds, []
    began, first = seconds, step

    def keep() -> None:
        save(checkpoint, {"trainee": trainee.state(), "step": step, "seconds": seconds})

    while seconds < budget and not stop.asked:
        clock = time.monotonic()
        losses.append(trainee.step(step, seconds / budget))
        step += 1
        seconds += min(time.monotonic() - clock, _LONGEST_STEP)
        if step % report_steps == 0 or seconds >= budget:
            del losses[:-_AVERAGED]
            rate = (step - first) * trainee.batch / max(seconds - began, 1e-9)
            listener(
                Report(
                    stage,
                    step,
                    seconds,
                    budget,
                    rate,
                    sum(losses) / len(losses),
                    trainee.detail(),
                )
            )
        if seconds - saved_at >= every_seconds:
            keep()
            saved_at = seconds
    if step > first:
        keep()
    if stop.asked:
        raise Interrupted
    return step
