"""What this machine has to offer: memory, cores and the instructions that matter for models."""

import os
from functools import lru_cache
from pathlib import Path

import msgspec

from consigne.engines.memory import machine_bytes

_CGROUP = Path("/sys/fs/cgroup")
_FEATURES = {
    "avx2": "avx2",
    "avx512f": "avx512",
    "avx512_vnni": "avx512_vnni",
    "avx_vnni": "avx_vnni",
    "avx512_bf16": "bf16",
    "amx_bf16": "amx_bf16",
    "amx_int8": "amx_int8",
    "asimd": "neon",
    "sve": "sve",
    "i8mm": "i8mm",
}
"""The processor's flags as Linux spells them, and as they are shown."""


class Machine(msgspec.Struct, frozen=True):
    """A machine, or the share of one that a container may use."""

    memory_bytes: int
    cores: int
    """Processors that may be used, a container's share rounded up."""
    cpu: str
    """The processor's name; empty where unknown."""
    features: tuple[str, ...] = ()
    """Of ``avx2``, ``avx512``, ``avx512_vnni``, ``bf16``, ``amx_bf16``…"""


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """Return what this process may use, the limits of its control group respected."""
    name, flags = _cpu()
    return Machine(
        memory_bytes=machine_bytes(),
        cores=cores(),
        cpu=name,
        features=tuple(shown for flag, shown in _FEATURES.items() if flag in flags),
    )


def cores() -> int:
    """Return how many processors this process may keep busy."""
    usable = len(os.sched_getaffinity(0))
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        usable = min(usable, max(1, -(-int(quota) // int(period))))
    return usable


def _cpu() -> tuple[str, frozenset[str]]:
    name, flags = "", frozenset[str]()
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        match key.strip():
            case "model name" if not name:
                name = value.strip()
            case "flags" | "Features" if not flags:
                flags = frozenset(value.split())
        if name and flags:
            break
    return name, flags


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
