"""The server that ``run.py`` tries: the dialects on a scripted model, in a process of its own."""

import sys
import tempfile
from collections import deque
from pathlib import Path

from doubles.scripted import ScriptedGateway
from support.storage import served_storage


def main() -> None:
    """Serve until standard input ends."""
    gateway = ScriptedGateway()
    gateway.requests = deque(maxlen=1)  # type: ignore[assignment]
    with (
        tempfile.TemporaryDirectory() as folder,
        served_storage(Path(folder), gateway) as (url, storage),
    ):
        print(url, storage.secrets["owner"], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
