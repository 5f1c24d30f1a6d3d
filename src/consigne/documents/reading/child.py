"""The child process that reads one file: ``MEMORY PATH FILENAME MEDIA_TYPE``; answers on stdout."""

import sys
from pathlib import Path

import msgspec

from consigne.documents.reading.values import Reading, Refusal, Unreadable


def main() -> None:
    """Read the file and write a ``Reading`` or a ``Refusal``."""
    memory, path, filename, media_type = sys.argv[1:5]
    _bound(int(memory))
    found: Reading | Refusal
    try:
        from consigne.documents.reading.formats import read

        found = read(Path(path), filename, media_type)
    except Unreadable as refused:
        found = Refusal(refused.code)
    except MemoryError:
        found = Refusal("too_large")
    except Exception:  # noqa: BLE001 - the readers raise anything at all over a damaged file
        found = Refusal("damaged")
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
    sys.stdout.flush()


def _bound(memory: int) -> None:
    """Let this process take no more memory than that, write no file and leave no core."""
    try:
        import resource
    except ImportError:  # not on Windows; time and output are bounded there all the same
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
