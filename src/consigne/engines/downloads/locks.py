"""One installation of a model at a time, also between processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consigne.domain.errors import Conflict


@contextmanager
def locked(work_dir: Path) -> Iterator[None]:
    """Hold the lock of a work folder; the system frees it when the process ends, however it ends.

    Raises:
        Conflict: Another process, or another task of this one, holds it.
    """
    path = work_dir.with_name(f"{work_dir.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace") or "unknown"
            raise Conflict(
                f"This model is being installed already, by the process {holder}. "
                "Wait for it, or end that process and try again."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
