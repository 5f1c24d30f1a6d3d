"""Reads files in a child process with bounds on time, memory and output.

A file comes from anywhere and its readers are large: whatever one does to them (hang, fill the
memory, crash) ends with the child and is told as a plain error.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from consigne.documents.reading.values import Reading, Refusal
from consigne.domain.errors import InvalidRequest

TIMEOUT_S = 60.0
MEMORY_BYTES = 1536 * 2**20
"""Address space of a child; reading the largest files takes about a third."""
OUTPUT_BYTES = 32 * 2**20
AT_ONCE = 2
"""Most files read at a time; the others wait."""

_REASONS = {
    "empty": "The file is empty.",
    "encrypted": "The file is protected by a password. Remove the password and add it again.",
    "damaged": "The file is damaged or not of the kind its name says. Open and save it anew.",
    "no_text": "The file holds no text, only pictures of pages perhaps. Add a version whose text "
    "can be selected.",
    "unknown": "Files of this kind can't be read here. Add text, PDF, Word, Excel, PowerPoint, "
    "CSV, HTML, code or a picture (PNG, JPEG, WebP, GIF).",
    "old_office": "This is a file of an old Office version. Save it as .docx, .xlsx or .pptx.",
    "too_large": "The file unpacks to more than can be read. Split it and add the parts.",
    "too_slow": "Reading the file takes too long. Split it and add the parts.",
}


class UnreadableFile(InvalidRequest):
    """The file can't be read; the message says what to do."""

    code = "unreadable_file"

    def __init__(self, reason: str) -> None:
        super().__init__(_REASONS[reason], param="file")
        self.reason = reason
        # The page has its own sentence for each.
        self.code = f"unreadable_{reason}"  # type: ignore[misc]


class Reader:
    """Reads files, each in a process of its own."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._room = asyncio.Semaphore(AT_ONCE)

    async def read(self, path: Path, filename: str, media_type: str) -> Reading:
        """Return what is in the file at ``path``, which was called ``filename``.

        Raises:
            UnreadableFile: It is empty, locked, damaged, of no known kind, or too large to read.
        """
        async with self._room:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "consigne.documents.reading.child"),
                *(str(self._memory_bytes), str(path), filename, media_type),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
            )
            try:
                async with asyncio.timeout(self._timeout_s):
                    output = await _at_most(child, OUTPUT_BYTES)
                    code = await child.wait()
            except TimeoutError:
                raise UnreadableFile("too_slow") from None
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        if code != 0:
            raise UnreadableFile("damaged")
        found = msgspec.msgpack.decode(output, type=Reading | Refusal)
        if isinstance(found, Refusal):
            raise UnreadableFile(found.code)
        return found


async def _at_most(child: asyncio.subprocess.Process, most: int) -> bytes:
    assert child.stdout is not None
    output = bytearray()
    while chunk := await child.stdout.read(2**16):
        output += chunk
        if len(output) > most:
            raise UnreadableFile("too_large")
    return bytes(output)


def _environment() -> dict[str, str]:
    """Return the child's environment: no secret of ours, and one thread."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
