"""The denoiser's network, its noise schedule, and attention that is fast on a CPU."""

from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from consigne.training.images.config import ImageTraining

_HEAD = 32


def network(config: ImageTraining) -> UNet2DConditionModel:
    """Return a fresh UNet that an export to a Stable Diffusion pipeline takes as it is."""
    widths = config.denoiser.widths
    net = UNet2DConditionModel(
        sample_size=config.pictures.grid,
        in_channels=config.pictures.channels,
        out_channels=config.pictures.channels,
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("CrossAttnDownBlock2D",) * len(widths),
        up_block_types=("CrossAttnUpBlock2D",) * len(widths),
        cross_attention_dim=config.text.width,
        attention_head_dim=tuple(width // _HEAD for width in widths),
        norm_num_groups=32,
        use_linear_projection=True,
        # The pooled text joins the time embedding: the object reaches every layer at once.
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    return fast(net)


def fast(net: UNet2DConditionModel) -> UNet2DConditionModel:
    """Return the network in the memory format and with the attention that train fastest here."""
    net.set_attn_processor(PlainAttention())
    converted: UNet2DConditionModel = net.to(memory_format=torch.channels_last)
    return converted


def schedule() -> DDIMScheduler:
    """Return the noise schedule of training and of sampling."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )


class PlainAttention:
    """Attention by two batched products and a softmax.

    torch's fused attention has a slow backward pass on CPUs for short sequences: a quarter of a
    step's time. The weights are those of any other processor.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return the attention of (B, T, D) over itself or over (B, S, E)."""
        count, length, _ = hidden_states.shape
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        heads, other = attn.heads, seen.shape[1]
        query, key, value = attn.to_q(hidden_states), attn.to_k(seen), attn.to_v(seen)
        width = query.shape[-1] // heads
        query = query.view(count, length, heads, width).transpose(1, 2).reshape(-1, length, width)
        key = key.view(count, other, heads, width).permute(0, 2, 3, 1).reshape(-1, width, other)
        value = value.view(count, other, heads, width).transpose(1, 2).reshape(-1, other, width)
        weights = torch.bmm(query * attn.scale, key).softmax(-1).to(value.dtype)
        mixed = torch.bmm(weights, value).view(count, heads, length, width)
        out: Tensor = attn.to_out[0](mixed.transpose(1, 2).reshape(count, length, heads * width))
        return out
