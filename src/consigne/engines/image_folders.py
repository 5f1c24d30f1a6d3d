"""What makes a folder an image model that an engine here can run: diffusers' layout."""

import fnmatch
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.domain.images import ImageTraits

INDEX: Final = "model_index.json"
OWN: Final = "consigne.json"
"""What a model of Consigne's own says of itself."""
_DENOISERS: Final = ("unet", "transformer")
_OPENVINO: Final = "openvino_model.xml"
_KEPT: Final = (
    "*.xml",
    "*.bin",
    "*.json",
    "merges.txt",
    "vocab.txt",
    "*.model",
    "LICEN[CS]E*",
    "NOTICE*",
    "README.md",
)
_WEIGHTS: Final = "diffusion_pytorch_model.safetensors"


class _Own(msgspec.Struct, frozen=True):
    """The part of ``consigne.json`` that says how to draw."""

    size: int
    """Pixels a side: a model of our own draws at its one size."""
    steps: int
    guidance: float
    understanding: dict[str, Any] | None = None


def is_image_model(names: Iterable[str]) -> bool:
    """Say whether these files, by their paths inside a folder, are an image model's."""
    return INDEX in names


def image_files(names: Iterable[str], where: str) -> list[str]:
    """Return those of a folder's files that its image model needs.

    OpenVINO's form is preferred where both are there.

    Raises:
        ModelNotSupported: It is not whole, or in a form that nothing here runs.
    """
    present = sorted(names)
    denoiser = next((d for d in _DENOISERS if any(n.startswith(f"{d}/") for n in present)), "")
    if f"{denoiser}/{_OPENVINO}" in present:
        _check_openvino(present, where)
        return [name for name in present if _kept(name)]
    if denoiser and any(n.startswith(f"{denoiser}/{_WEIGHTS[:-12]}") for n in present):
        return [name for name in present if _kept_by_diffusers(name)]
    raise ModelNotSupported(
        f"{where} holds no image model in a form that runs here: neither OpenVINO's nor "
        "safetensors in diffusers' layout. See: consigne models suggest --images"
    )


def read_traits(folder: Path) -> ImageTraits:
    """Return how the model in ``folder`` draws, as its files say.

    Raises:
        ModelBroken: They can't be read.
    """
    index = _json(folder / INDEX)
    if own := _own(folder):
        return _own_traits(folder, own)
    name = str(index.get("_class_name", ""))
    denoiser = next((d for d in _DENOISERS if (folder / d).is_dir()), _DENOISERS[0])
    scale = _scale(folder)
    sample = _json(folder / denoiser / "config.json").get("sample_size")
    side = sample * scale if isinstance(sample, int) else 1024
    quick = "LatentConsistency" in name or "Flux" in name
    steps, guidance = (4, 8.0 if "Latent" in name else 0.0) if quick else (25, 7.0)
    return ImageTraits(
        width=side,
        height=side,
        steps=steps,
        guidance=guidance,
        multiple=16 if denoiser == "transformer" else scale,
        min_side=min(64, side),
        max_side=max(1024, side),
        edits=_reads_pictures(folder),
        negative=denoiser == "unet",
    )


def _own_traits(folder: Path, own: _Own) -> ImageTraits:
    return ImageTraits(
        width=own.size,
        height=own.size,
        steps=own.steps,
        guidance=own.guidance,
        min_side=min(64, own.size),
        resizes=True,
        edits=_reads_pictures(folder),
        knows=own.understanding is not None,
        redraws=own.understanding is not None,
    )


def _reads_pictures(folder: Path) -> bool:
    return (folder / "vae_encoder").is_dir() or (folder / "vae").is_dir()


def own_facts(folder: Path) -> dict[str, Any]:
    """Return what ``consigne.json`` says; empty where there is none.

    Raises:
        ModelBroken: It can't be read.
    """
    path = folder / OWN
    return _json(path) if path.is_file() else {}


def _own(folder: Path) -> _Own | None:
    facts = own_facts(folder)
    try:
        return msgspec.convert(facts, _Own) if facts else None
    except msgspec.ValidationError as error:
        raise ModelBroken(f"The model's {OWN} can't be read: {error}.") from None


def _check_openvino(present: list[str], where: str) -> None:
    folders = {name.split("/")[0] for name in present if "/" in name}
    missing = [
        f"{folder}/{file}"
        for folder in sorted(folders)
        if folder.startswith("tokenizer")
        for file in ("openvino_tokenizer.xml", "openvino_tokenizer.bin")
        if f"{folder}/{file}" not in present
    ]
    if f"vae_decoder/{_OPENVINO}" not in present:
        missing.append(f"vae_decoder/{_OPENVINO}")
    if missing:
        raise ModelNotSupported(
            f"{where} is not a whole OpenVINO image model: {', '.join(missing)} missing. "
            "Convert the original with optimum-intel (see docs/images.md), or choose one of: "
            "consigne models suggest --images"
        )


def _kept(name: str) -> bool:
    plain = name.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(plain, pattern) for pattern in _KEPT)


def _kept_by_diffusers(name: str) -> bool:
    plain = name.rsplit("/", 1)[-1]
    if plain.endswith(".safetensors"):
        # Of several precisions the plain one; whole checkpoints at the top belong to other tools.
        return "/" in name and not any(f".{kind}." in plain for kind in ("fp16", "non_ema"))
    return _kept(name) and not plain.startswith("openvino_") and not plain.endswith(".bin")


def _scale(folder: Path) -> int:
    """Return how many pixels a latent's side stands for."""
    for name in ("vae_decoder", "vae"):
        path = folder / name / "config.json"
        if path.is_file():
            blocks = _json(path).get("block_out_channels")
            return int(2 ** (len(blocks) - 1)) if isinstance(blocks, list) else 8
    return 8


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise ModelBroken(f"The model has no {path.name} in {path.parent.name}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelBroken(f"The model's {path.name} can't be read: {error}.") from None
    return found
