"""The mark in the pixels: faint, there after what files commonly go through, absent elsewhere."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from consigne.provenance import watermark


def _icon(side: int, ground: str) -> Image.Image:
    picture = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(picture)
    draw.ellipse([side * 0.2, side * 0.2, side * 0.8, side * 0.8], fill="red")
    draw.ellipse([side * 0.35, side * 0.35, side * 0.45, side * 0.45], fill="black")
    return picture


def _saved(picture: Image.Image, form: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize("ground", ["white", "navy"])
@pytest.mark.parametrize("side", [128, 512])
def test_the_mark_outlives_compression_and_scaling(side: int, ground: str) -> None:
    plain = _icon(side, ground)
    marked = watermark.embed(plain)
    half = marked.resize((side // 2, side // 2), Image.Resampling.LANCZOS)
    assert not watermark.is_marked(plain)
    assert not watermark.is_marked(_saved(plain, "JPEG", 80))
    for survivor in (marked, _saved(marked, "JPEG", 80), half, _saved(half, "JPEG", 80)):
        assert watermark.is_marked(survivor), watermark.strength(survivor)


def test_the_mark_is_faint_and_keeps_transparency() -> None:
    plain = _icon(128, "navy").convert("RGBA")
    plain.putalpha(Image.new("L", plain.size, 77))
    marked = watermark.embed(plain)
    assert marked.mode == "RGBA"
    assert marked.getchannel("A").getextrema() == (77, 77)
    change = np.asarray(plain, float)[:, :, :3] - np.asarray(marked, float)[:, :, :3]
    assert np.abs(change).mean() < 3


def test_noise_and_flat_pictures_bear_no_mark() -> None:
    random = np.random.default_rng(1)
    for seed in range(20):
        noise = random.integers(0, 256, (64 + seed, 96, 3), dtype=np.uint8)
        assert not watermark.is_marked(Image.fromarray(noise))
    assert not watermark.is_marked(Image.new("RGB", (200, 100), "white"))
