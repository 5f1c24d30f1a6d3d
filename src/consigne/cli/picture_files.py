"""Pictures that commands read: from a file, or from the standard input."""

import sys
from pathlib import Path
from typing import Final

from consigne.domain.errors import OperatorError

PIPED: Final = Path("-")
"""Stands for the standard input, or output."""


def read_picture(path: Path) -> bytes:
    """Return a file's bytes, or what is piped in.

    Raises:
        OperatorError: It can't be read, or nothing is piped in.
    """
    if path == PIPED:
        # A terminal is not read: nobody would know that it waits.
        if sys.stdin is None or sys.stdin.isatty():
            raise OperatorError("'-' reads a picture that is piped in, and nothing is.")
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(f"Can't read {path}: {error.strerror}.") from None
