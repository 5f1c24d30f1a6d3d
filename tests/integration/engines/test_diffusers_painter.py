"""diffusers' own form of an image model: a tiny one with random weights, as a GPU would run it."""

from pathlib import Path

import numpy as np
import pytest

import consigne
from consigne.domain.errors import ModelBroken
from consigne.domain.images import ImageRequest
from consigne.engines.drawing import plan
from consigne.engines.image_folders import read_traits
from consigne.engines.worker.canvas import Pixels
from consigne.engines.worker.painter import Preview, load_painter
from consigne.settings import EngineSettings
from support import extras

extras.need("gpu-images", "torch", "diffusers", "transformers")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning"),
]

SIDE = 64
TOKENIZER = Path(consigne.__file__).parent / "image_model" / "tokenizer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of Stable Diffusion's shape, thousands of times smaller."""
    import torch
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    widths, sampled = (8, 8, 8, 8), {"norm_num_groups": 4, "layers_per_block": 1}
    pipeline = StableDiffusionPipeline(
        unet=UNet2DConditionModel(
            sample_size=SIDE // 8,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
            **sampled,
        ),
        vae=AutoencoderKL(
            block_out_channels=widths,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            **sampled,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=6000,
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
            )
        ),
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER, model_max_length=77),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    place = tmp_path_factory.mktemp("diffusers") / "tiny"
    pipeline.save_pretrained(place)
    return place


def test_it_draws_changes_shows_and_stops(folder: Path) -> None:
    traits = read_traits(folder)
    assert (traits.width, traits.multiple, traits.edits, traits.negative) == (SIDE, 8, True, True)
    painter = load_painter("tiny", folder, traits, EngineSettings(threads=1))
    assert painter.judge("a fox").confidence is None
    told: list[tuple[int, int]] = []
    shown: list[Pixels] = []

    def on_step(step: int, steps: int, preview: Preview) -> bool:
        told.append((step, steps))
        if step == 1:
            shown.append(preview())
        return False

    def paint(seed: int, **more: object) -> Pixels:
        asked = ImageRequest(model="tiny", prompt="a fox", steps=4, **more)  # type: ignore[arg-type]
        source = np.full((SIDE, SIDE, 3), 200, np.uint8) if asked.source else None
        mask = np.zeros((SIDE, SIDE, 3), np.uint8) if asked.mask else None
        if mask is not None:
            mask[: SIDE // 2] = 255
        drawn = painter.paint(plan(asked, traits), seed, source, mask, on_step)
        assert drawn is not None
        assert (drawn.shape, drawn.dtype) == ((SIDE, SIDE, 3), np.uint8)
        return drawn

    first = paint(1, negative_prompt="a dog")
    assert told == [(step, 4) for step in range(1, 5)]
    assert shown[0].shape == first.shape
    assert (paint(1, negative_prompt="a dog") == first).all(), "the same seed, the same picture"
    assert (paint(2, negative_prompt="a dog") != first).any()
    told.clear()
    paint(1, source=b"there", strength=0.5)
    assert told == [(1, 2), (2, 2)]
    paint(1, source=b"there", mask=b"there", strength=1.0)
    asked = plan(ImageRequest(model="tiny", prompt="a fox", steps=4), traits)
    told.clear()

    def at_once(step: int, steps: int, preview: Preview) -> bool:
        told.append((step, steps))
        return True

    assert painter.paint(asked, 1, None, None, at_once) is None
    assert told == [(1, 4)], "who has gone is let go within a step"


def test_a_folder_that_lacks_its_weights_is_a_clear_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_bytes((folder / "model_index.json").read_bytes())
    with pytest.raises(ModelBroken, match="can't be loaded"):
        load_painter("tiny", tmp_path, read_traits(folder), EngineSettings())
