"""The dated list of models worth having, and which of them suit a machine."""

import time
import tomllib
from collections.abc import Collection
from datetime import date
from functools import lru_cache
from importlib.resources import files

import msgspec

from consigne.engines.downloads.sources import Facts
from consigne.engines.machine import Machine, this_machine

READABLE = 6.0
"""Tokens per second below which people wait for the text: about the pace of reading."""
_RUNTIME_BYTES = 1.5e9
"""Memory beside the weights: attention cache, working memory, the library itself."""
_SHARE_FOR_MODELS = 0.7
_BYTES_PER_CORE_S = {"avx512": 5e9, "avx2": 2.5e9}
"""Weights that one core unpacks and multiplies in a second, by its widest instructions."""
_BYTES_PER_CORE_S_OTHER = 1.5e9
_SHARE_OF_BANDWIDTH = 0.7
"""What inference gets of the memory bandwidth that plain reading gets."""


class Note(msgspec.Struct, frozen=True):
    """A sentence for people, in each language of the web app."""

    en: str
    fr: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the list."""

    id: str
    name: str
    source: str
    size_bytes: int
    read_bytes: int
    """Weights that are read for each token."""
    parameters: int
    context: int
    license: str
    languages: tuple[str, ...]
    note: Note


class Catalogue(msgspec.Struct, frozen=True):
    """The whole list and its date."""

    as_of: date
    model: tuple[Entry, ...]
    """The least able first."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the list, judged for one machine."""

    id: str
    name: str
    source: str
    size_bytes: int
    parameters: int
    context: int
    license: str
    languages: tuple[str, ...]
    note: Note
    expected_tokens_per_s: float
    """An estimate for one answer at a time (see ``expected_speed``)."""
    fits: bool
    """Whether the machine's memory holds it."""
    recommended: bool
    """The most able that fits and writes as fast as people read; at most one."""
    installed: bool


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the list that comes with this version."""
    text = files("consigne.gateway").joinpath("suggested.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Catalogue)


def facts_of(source: str) -> Facts:
    """Return what the list knows of a source beside the model's own files; empty if nothing."""
    for entry in catalogue().model:
        if entry.source == source.partition("@")[0]:
            return Facts(
                id=entry.id,
                name=entry.name,
                license=entry.license,
                languages=entry.languages,
                parameters=entry.parameters,
            )
    from consigne.gateway.image_catalogue import image_entry, image_facts

    found = image_entry(source)
    return image_facts(found) if found else Facts()


def suggest(
    machine: Machine, *, bandwidth: float | None = None, installed: Collection[str] = ()
) -> list[Suggestion]:
    """Return the list, judged for a machine: the recommended one first, then those that fit.

    Args:
        machine: The machine.
        bandwidth: Its memory bandwidth in bytes per second; measured on this one by default.
        installed: Ids of the models that are installed.
    """
    bandwidth = memory_bandwidth() if bandwidth is None else bandwidth
    judged = [_judge(entry, machine, bandwidth, installed) for entry in catalogue().model]
    able = [s for s in judged if s.fits and s.expected_tokens_per_s >= READABLE]
    if able:
        best = able[-1]
        judged[judged.index(best)] = msgspec.structs.replace(best, recommended=True)
    return sorted(judged, key=lambda s: (not s.recommended, not s.fits))


def expected_here(ids: Collection[str]) -> dict[str, float]:
    """Return the tokens per second to expect on this machine of those models that are listed."""
    listed = [entry for entry in catalogue().model if entry.id in ids]
    if not listed:
        return {}
    machine, bandwidth = this_machine(), memory_bandwidth()
    return {each.id: expected_speed(each.read_bytes, machine, bandwidth) for each in listed}


def fits(size_bytes: int, machine: Machine) -> bool:
    """Say whether a machine's memory holds a model of this size, beside all else."""
    return size_bytes + _RUNTIME_BYTES <= _SHARE_FOR_MODELS * machine.memory_bytes


def expected_speed(read_bytes: int, machine: Machine, bandwidth: float) -> float:
    """Return the tokens per second to expect of one answer at a time.

    Each token reads the weights once, so the speed is ``min(C, M) / read_bytes``: ``C`` is what
    the cores unpack and multiply (5 GB/s a core with AVX-512, 2.5 with AVX2, 1.5 without), ``M``
    is 70 % of the memory's bandwidth. The attention cache is left out, which is right for short
    conversations. C was set by the starter model: 118 tokens/s of 100 MB on two AVX-512 cores.
    """
    widest = next((_BYTES_PER_CORE_S[f] for f in _BYTES_PER_CORE_S if f in machine.features), None)
    cores = machine.cores * (widest or _BYTES_PER_CORE_S_OTHER)
    return min(cores, _SHARE_OF_BANDWIDTH * bandwidth) / read_bytes


@lru_cache(maxsize=1)
def memory_bandwidth() -> float:
    """Return this machine's memory bandwidth in bytes per second: the best of three short reads.

    It reads 256 MB, more than the caches hold, with up to four threads; takes about 0.2 s once.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from consigne.engines.machine import cores

    threads = min(4, cores())
    parts = [np.ones(2**28 // 8 // threads, dtype=np.int64) for _ in range(threads)]
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            began = time.perf_counter()
            list(pool.map(np.max, parts))
            best = max(best, 2**28 / (time.perf_counter() - began))
    return best


def _judge(
    entry: Entry, machine: Machine, bandwidth: float, installed: Collection[str]
) -> Suggestion:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    read_bytes = fields.pop("read_bytes")
    return Suggestion(
        **fields,
        expected_tokens_per_s=round(expected_speed(read_bytes, machine, bandwidth), 1),
        fits=fits(entry.size_bytes, machine),
        recommended=False,
        installed=entry.id in installed,
    )
