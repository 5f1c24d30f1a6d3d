"""Image models in diffusers' own form, on torch: for machines with a GPU (extra ``gpu-images``)."""

from pathlib import Path
from typing import Any

import numpy as np

from consigne.domain.errors import ModelBroken
from consigne.domain.images import ImageTraits
from consigne.engines.drawing import Plan
from consigne.engines.worker.canvas import Pixels
from consigne.engines.worker.painter import Judgement, OnStep
from consigne.settings import EngineSettings


class DiffusersPainter:
    """Draws with a diffusers pipeline, on the GPU where there is one."""

    def __init__(
        self, model_id: str, folder: Path, traits: ImageTraits, settings: EngineSettings
    ) -> None:
        """Load the weights onto the device.

        Raises:
            ModelBroken: A file is missing or damaged, or diffusers is not installed.
        """
        try:
            import diffusers
            import torch
        except ImportError:
            raise ModelBroken(
                f"The model {model_id} is in diffusers' form, which needs torch: "
                "pip install 'consigne[gpu-images]'. Without a GPU, take OpenVINO's form of it."
            ) from None
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if settings.threads:
            torch.set_num_threads(settings.threads)
        kind = torch.float16 if self._device == "cuda" else torch.float32
        try:
            pipeline = diffusers.DiffusionPipeline.from_pretrained(
                folder, torch_dtype=kind, use_safetensors=True, local_files_only=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelBroken(f"The model {model_id} can't be loaded: {said[0]}") from error
        pipeline.set_progress_bar_config(disable=True)
        self._from_words: Any = pipeline.to(self._device)
        self._kinds = diffusers
        self._traits = traits

    def judge(self, prompt: str) -> Judgement:
        """Say nothing: these models do not know what they do not know."""
        return Judgement()

    def paint(
        self, plan: Plan, seed: int, source: Pixels | None, mask: Pixels | None, on_step: OnStep
    ) -> Pixels | None:
        """Draw one picture; return ``None`` where ``on_step`` stopped it."""
        stopped = False
        pipeline = self._pipeline(source, mask)
        steps = plan.steps if source is None else max(1, int(plan.steps * plan.strength))

        def callback(running: Any, step: int, _: Any, state: dict[str, Any]) -> dict[str, Any]:
            nonlocal stopped
            stopped = on_step(step + 1, steps, lambda: self._decoded(running, state["latents"]))
            running._interrupt = stopped
            return state

        arguments: dict[str, Any] = {
            "prompt": plan.prompt,
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance,
            "generator": self._torch.Generator(self._device).manual_seed(seed),
            "callback_on_step_end": callback,
            "output_type": "np",
        }
        if plan.negative_prompt and self._traits.negative:
            arguments["negative_prompt"] = plan.negative_prompt
        arguments |= _pictures(plan, source, mask)
        with self._torch.inference_mode():
            drawn = pipeline(**arguments).images
        return None if stopped else _pixels(drawn[0])

    def _pipeline(self, source: Pixels | None, mask: Pixels | None) -> Any:
        if source is None:
            return self._from_words
        kind = "AutoPipelineForImage2Image" if mask is None else "AutoPipelineForInpainting"
        made = getattr(self._kinds, kind).from_pipe(self._from_words)
        made.set_progress_bar_config(disable=True)
        return made

    def _decoded(self, pipeline: Any, latents: Any) -> Pixels:
        vae = pipeline.vae
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        with self._torch.inference_mode():
            decoded = vae.decode(latents / vae.config.scaling_factor + shift, return_dict=False)[0]
        picture = pipeline.image_processor.postprocess(decoded, output_type="np")
        return _pixels(picture[0])


def _pictures(plan: Plan, source: Pixels | None, mask: Pixels | None) -> dict[str, Any]:
    if source is None:
        return {"width": plan.drawn_width, "height": plan.drawn_height}
    from PIL import Image

    found: dict[str, Any] = {"image": Image.fromarray(source), "strength": plan.strength}
    if mask is not None:
        found["mask_image"] = Image.fromarray(mask[:, :, 0])
        found |= {"width": plan.drawn_width, "height": plan.drawn_height}
    return found


def _pixels(values: Any) -> Pixels:
    return np.asarray(np.clip(np.round(values * 255), 0, 255), dtype=np.uint8)
