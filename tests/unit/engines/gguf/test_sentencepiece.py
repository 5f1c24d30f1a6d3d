"""A GGUF with SentencePiece's tokenizer cuts texts as the library itself does."""

import io
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import ModelBroken
from consigne.engines.gguf.convert import convert
from consigne.engines.vocabulary import FILE_NAME, Vocabulary
from reference.tiny_gguf import Words, write_model

SENTENCES = [
    "The model answers in the language of the question, in English or in French.",
    "Le modèle répond dans la langue de la question, en français ou en anglais.",
    "def answer(question: str) -> str:",
    "    return   model.generate(question, max_tokens=1234)",
    "a aa aaa aaaa aaaaa == === ==== ---- ......",
] * 20
PIECES = st.sampled_from(
    ["the", " model", "  ", "    ", " ", "\n", "\t", "é", "日本", "😀", "a", "aaa", "==", "1234",
     " question", "\u2581", "\u00a0", "<", "s>", "ünï", "\x00"]
)  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Any:
    """Return SentencePiece's own tokenizer, trained on a few sentences."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=440,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        control_symbols=["<|im_end|>"],
        user_defined_symbols=["<tool_call>"],
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def _words(library: Any) -> Words:
    ids = range(library.get_piece_size())
    tokens = [library.id_to_piece(index) for index in ids]
    kinds = [
        2 if library.is_unknown(index)
        else 3 if library.is_control(index)
        else 6 if library.is_byte(index)
        else 4 if tokens[index] == "<tool_call>"
        else 1
        for index in ids
    ]  # fmt: skip
    return Words(tokens, kinds, [library.get_score(index) for index in ids])


def _load(folder: Path, words: Words, **metadata: Any) -> tuple[Any, Vocabulary]:
    import openvino_genai

    entries = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": None}
    entries |= {f"tokenizer.ggml.{key}": value for key, value in metadata.items()}
    path = write_model(folder / "model.gguf", words=words, metadata=entries)
    out = convert(path, folder / "out").path
    return openvino_genai.Tokenizer(out), Vocabulary.load(out / FILE_NAME)


@pytest.fixture(scope="module")
def loaded(library: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Vocabulary]:
    return _load(tmp_path_factory.mktemp("pieces"), _words(library))


def _encode(tokenizer: Any, text: str, special: bool = False) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=special).input_ids.data[0].tolist()
    return ids


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=20))
def test_a_text_is_cut_as_by_the_library_and_comes_back(
    library: Any, loaded: tuple[Any, Vocabulary], pieces: list[str]
) -> None:
    text = "".join(pieces)
    if "</s>" in text or "<s>" in text or not text:
        return
    tokenizer, vocabulary = loaded
    ids = _encode(tokenizer, text)
    assert ids == library.encode(text)
    assert vocabulary.decode(ids) == text.replace("\u2581", " ") == tokenizer.decode(ids)


def test_markers_are_one_token_and_each_stretch_of_text_begins_with_a_space(
    library: Any, loaded: tuple[Any, Vocabulary]
) -> None:
    tokenizer, vocabulary = loaded
    end, call = (library.piece_to_id(name) for name in ("<|im_end|>", "<tool_call>"))
    ids = _encode(tokenizer, "the model<|im_end|>the question<tool_call>")
    text = [library.encode(part) for part in ("the model", "the question")]
    assert ids == [*text[0], end, *text[1], call]
    assert vocabulary.decode(ids) == "the model the question<tool_call>"
    assert vocabulary.eos_ids == (end, library.eos_id())


@pytest.mark.parametrize(
    ("metadata", "start", "lead"),
    [({}, True, True), ({"add_bos_token": False, "add_space_prefix": False}, False, False)],
)
def test_what_the_file_puts_before_a_text(
    library: Any, tmp_path: Path, metadata: dict[str, Any], start: bool, lead: bool
) -> None:
    tokenizer, vocabulary = _load(tmp_path, _words(library), **metadata)
    ids = _encode(tokenizer, "model", special=True)
    assert (ids[0] == library.bos_id()) == start
    assert vocabulary.strip_leading_space == lead
    spelt = "".join(library.id_to_piece(index) for index in ids[start:])
    assert spelt == ("\u2581model" if lead else "model")


def test_a_file_without_scores_is_broken(library: Any, tmp_path: Path) -> None:
    words = _words(library)
    with pytest.raises(ModelBroken, match="0 scores for 440 tokens"):
        _load(tmp_path, words._replace(scores=None))


def test_a_long_text_is_not_cut(loaded: tuple[Any, Vocabulary], library: Any) -> None:
    text = "the model answers " * 5000
    assert _encode(loaded[0], text) == library.encode(text)
