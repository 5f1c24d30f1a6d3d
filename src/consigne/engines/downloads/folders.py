"""What makes a folder a text model that the engine can run."""

import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path

from consigne.domain.errors import ModelNotSupported
from consigne.engines.downloads.steps import read_json

MODEL = "openvino_model.xml"
NEEDED = (
    MODEL,
    "openvino_model.bin",
    "openvino_tokenizer.xml",
    "openvino_tokenizer.bin",
    "openvino_detokenizer.xml",
    "openvino_detokenizer.bin",
    "config.json",
)
_KEPT = (
    "openvino_*.xml",
    "openvino_*.bin",
    "*.json",
    "*.jinja",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "vocabulary.msgpack",
    "LICEN[CS]E*",
    "NOTICE*",
    "README.md",
)
_PREFERRED = (
    "Q4_K_M", "Q4_1", "Q4_0", "Q4_K_S", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0",
    "Q6_K", "Q8_0", "BF16", "F16", "Q3_K_M", "Q2_K", "F32",
)  # fmt: skip
"""The best quality at about four bits first, since speed goes with the bytes read for each
token; then what costs more memory for little gain; then what loses quality."""
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


def is_openvino(names: Iterable[str]) -> bool:
    """Say whether these files, by their paths inside a folder, are an OpenVINO model's."""
    return any(name.startswith("openvino_") and name.endswith(".xml") for name in names)


def openvino_files(names: Iterable[str], where: str) -> list[str]:
    """Return those of a folder's files that belong to its OpenVINO text model.

    Raises:
        ModelNotSupported: It is no text model, or not whole; the message says what is missing.
    """
    present = sorted(name for name in names if "/" not in name)
    if "openvino_language_model.xml" in present:
        raise ModelNotSupported(
            f"{where} is a model that reads images, in a form that is not served yet. "
            "Choose a text model: consigne models suggest"
        )
    missing = [name for name in NEEDED if name not in present]
    if missing:
        raise ModelNotSupported(
            f"{where} is not a whole OpenVINO text model: {', '.join(missing)} missing. "
            "Repositories of the hub's organisation OpenVINO have all of it."
        )
    return [name for name in present if any(fnmatch.fnmatchcase(name, p) for p in _KEPT)]


def check_config(config: Path, where: str) -> None:
    """Refuse a model whose configuration says that it does not generate text.

    Raises:
        ModelNotSupported: Its architecture is another's.
        ModelBroken: The configuration can't be read.
    """
    architectures = read_json(config).get("architectures")
    names = [str(name) for name in architectures] if isinstance(architectures, list) else []
    if names and not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names):
        raise ModelNotSupported(
            f"{where} does not generate text (its architecture is {', '.join(names)}). "
            "Choose a text model: consigne models suggest. For embeddings: "
            "consigne models pull minilm"
        )


def choose_gguf(names: Iterable[str], wanted: str, where: str) -> str:
    """Return the GGUF file to take: the one that is wanted, or the best of several.

    Raises:
        ModelNotSupported: There is none, or it is split over several files.
    """
    files = sorted(name for name in names if name.lower().endswith(".gguf"))
    if wanted:
        if wanted not in files:
            listed = ", ".join(files) or "no GGUF"
            raise ModelNotSupported(f"{where} has no file {wanted}. It has: {listed}.")
        candidates = [wanted]
    else:
        candidates = files
    whole = [name for name in candidates if not _SPLIT.search(name) and not _helper(name)]
    if whole:
        return min(whole, key=_rank)
    if candidates:
        raise ModelNotSupported(
            f"{candidates[0]} of {where} is one part of a model that is split over several files, "
            "which is not supported. Choose a GGUF in one file, or an OpenVINO form "
            "(consigne models suggest)."
        )
    raise ModelNotSupported(
        f"{where} holds neither an OpenVINO model nor a GGUF. Look for a form of it whose name "
        "ends in -ov (hub organisation OpenVINO) or -GGUF, or see: consigne models suggest"
    )


def _helper(name: str) -> bool:
    """Image projectors and importance matrices lie beside the model, and are none."""
    return re.search(r"mmproj|imatrix", name, re.IGNORECASE) is not None


def _rank(name: str) -> tuple[int, str]:
    upper = name.upper()
    for number, kind in enumerate(_PREFERRED):
        if re.search(rf"(?<![A-Z0-9]){kind}(?![A-Z0-9_])", upper):
            return number, name
    return len(_PREFERRED), name
