"""What draws one picture: a diffusion pipeline behind one interface."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from consigne.domain.errors import ModelBroken
from consigne.domain.images import ImageTraits
from consigne.engines.drawing import Plan
from consigne.engines.instructions import Cell
from consigne.engines.worker.canvas import Pixels
from consigne.settings import EngineSettings

Preview = Callable[[], Pixels]
"""Decodes the picture as far as it is."""
OnStep = Callable[[int, int, Preview], bool]
"""Told each step that is done, and of how many; says whether to stop."""


class Judgement(msgspec.Struct, frozen=True):
    """Whether a model knows what an instruction asks for."""

    confidence: float | None = None
    known: bool = True
    input_tokens: int = 0
    cells: tuple[Cell, ...] = ()
    """What to draw in place of the instruction, side by side; empty where it is drawn as it is."""
    left_out: tuple[str, ...] = ()
    """What the instruction says and the picture will not show."""


class Painter(Protocol):
    """Draws pictures with one loaded model."""

    def judge(self, prompt: str) -> Judgement:
        """Say whether the model knows what the instruction asks for."""
        ...

    def paint(
        self, plan: Plan, seed: int, source: Pixels | None, mask: Pixels | None, on_step: OnStep
    ) -> Pixels | None:
        """Draw one picture; return ``None`` where ``on_step`` stopped it.

        Raises:
            RuntimeError: The engine could not go on.
        """
        ...


def load_painter(
    model_id: str, folder: Path, traits: ImageTraits, settings: EngineSettings
) -> Painter:
    """Load the image model in ``folder``: OpenVINO's form, or that of diffusers.

    Raises:
        ModelBroken: A file is missing or damaged, or what runs it is not installed.
    """
    if not (folder / "model_index.json").is_file():
        raise ModelBroken(
            f"The model {model_id} is incomplete: {folder / 'model_index.json'} is missing."
        )
    if any(folder.glob("*/openvino_model.xml")):
        from consigne.engines.worker.painter_openvino import OpenVinoPainter

        return OpenVinoPainter(model_id, folder, traits, settings)
    from consigne.engines.worker.painter_diffusers import DiffusersPainter

    return DiffusersPainter(model_id, folder, traits, settings)
