"""The dated list of image models worth having, with the licence that each is under."""

import importlib.util
import tomllib
from collections.abc import Collection
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from consigne.domain.images import ImageTraits
from consigne.engines.downloads.sources import Facts
from consigne.engines.machine import Machine
from consigne.gateway.catalogue import Note, fits

_TORCH: Final = ("torch", "diffusers")
"""What models in diffusers' form run on, of the extra ``gpu-images``."""


class ImageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An image model of the list."""

    id: str
    name: str
    source: str
    size_bytes: int
    license: str
    license_fr: str = ""
    """The same in French, where it is more than a name."""
    license_url: str
    width: int
    height: int
    steps: int
    guidance: float
    gpu: bool = False
    """Whether it is in diffusers' form, which runs on torch."""
    checked: str
    """What was seen of the model's own pages, when, and what was not."""
    note: Note


class ImageCatalogue(msgspec.Struct, frozen=True):
    """The whole list and its date."""

    as_of: date
    model: tuple[ImageEntry, ...]
    """The least able first."""


class ImageSuggestion(msgspec.Struct, frozen=True, kw_only=True):
    """An image model of the list, judged for one machine."""

    id: str
    name: str
    source: str
    size_bytes: int
    license: Note
    license_url: str
    width: int
    height: int
    steps: int
    note: Note
    fits: bool
    """Whether the machine's memory holds it."""
    runs: bool
    """Whether what it runs on is installed."""
    installed: bool


@lru_cache(maxsize=1)
def image_catalogue() -> ImageCatalogue:
    """Return the list that comes with this version."""
    text = files("consigne.gateway").joinpath("suggested_images.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), ImageCatalogue)


def image_entry(source: str) -> ImageEntry | None:
    """Return what the list has of a source or a name, if it has it."""
    wanted = source.partition("@")[0]
    found = (e for e in image_catalogue().model if wanted in (e.source, e.id))
    return next(found, None)


def suggest_images(
    machine: Machine, *, installed: Collection[str] = (), torch: bool | None = None
) -> list[ImageSuggestion]:
    """Return the list, judged for a machine: first those that fit and run.

    Args:
        machine: The machine.
        installed: Ids of the models that are installed.
        torch: Whether the extra ``gpu-images`` is installed; looked for by default.
    """
    if torch is None:
        torch = all(importlib.util.find_spec(name) for name in _TORCH)
    found = [
        ImageSuggestion(
            id=entry.id,
            name=entry.name,
            source=entry.source,
            size_bytes=entry.size_bytes,
            license=Note(entry.license, entry.license_fr or entry.license),
            license_url=entry.license_url,
            width=entry.width,
            height=entry.height,
            steps=entry.steps,
            note=entry.note,
            fits=fits(entry.size_bytes, machine),
            runs=torch or not entry.gpu,
            installed=entry.id in installed,
        )
        for entry in image_catalogue().model
    ]
    return sorted(found, key=lambda each: not (each.fits and each.runs))


def larger() -> ImageEntry:
    """Return the model to name where the built-in one is too small: what runs on any machine."""
    return next(entry for entry in image_catalogue().model if not entry.gpu)


def image_facts(entry: ImageEntry) -> Facts:
    """Return what the list knows of a model beside its own files."""
    traits = ImageTraits(
        width=entry.width,
        height=entry.height,
        steps=entry.steps,
        guidance=entry.guidance,
        multiple=16 if entry.id.startswith("flux") else 8,
        max_side=max(1024, entry.width),
        edits=True,
        negative=entry.guidance > 1,
    )
    return Facts(id=entry.id, name=entry.name, license=entry.license, image=traits)
