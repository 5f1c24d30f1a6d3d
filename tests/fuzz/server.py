"""The server that ``run.py`` tries: the dialects on a scripted model, in a process of its own."""

import sys
from collections import deque

from doubles.scripted import ScriptedGateway
from support.dialects import served


def main() -> None:
    """Serve until standard input ends."""
    gateway = ScriptedGateway()
    gateway.requests = deque(maxlen=1)  # type: ignore[assignment]
    with served(gateway) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
