"""Converts a sentence encoder (Hugging Face's folder form) to an OpenVINO model, without torch."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from consigne.domain.errors import ModelBroken
from consigne.engines.embedding.config import FILE_NAME, EncoderConfig, read_config
from consigne.engines.embedding.safetensors import Tensors


def convert_embedding(
    source_dir: Path, out_dir: Path, progress: Callable[[float, str], None] | None = None
) -> EncoderConfig:
    """Convert the model in ``source_dir``; the weights are stored as float16.

    The result appears in ``out_dir`` all at once; a conversion cut short leaves nothing there.

    Args:
        source_dir: Holds ``config.json``, ``tokenizer.json`` and ``model.safetensors``, perhaps
            Sentence Transformers' files.
        out_dir: Must not exist.
        progress: Hears the share done, from 0 to 1, and what is being done.

    Raises:
        ModelBroken: A file is missing or damaged.
        ModelNotSupported: The model is of another form than BERT's.
    """
    import openvino

    from consigne.engines.embedding.graph import build_model

    report = progress or (lambda _share, _what: None)
    config = read_config(source_dir)
    if not (source_dir / "tokenizer.json").is_file():
        raise ModelBroken(f"{source_dir / 'tokenizer.json'} is missing.")
    report(0.0, "reading the weights")
    model = build_model(Tensors(source_dir / "model.safetensors"), config)
    report(0.5, "writing the model")
    staging = out_dir.with_name(f".{out_dir.name}.{uuid.uuid4().hex[:8]}")
    staging.mkdir(parents=True)
    try:
        openvino.save_model(model, staging / "openvino_model.xml", compress_to_fp16=True)
        shutil.copyfile(source_dir / "tokenizer.json", staging / "tokenizer.json")
        shutil.copyfile(source_dir / "config.json", staging / "config.json")
        (staging / FILE_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
        staging.rename(out_dir)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    report(1.0, "done")
    return config
