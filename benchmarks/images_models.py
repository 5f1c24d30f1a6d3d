"""The models that ``images.py`` measures: one of Stable Diffusion 1's shape, made here once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import consigne

PACKAGED = Path(consigne.__file__).parent / "image_model"
SEED = 7


def large_model(cache: Path, weights: str) -> tuple[Path, Path]:
    """Return the folders of one model in diffusers' form and in OpenVINO's.

    The architecture is that of Stable Diffusion 1 (UNet of 860 million parameters), the weights
    are random: time does not depend on them.
    """
    original, exported = cache / "sd1-random", cache / f"sd1-random-{weights}"
    if not (original / "model_index.json").is_file():
        shutil.rmtree(original, ignore_errors=True)
        _random_pipeline().save_pretrained(original)
    if not (exported / "model_index.json").is_file():
        shutil.rmtree(exported, ignore_errors=True)
        command = [sys.executable, "-m", "optimum.commands.optimum_cli", "export", "openvino"]
        command += ["--model", str(original), "--task", "text-to-image", "--library", "diffusers"]
        subprocess.run([*command, "--weight-format", weights, str(exported)], check=True)
    return original, exported


def _random_pipeline() -> Any:
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel as Unet
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float16)  # saves half of the folder; all compute from the same
    wide = (128, 256, 512, 512)
    parts = {
        "unet": Unet(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        "vae": AutoencoderKL(
            block_out_channels=wide,
            down_block_types=("DownEncoderBlock2D",) * len(wide),
            up_block_types=("UpDecoderBlock2D",) * len(wide),
            layers_per_block=2,
            sample_size=512,
        ),
        "text_encoder": CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
            )
        ),
        "tokenizer": CLIPTokenizer.from_pretrained(PACKAGED / "tokenizer", model_max_length=77),
        "scheduler": DDIMScheduler(
            beta_schedule="scaled_linear", steps_offset=1, clip_sample=False
        ),
    }
    torch.set_default_dtype(torch.float32)
    none = ("safety_checker", "feature_extractor")
    return StableDiffusionPipeline(**parts, **dict.fromkeys(none), requires_safety_checker=False)


def trained(work: Path) -> Any:
    """Return what was trained in a work folder as a diffusers pipeline: its export's weights."""
    import msgspec

    from consigne.training.images import stages
    from consigne.training.images.config import ImageTraining

    config = msgspec.json.decode((work / "config.json").read_bytes(), type=ImageTraining)
    return stages.pipeline(stages.Work(config, work))


def default_architecture() -> Any:
    """Return the packaged model's architecture as a diffusers pipeline, with random weights.

    The package holds OpenVINO's form only.
    """
    import numpy as np
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from consigne.training.images import autoencoder
    from consigne.training.images.config import ImageTraining
    from consigne.training.images.latents import Latents

    torch.manual_seed(SEED)
    config = ImageTraining()
    noise = np.random.default_rng(SEED).standard_normal(
        (3 * config.pictures.patch**2, config.pictures.channels)
    )
    basis = np.linalg.qr(noise)[0].astype(np.float32)
    latents = Latents(config.pictures, basis, 0 * basis[:, 0], 0 * basis[0] + 1)
    unet = UNet2DConditionModel.load_config(PACKAGED / "unet")
    said = json.loads((PACKAGED / "text_encoder" / "config.json").read_text())
    return StableDiffusionPipeline(
        vae=autoencoder.model(config, latents),
        unet=UNet2DConditionModel.from_config(unet),
        text_encoder=CLIPTextModel(CLIPTextConfig(**said)),
        tokenizer=CLIPTokenizer.from_pretrained(
            PACKAGED / "tokenizer", model_max_length=said["max_position_embeddings"]
        ),
        scheduler=DDIMScheduler.from_pretrained(PACKAGED / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
