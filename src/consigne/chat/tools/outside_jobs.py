"""The jobs of ``outside``, each run by a process that does nothing else.

Run as ``python -m consigne.chat.tools.outside_jobs JOB MEMORY_BYTES CPU_S``: the input is JSON on
the standard input, and so is the answer on the standard output.
"""

import importlib
import json
import sys
from typing import Any

JOBS = {
    "calculate": "consigne.chat.tools.arithmetic:calculate",
    "read_page": "consigne.chat.tools.pages:read_page",
}


class JobFailed(Exception):
    """The job can't be done; the message says why.

    Of a page ``kind`` is ``forbidden``, ``busy``, ``pdf`` or ``type`` (what is not read), or empty.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def main(job: str, memory_bytes: int, cpu_s: int) -> None:
    """Do one job."""
    _limit(memory_bytes, cpu_s)
    module, name = JOBS[job].split(":")
    body = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        answer = {"answer": getattr(importlib.import_module(module), name)(body)}
    except JobFailed as error:
        answer = {"failed": str(error), "kind": error.kind}
    json.dump(answer, sys.stdout)


def _limit(memory_bytes: int, cpu_s: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time is watched from outside
        return
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    from consigne.chat.tools.outside_jobs import main as run  # one JobFailed, not two

    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
