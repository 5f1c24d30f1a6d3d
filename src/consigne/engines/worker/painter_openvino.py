"""Image models in OpenVINO's form, through OpenVINO GenAI's pipelines."""

import functools
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


class _Forms:
    """The pipelines of one model: one set of compiled networks serves all three."""

    def __init__(
        self, folder: Path, traits: ImageTraits, settings: EngineSettings, *, fixed: bool
    ) -> None:
        """Load and compile; ``fixed`` is for guided pictures of the model's own size alone.

        With every shape known the runtime joins what it computes apart otherwise: a step of the
        packaged model takes two thirds of the time (benchmarks/README.md).

        Raises:
            RuntimeError: A file is missing or damaged.
        """
        import openvino_genai as genai

        first = (genai.InpaintingPipeline if traits.edits else genai.Text2ImagePipeline)(folder)
        if fixed:
            first.reshape(1, traits.height, traits.width, traits.guidance)
        first.compile(settings.device, **_properties(settings))
        self.inpaint: Any = first
        self.from_picture = genai.Image2ImagePipeline(first) if traits.edits else None
        self.from_words = (
            genai.Text2ImagePipeline(self.from_picture) if self.from_picture else first
        )

    def suiting(self, source: Pixels | None, mask: Pixels | None) -> Any:
        """Return the pipeline for what there is to start from."""
        if source is None:
            return self.from_words
        return self.from_picture if mask is None else self.inpaint


class OpenVinoPainter:
    """Draws with a folder of OpenVINO models in diffusers' layout."""

    def __init__(
        self, model_id: str, folder: Path, traits: ImageTraits, settings: EngineSettings
    ) -> None:
        """Load and compile the models.

        Raises:
            ModelBroken: A file is missing or damaged; the message says what the engine said.
        """
        self._model_id = model_id
        self._load = functools.partial(_Forms, folder, traits, settings)
        self._forms: dict[bool, _Forms] = {}
        self._one_size = traits.resizes and traits.guidance > 1
        self._form(fixed=self._one_size)
        self._understanding = load_understanding(model_id, folder)
        self._negates = not any(folder.glob("transformer/openvino_model.xml"))

    def _form(self, *, fixed: bool) -> _Forms:
        """Return the pipelines; a model of one size needs its open ones without guidance alone."""
        if fixed not in self._forms:
            try:
                self._forms[fixed] = self._load(fixed=fixed)
            except RuntimeError as error:
                raise ModelBroken(
                    f"The model {self._model_id} can't be loaded: {brief(error)} "
                    "(consigne doctor says whether its files are whole)"
                ) from error
        return self._forms[fixed]

    def judge(self, prompt: str) -> Judgement:
        """Say whether the model knows what is asked for; most have no way to tell."""
        return self._understanding.judge(prompt) if self._understanding else Judgement()

    def paint(
        self, plan: Plan, seed: int, source: Pixels | None, mask: Pixels | None, on_step: OnStep
    ) -> Pixels | None:
        """Draw one picture; return ``None`` where ``on_step`` stopped it."""
        stopped = False
        forms = self._form(fixed=self._one_size and plan.guidance > 1)
        pipeline = forms.suiting(source, mask)

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
