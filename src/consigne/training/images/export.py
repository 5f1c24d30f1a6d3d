"""Stage *export*: the trained parts as one folder that OpenVINO GenAI serves.

The folder is what optimum-intel makes of a Stable Diffusion pipeline, with two additions:

``understanding/openvino_model.xml``
    ``input_ids`` (int64, [n, length], padded with the end token) to three outputs of
    probabilities: ``object`` [n, classes], ``style`` [n, styles], ``background`` [n, colours].
    ``tokenizer/openvino_tokenizer.xml`` makes the ids of a text.
``consigne.json``
    What the model can be asked for, and how. ``objects`` are the first classes of ``object``, in
    order: what the model can draw, each with its emoji and its names in both languages, articles
    included, the usual one first. ``others`` are the next classes: what the model has heard of
    but cannot draw. The last class is *none of these*. A request is within the model when the
    most probable class is one of ``objects`` with at least ``threshold``, which was chosen on
    phrasings that are not in training. ``styles`` and ``backgrounds`` follow their outputs'
    order; only styles with ``drawn`` have been learned. ``caption`` has the trained caption of
    each language: the object with its article, then what may be left out, ``, {style} style``
    and ``, {background} background``.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from consigne.training.images import unet
from consigne.training.images.config import ImageTraining
from consigne.training.images.text_encoder import TextTrainee, Understanding
from consigne.training.images.vocabulary import COLOURS, Object, also

FORMAT = 1


def pipeline(
    autoencoder: AutoencoderKL, text: TextTrainee, net: torch.nn.Module
) -> StableDiffusionPipeline:
    """Return the parts as a diffusers pipeline, ready to draw."""
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text.model.encoder,
        tokenizer=text.tokenizer,
        unet=net,
        scheduler=unet.schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(
    config: ImageTraining,
    parts: StableDiffusionPipeline,
    text: TextTrainee,
    folder: Path,
    *,
    threshold: float,
    eight_bits: bool = False,
) -> None:
    """Write the OpenVINO model; the folder appears when all of it is there."""
    from diffusers.models.attention_processor import AttnProcessor2_0
    from optimum.exporters.openvino.convert import export_from_model, export_tokenizer
    from optimum.intel import OVConfig

    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    parts.unet.set_attn_processor(AttnProcessor2_0())
    export_from_model(parts, partial, task="text-to-image", ov_config=OVConfig(dtype="fp16"))
    parts.save_config(partial)
    parts.scheduler.save_pretrained(partial / "scheduler")
    parts.tokenizer.save_pretrained(partial / "tokenizer")
    export_tokenizer(parts.tokenizer, partial / "tokenizer")
    (partial / "tokenizer" / "openvino_detokenizer.xml").unlink(missing_ok=True)
    (partial / "tokenizer" / "openvino_detokenizer.bin").unlink(missing_ok=True)
    _export_understanding(text.model, config.text.length, partial)
    if eight_bits:
        for name in ("unet", "text_encoder", "understanding"):
            _compress(partial / name / "openvino_model.xml")
    described = description(config, text, threshold)
    formatted = msgspec.json.format(msgspec.json.encode(described), indent=1)
    (partial / "consigne.json").write_bytes(formatted + b"\n")
    if folder.exists():
        former = folder.with_name(f"{folder.name}.former")
        shutil.rmtree(former, ignore_errors=True)
        folder.rename(former)
        partial.rename(folder)
        shutil.rmtree(former)
    else:
        partial.rename(folder)


def _export_understanding(model: Understanding, length: int, folder: Path) -> None:
    """Put the heads on the text encoder that the export wrote, as a model of its own."""
    import openvino
    from openvino import opset15 as ops

    encoder = openvino.Core().read_model(folder / "text_encoder" / "openvino_model.xml")
    ids = encoder.input("input_ids")
    states = encoder.output("last_hidden_state").node.input_value(0)
    positions = np.arange(length, dtype=np.int32)[None]
    is_end = ops.equal(ids, ops.constant(np.array(model.end, np.int64)))
    candidates = ops.select(is_end, ops.constant(positions), ops.constant(np.int32(length - 1)))
    end = ops.reduce_min(candidates, ops.constant(np.int32(1)), keep_dims=True)
    state = ops.squeeze(ops.gather(states, end, ops.constant(np.int32(1)), 1), np.array([1]))
    results = []
    for name in ("object", "style", "background"):
        head = {"object": model.thing}.get(name) or getattr(model, name)
        weight, bias = (value.detach().numpy() for value in (head.weight, head.bias))
        scores = ops.add(ops.matmul(state, ops.constant(weight), False, True), ops.constant(bias))
        result = ops.result(ops.softmax(scores, -1))
        result.output(0).get_tensor().set_names({name})
        results.append(result)
    whole = openvino.Model(results, encoder.get_parameters(), "understanding")
    (folder / "understanding").mkdir()
    openvino.save_model(whole, folder / "understanding" / "openvino_model.xml")


def _compress(path: Path) -> None:
    """Keep a model's weights in eight bits; it computes as before."""
    import nncf
    import openvino

    whole = openvino.Core().read_model(path)
    compressed = nncf.compress_weights(whole, mode=nncf.CompressWeightsMode.INT8_SYM)
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        openvino.save_model(compressed, Path(place) / path.name)
        # The weights are still mapped from the former file: replace it, don't write over it.
        for written in Path(place).iterdir():
            written.replace(path.parent / written.name)


def description(config: ImageTraining, text: TextTrainee, threshold: float) -> dict[str, Any]:
    """Return what ``consigne.json`` holds."""
    captions, drawn = text.captions, config.denoiser.objects
    return {
        "format": FORMAT,
        "size": config.pictures.size,
        "steps": config.sampling.steps,
        "guidance": config.sampling.guidance,
        "understanding": {
            "model": "understanding/openvino_model.xml",
            "tokenizer": "tokenizer/openvino_tokenizer.xml",
            "length": config.text.length,
            "padding": int(text.tokenizer.eos_token_id),
            "classes": captions.nothing + 1,
            "threshold": round(threshold, 3),
        },
        "caption": {
            "en": "{object}, {style} style, {background} background",
            "fr": "{object}, style {style}, fond {background}",
        },
        "styles": [
            {"en": list(style.english), "fr": list(style.french), "drawn": style.drawn}
            for style in config.styles
        ],
        "backgrounds": [
            {"en": colour.english, "fr": colour.french, "rgb": list(colour.rgb)}
            for colour in COLOURS
        ],
        "objects": [_described(thing) for thing in captions.listed[:drawn]],
        "others": [
            {"en": thing.english[0].noun, "fr": thing.french[0].noun}
            for thing in captions.things[drawn:]
        ],
    }


def _described(thing: Object) -> dict[str, Any]:
    described: dict[str, Any] = {"emoji": thing.emoji, **_said(thing)}
    if thing.code in also():
        described["also"] = _said(also()[thing.code])
    return described


def _said(thing: Object) -> dict[str, list[str]]:
    return {
        "en": [name.full for name in thing.english],
        "fr": [name.full for name in thing.french],
    }
