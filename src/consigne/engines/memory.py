"""How much memory there is, and how much a model needs."""

from pathlib import Path
from typing import Final

from consigne.engines.base import InstalledModel
from consigne.settings import EngineSettings

_SHARE: Final = 0.7
"""Of the machine's memory, for models, where the settings leave it open."""
PROCESS_BYTES: Final = 250 * 2**20
"""What a worker needs besides weights and attention cache: interpreter, runtime, buffers."""
WEIGHTS_FACTOR: Final = 1.15
"""The runtime lays weights out anew for the processor, with some padding."""

_ACTIVATION_BYTES_PER_PIXEL: Final = 4096
"""A few layers of 128 to 256 channels in 32 bits, of the decoder's widest stage."""


def budget(settings: EngineSettings) -> int:
    """Return how many bytes all loaded models together may take."""
    return settings.memory or int(machine_bytes() * _SHARE)


def machine_bytes(root: Path = Path("/")) -> int:
    """Return how much memory this process may use: the machine's, or its control group's."""
    found = [_physical(root), _cgroup(root / "sys/fs/cgroup/memory.max")]
    found.append(_cgroup(root / "sys/fs/cgroup/memory/memory.limit_in_bytes"))
    return min((size for size in found if size), default=8 * 2**30)


def needed(model: InstalledModel, settings: EngineSettings) -> int:
    """Estimate how many bytes a model takes when it is loaded and busy."""
    weights = model.manifest.size_bytes or _folder_bytes(model.path)
    match model.manifest.modality:
        case "text":
            extra = settings.kv_cache_bytes
        case "image":
            extra = _drawing_bytes(model)
        case "embedding":
            extra = 0
    return int(weights * WEIGHTS_FACTOR) + extra + PROCESS_BYTES


def _drawing_bytes(model: InstalledModel) -> int:
    """Return the room for a picture's activations: the decoder's at full size are the largest."""
    traits = model.manifest.image
    pixels = traits.width * traits.height if traits else 512 * 512
    return pixels * _ACTIVATION_BYTES_PER_PIXEL


def resident_bytes(pid: int) -> int:
    """Return how many bytes of memory a process holds; 0 where that can't be read."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def available_bytes() -> int:
    """Return how many bytes could be taken now without swapping; plenty where that is unknown."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 2**62


def _physical(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _cgroup(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
