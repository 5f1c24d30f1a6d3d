"""What of the process's memory is put on large pages."""

import mmap
from collections.abc import Iterator
from pathlib import Path

import pytest

from consigne.api.large_pages import PAGE_BYTES, Mapping, gather, mappings

SMAPS = """\
55d000000000-55d000800000 rw-p 00000000 00:00 0                          [heap]
Size:               8192 kB
Rss:                8000 kB
Private_Dirty:      8000 kB
AnonHugePages:         0 kB
VmFlags: rd wr mr mw me ac
7f0000100000-7f0000900000 rw-p 00000000 00:00 0
Size:               8192 kB
Rss:                8192 kB
AnonHugePages:      6144 kB
7f1000000000-7f1000800000 rw-p 00000000 00:00 0
Rss:                 100 kB
AnonHugePages:         0 kB
7f2000000000-7f2000400000 rw-p 00003000 fe:00 1234                       /usr/lib/libx.so
Rss:                4096 kB
7f3000000000-7f3000400000 r-xp 00000000 00:00 0
Rss:                4096 kB
7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]
Rss:                4096 kB
"""


def test_only_the_process_s_own_full_memory_is_wanted() -> None:
    heap, gathered, sparse = mappings(SMAPS)
    assert heap.start == 0x55D000000000
    assert list(heap.pages) == [heap.start + n * PAGE_BYTES for n in range(4)]
    assert (gathered.resident, gathered.large) == (8192 * 1024, 6144 * 1024)
    assert not gathered.pages, "all that can be large is"
    assert not sparse.pages


def test_a_range_begins_and_ends_within_large_pages() -> None:
    begin = 10 * PAGE_BYTES
    ragged = Mapping(begin - 4096, begin + PAGE_BYTES + 4096, PAGE_BYTES + 8192, 0)
    assert list(ragged.pages) == [begin]
    assert not Mapping(begin + 4096, begin + PAGE_BYTES, PAGE_BYTES - 4096, 0).pages


@pytest.fixture
def block() -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, 8 * PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.write(b"\x01" * len(held))
        yield held


def test_full_memory_is_on_large_pages_afterwards(block: mmap.mmap) -> None:
    if not gather():
        pytest.skip("this kernel gives no large pages on request (Linux 6.1 does)")
    smaps = Path("/proc/self/smaps").read_text()
    assert sum(each.large for each in mappings(smaps)) >= 7 * PAGE_BYTES
    assert bytes(block[:]) == b"\x01" * len(block)
