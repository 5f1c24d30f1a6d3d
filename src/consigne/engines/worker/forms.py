"""The forms in which the pipeline can load a model."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.engines.gguf import fused

_BESIDE: Final = ("openvino_model.bin", "config.json", "generation_config.json")
"""What the pipeline reads in a model's folder, but for the graph and the tokenizer."""


class Form(msgspec.Struct, frozen=True):
    """A folder that the pipeline can load, and what it must be told for it."""

    folder: Path
    properties: dict[str, Any] = {}


@contextmanager
def fused_form(folder: Path, device: str) -> Iterator[Form | None]:
    """Give a model's fused form where this runtime wrote it; the folder lasts for the block.

    It holds operations of the CPU's plugin, which must be named to be read.
    """
    plugin = _cpu_plugin() if device == "CPU" else None
    if plugin is None or fused.version_of(folder / fused.FILE_NAME) != _version():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="consigne-model-") as scratch:
        form = Path(scratch)
        try:
            (form / "openvino_model.xml").symlink_to(folder.resolve() / fused.FILE_NAME)
            for name in _BESIDE:
                (form / name).symlink_to(folder.resolve() / name)
        except OSError:  # a file system without links, or a full one
            yield None
        else:
            yield Form(form, {"extensions": [plugin]})


def _version() -> str:
    import openvino

    version: str = openvino.get_version()
    return version


def _cpu_plugin() -> Path | None:
    import openvino

    libraries = Path(openvino.__file__).parent / "libs"
    return next(libraries.glob("libopenvino_intel_cpu_plugin.so"), None)
