"""The names of a model's fused form (``rewriting``), and which runtime it is for."""

from pathlib import Path
from typing import Final

FILE_NAME: Final = "openvino_fused.xml"
NORM: Final = "consigne.norm."
ROTARY: Final = "consigne.rotary."
"""How the names of a normalisation's and a rotary embedding's last operations begin."""


def version_of(fused: Path) -> str:
    """Return the runtime's version that wrote the fused form, or nothing where there is none."""
    try:
        with fused.open("rb") as file:
            file.seek(max(0, fused.stat().st_size - 1000))
            end = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    _, _, rest = end.partition('name="OpenVINO Runtime" value="')
    return rest.partition('"')[0]
