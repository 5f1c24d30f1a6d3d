"""What a sentence encoder's folder says of its model."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from consigne.domain.errors import ModelBroken, ModelNotSupported

FILE_NAME: Final = "consigne-embedding.json"
"""Where a converted folder keeps what the runner needs."""

Pooling = Literal["mean", "first"]

_FAMILIES = ("bert", "roberta", "xlm-roberta")


class EncoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of an encoder of BERT's form, and how its sentence vector is made."""

    layers: int
    heads: int
    width: int
    inner: int
    vocabulary: int
    positions: int
    """Rows of the position table."""
    first_position: int
    """The row of the first token (RoBERTa's begin after the padding's)."""
    epsilon: float
    pooling: Pooling
    prefix: str = ""
    """What is written before each text, where the model was trained so."""

    @property
    def context(self) -> int:
        """Most tokens of a text, the two at its ends included."""
        return self.positions - self.first_position


def read_config(folder: Path) -> EncoderConfig:
    """Read ``config.json`` and Sentence Transformers' files beside it.

    Raises:
        ModelBroken: ``config.json`` is missing, damaged or incomplete.
        ModelNotSupported: It is of another form than BERT's.
    """
    config = _json(folder / "config.json")
    family = config.get("model_type")
    if family not in _FAMILIES:
        raise ModelNotSupported(
            f"{folder.name} is of the form {family!r}; embedding models of the forms "
            f"{', '.join(_FAMILIES)} can be run here (all-MiniLM-L6-v2, multilingual-e5-small…)."
        )
    positions = config.get("position_embedding_type", "absolute")
    activation = config.get("hidden_act", "gelu")
    if positions != "absolute" or activation != "gelu":
        raise ModelNotSupported(
            f"{folder.name} uses {positions} positions and the activation {activation}; only "
            "absolute positions and gelu can be run here."
        )
    try:
        return EncoderConfig(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            width=int(config["hidden_size"]),
            inner=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            positions=int(config["max_position_embeddings"]),
            first_position=0 if family == "bert" else int(config.get("pad_token_id", 1)) + 1,
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            pooling=_pooling(folder),
            prefix=_prefix(folder),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelBroken(f"{folder / 'config.json'} is incomplete: {error}.") from error


def _pooling(folder: Path) -> Pooling:
    path = folder / "1_Pooling" / "config.json"
    pooling = _json(path) if path.is_file() else {"pooling_mode_mean_tokens": True}
    if pooling.get("pooling_mode_mean_tokens"):
        return "mean"
    if pooling.get("pooling_mode_cls_token"):
        return "first"
    raise ModelNotSupported(f"{folder.name} pools its tokens otherwise than by mean or the first.")


def _prefix(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    said = _json(path) if path.is_file() else {}
    prompts, name = said.get("prompts"), said.get("default_prompt_name")
    return str(prompts.get(name, "")) if isinstance(prompts, dict) and name else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelBroken(f"{path} can't be read: {error}.") from error
