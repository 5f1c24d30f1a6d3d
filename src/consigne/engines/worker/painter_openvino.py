"""Image models in OpenVINO's form, through OpenVINO GenAI's pipelines."""

from pathlib import Path
from typing import Any

import numpy as np

from consigne.domain.errors import ModelBroken
from consigne.domain.images import ImageTraits
from consigne.engines.drawing import Plan
from consigne.engines.worker.canvas import Pixels
from consigne.engines.worker.loading import brief
from consigne.engines.worker.painter import Judgement, OnStep
from consigne.engines.worker.understanding import load_understanding
from consigne.settings import EngineSettings


class OpenVinoPainter:
    """Draws with a folder of OpenVINO models in diffusers' layout."""

    def __init__(
        self, model_id: str, folder: Path, traits: ImageTraits, settings: EngineSettings
    ) -> None:
        """Load and compile the models.

        Raises:
            ModelBroken: A file is missing or damaged; the message says what the engine said.
        """
        import openvino_genai as genai

        properties = _properties(settings)
        self._inpaint: Any = None
        self._from_picture: Any = None
        try:
            if traits.edits:
                # One set of compiled models serves all three.
                self._inpaint = genai.InpaintingPipeline(folder, settings.device, **properties)
                self._from_picture = genai.Image2ImagePipeline(self._inpaint)
                self._from_words = genai.Text2ImagePipeline(self._from_picture)
            else:
                self._from_words = genai.Text2ImagePipeline(folder, settings.device, **properties)
        except RuntimeError as error:
            raise ModelBroken(
                f"The model {model_id} can't be loaded: {brief(error)} "
                "(consigne doctor says whether its files are whole)"
            ) from error
        self._understanding = load_understanding(model_id, folder)
        self._negates = not any(folder.glob("transformer/openvino_model.xml"))

    def judge(self, prompt: str) -> Judgement:
        """Say whether the model knows what is asked for; most have no way to tell."""
        return self._understanding.judge(prompt) if self._understanding else Judgement()

    def paint(
        self, plan: Plan, seed: int, source: Pixels | None, mask: Pixels | None, on_step: OnStep
    ) -> Pixels | None:
        """Draw one picture; return ``None`` where ``on_step`` stopped it."""
        stopped = False
        pipeline = self._pipeline(source, mask)

        def callback(step: int, steps: int, latent: Any) -> bool:
            nonlocal stopped
            stopped = on_step(step + 1, steps, lambda: _pixels(pipeline.decode(latent)))
            return stopped

        arguments: dict[str, Any] = {
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance,
            "num_images_per_prompt": 1,
            "rng_seed": seed,
            "callback": callback,
        }
        if plan.negative_prompt and plan.guidance > 1 and self._negates:
            arguments["negative_prompt"] = plan.negative_prompt
        pictures: list[Any] = []
        if source is not None:
            pictures.append(_tensor(source))
            if mask is not None:
                pictures.append(_tensor(mask))
            arguments["strength"] = plan.strength
        else:
            arguments |= {"width": plan.drawn_width, "height": plan.drawn_height}
        drawn = pipeline.generate(plan.prompt, *pictures, **arguments)
        return None if stopped else _pixels(drawn)

    def _pipeline(self, source: Pixels | None, mask: Pixels | None) -> Any:
        if source is None:
            return self._from_words
        return self._from_picture if mask is None else self._inpaint


def _properties(settings: EngineSettings) -> dict[str, Any]:
    """Return how the runtime computes; left open, it takes 16 bits where the processor has them."""
    properties: dict[str, Any] = {}
    if settings.precision != "auto":
        properties["INFERENCE_PRECISION_HINT"] = settings.precision
    if settings.threads:
        properties["INFERENCE_NUM_THREADS"] = settings.threads
    return properties


def _tensor(pixels: Pixels) -> Any:
    import openvino

    return openvino.Tensor(pixels[None])


def _pixels(tensor: Any) -> Pixels:
    return np.array(tensor.data[0], dtype=np.uint8)
