"""A byte-level BPE in CLIP's form (lower case, ``</w>`` at a word's end), trained on captions."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from consigne.training.images.files import replaced

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
_END_OF_WORD = "</w>"
_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train(texts: Iterable[str], size: int, folder: Path) -> None:
    """Learn a vocabulary of at most ``size`` pieces and write ``vocab.json`` and ``merges.txt``."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=_END_OF_WORD))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(alphabet) - 2,
        initial_alphabet=alphabet,
        end_of_word_suffix=_END_OF_WORD,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = list(model["vocab"])
    # A byte that no caption ended with must still be a piece, or such a word would be lost.
    pieces += [
        byte + _END_OF_WORD for byte in alphabet if byte + _END_OF_WORD not in model["vocab"]
    ]
    pieces += [START, END]
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    with replaced(folder / "merges.txt") as path:
        path.write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
    with replaced(folder / "vocab.json") as path:
        numbered = {piece: number for number, piece in enumerate(pieces)}
        path.write_text(json.dumps(numbered, ensure_ascii=False), "utf-8")


def load(folder: Path, length: int) -> "CLIPTokenizer":
    """Return the tokenizer, for captions of ``length`` tokens with start and end."""
    from transformers import CLIPTokenizer

    lines = (folder / "merges.txt").read_text("utf-8").splitlines()[1:]
    return CLIPTokenizer(
        vocab=json.loads((folder / "vocab.json").read_text("utf-8")),
        merges=[tuple(line.split(" ")) for line in lines],
        model_max_length=length,
    )
