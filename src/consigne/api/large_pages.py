"""Large memory pages for what the server's process holds.

Its objects lie all over a hundred megabytes, and each request looks at thousands of them. Where a
hypervisor translates addresses a second time, what the processor looked for in vain among pages of
4 KiB took up to a tenth of a request. The kernel gives pages of 2 MiB to whoever asks
(``MADV_COLLAPSE`` of madvise(2), Linux 6.1); by itself it seldom does, or never.
"""

import asyncio
import ctypes
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

GATHER_EVERY_S: Final = 20.0
"""Seconds between looks for memory that came since."""
PAGE_BYTES: Final = 2 * 2**20

_MADV_COLLAPSE: Final = 25
_FULL: Final = 0.75
"""Resident share from which on a mapping is gathered: stacks are mostly empty and shall stay so."""
_MAPPING: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *(?:\[heap\])?$")


class Mapping(msgspec.Struct, frozen=True):
    """A range of the process's own memory."""

    start: int
    stop: int
    resident: int
    large: int
    """Bytes of it on large pages."""

    @property
    def pages(self) -> range:
        """Where large pages begin in it, if they would fill."""
        first = -(-self.start // PAGE_BYTES) * PAGE_BYTES
        last = self.stop // PAGE_BYTES * PAGE_BYTES
        held = self.resident >= _FULL * (self.stop - self.start)
        return range(first, last if held and self.large < last - first else first, PAGE_BYTES)


async def keep_gathering() -> None:
    """Gather what there is, and what comes, until cancelled; do nothing but on Linux."""
    going = sys.platform == "linux"
    while going:
        going = await asyncio.to_thread(gather)
        await asyncio.sleep(GATHER_EVERY_S)


def gather() -> bool:
    """Put the process's memory on large pages; say whether the kernel does such a thing."""
    try:
        found = list(mappings(Path("/proc/self/smaps").read_text()))
    except OSError:
        return False
    collapse = _collapse()
    wanted = [page for each in found for page in each.pages]
    moved = [page for page in wanted if collapse(page)]
    return bool(moved) or not wanted or any(each.large for each in found)


def mappings(smaps: str) -> Iterator[Mapping]:
    """Yield the anonymous, writable ranges of ``/proc/…/smaps`` (proc(5))."""
    bounds: tuple[int, int] | None = None
    sizes: dict[str, int] = {}
    for line in [*smaps.splitlines(), "0-0 ---p"]:
        name, colon, value = line.partition(":")
        if colon and name.isalpha() and value.endswith(" kB"):
            sizes[name] = int(value[:-3]) * 1024
        elif "-" in line.partition(" ")[0]:
            if bounds is not None:
                yield Mapping(*bounds, sizes.get("Rss", 0), sizes.get("AnonHugePages", 0))
            range_ = _MAPPING.match(line)
            bounds = (int(range_[1], 16), int(range_[2], 16)) if range_ else None
            sizes = {}


def _collapse() -> Callable[[int], bool]:
    """Return what asks for one large page at an address, and says whether it is one now."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return lambda page: madvise(page, PAGE_BYTES, _MADV_COLLAPSE) == 0
