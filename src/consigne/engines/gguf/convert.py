"""Convert a GGUF model file to an OpenVINO model's folder, once, when it is installed."""

import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.domain.errors import OperatorError
from consigne.engines import vocabulary
from consigne.engines.gguf import tokenizer
from consigne.engines.gguf.adapters import save_products
from consigne.engines.gguf.config import DecoderConfig, read_config
from consigne.engines.gguf.reader import GgufFile, text, texts
from consigne.engines.gguf.saving import save_model

MODEL_FILE: Final = "openvino_model.xml"
TEMPLATE_FILE: Final = "chat_template.jinja"
_CLASSES: Final = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}

Progress = Callable[[float, str], None]
"""Hears the share done, from 0 to 1, and what is being done, as a phrase."""


class ConvertedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A converted model and what its file said of it."""

    path: Path
    """The folder; it loads in OpenVINO GenAI as it is."""
    name: str
    """For people, as the file has it; may be empty."""
    architecture: str
    context: int
    """Most tokens of prompt and answer together."""
    parameters: int
    """Count of weights."""
    size_bytes: int
    """Of all files in the folder."""
    license: str
    """SPDX identifier, where the file says; else empty."""
    languages: tuple[str, ...]
    """ISO 639-1 codes, where the file says."""
    chat_template: bool
    """Whether it has a chat template."""
    tools: bool
    """Whether the chat template speaks of tools."""
    quantization: str
    """The block format of most weights: ``Q4_1``, ``Q6_K``, ``F16``…"""
    inexact: tuple[str, ...]
    """Block formats that were requantised to eight bits; empty when none was."""


def convert(gguf_path: Path, out_dir: Path, progress: Progress | None = None) -> ConvertedModel:
    """Convert ``gguf_path`` and put the result at ``out_dir``, replacing what is there.

    The work is done in a folder beside ``out_dir`` that takes its name at the end, so that an
    interrupted conversion leaves no half of a model.

    Raises:
        ModelNotSupported: A form of model that is not built here; the message names one that is.
        ModelBroken: The file is not a GGUF, is cut short, or contradicts itself.
        OperatorError: The folder can't be written, or the disk is full.
    """
    hear = progress or (lambda share, phrase: None)
    hear(0.0, "reading the file")
    with GgufFile(gguf_path) as file:
        config = read_config(file)
        scratch = _scratch_beside(out_dir)
        try:
            _write(file, config, scratch, hear)
            converted = _describe(file, config, scratch)
            _put_in_place(scratch, out_dir)
        except BaseException as error:
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError):
                raise _not_written(out_dir, error) from None
            raise
    hear(1.0, "done")
    return msgspec.structs.replace(converted, path=out_dir)


def _write(file: GgufFile, config: DecoderConfig, folder: Path, hear: Progress) -> None:
    words = tokenizer.read_vocabulary(file, config.vocabulary)
    words.save(folder / vocabulary.FILE_NAME)
    hear(0.05, "converting the tokenizer")
    tokenizer.save_tokenizer(file, words, folder)
    template = tokenizer.chat_template(file)
    if template:
        (folder / TEMPLATE_FILE).write_text(template, "utf-8")
    ids = tokenizer.special_ids(file)
    eos: Any = ids.eos[0] if len(ids.eos) == 1 else list(ids.eos) or None
    roles = {"bos_token_id": ids.bos, "eos_token_id": eos, "pad_token_id": ids.pad}
    tokenizer.save_configuration(folder, "generation_config.json", roles)
    tokenizer.save_configuration(folder, "config.json", _hub_config(config) | roles)
    _save_graph(file, config, folder, lambda done: hear(0.3 + 0.5 * done, "converting weights"))
    hear(0.95, "writing")


def _save_graph(
    file: GgufFile, config: DecoderConfig, folder: Path, progress: Callable[[float], None]
) -> None:
    from consigne.engines.gguf.graph import build_model
    from consigne.engines.gguf.rewriting import write_fused

    model, products = build_model(file, config, progress)
    save_model(model, folder / MODEL_FILE)
    write_fused(folder / MODEL_FILE, config.norm_epsilon, config.head_size)
    save_products(products, folder)


def _hub_config(config: DecoderConfig) -> dict[str, Any]:
    """The model's dimensions under the names of the Hugging Face hub."""
    return {
        "architectures": [_CLASSES[config.architecture]],
        "model_type": config.architecture,
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "intermediate_size": config.feed_forward,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_size,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_base,
        "max_position_embeddings": config.context,
        "tie_word_embeddings": config.tied,
    }


def _describe(file: GgufFile, config: DecoderConfig, folder: Path) -> ConvertedModel:
    from consigne.engines.gguf.blocks import FLOATS, FORMATS

    weights: dict[str, int] = {}
    for tensor in file.tensors.values():
        if len(tensor.shape) == 2:
            kind = tensor.quantization
            weights[kind] = weights.get(kind, 0) + tensor.elements
    template = tokenizer.chat_template(file)
    return ConvertedModel(
        path=folder,
        name=text(file.metadata, "general.name"),
        architecture=config.architecture,
        context=config.context,
        parameters=sum(math.prod(tensor.shape) for tensor in file.tensors.values()),
        size_bytes=sum(each.stat().st_size for each in folder.iterdir()),
        license=text(file.metadata, "general.license"),
        languages=texts(file.metadata, "general.languages"),
        chat_template=bool(template),
        tools="tools" in template,
        quantization=max(weights, key=weights.__getitem__),
        inexact=tuple(sorted(weights.keys() - FORMATS.keys() - set(FLOATS))),
    )


def _scratch_beside(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _not_written(target, error) from None


def _put_in_place(folder: Path, target: Path) -> None:
    folder.chmod(0o755)  # mkdtemp's folder is its owner's alone
    if target.is_dir():
        shutil.rmtree(target)
    folder.replace(target)


def _not_written(target: Path, error: OSError) -> OperatorError:
    return OperatorError(f"Can't write the model to {target}: {error.strerror or error}.")
