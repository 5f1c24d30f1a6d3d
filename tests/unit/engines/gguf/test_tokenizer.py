"""A converted tokenizer cuts and merges as the file says, and loses nothing."""

import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.engines.gguf.convert import convert
from consigne.engines.gguf.tokenizer_graph import WORD_PATTERNS
from consigne.engines.vocabulary import FILE_NAME, Vocabulary, byte_alphabet
from reference.tiny_gguf import MERGES, vocabulary, write_model

TOKENS, KINDS = vocabulary()
IDS = {token: index for index, token in enumerate(TOKENS)}
END, START, TURN_END = (IDS[name] for name in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
CALL = IDS["<tool_call>"]
WORDS = st.lists(
    st.sampled_from(["hello", " world", "hell", "é", "\n", "  ", " ", "1", "'ll", "😀", "w", "<|"])
)


def _load(folder: Path, **metadata: Any) -> tuple[Any, Vocabulary]:
    import openvino_genai

    entries = {f"tokenizer.{key}": value for key, value in metadata.items()}
    out = convert(write_model(folder / "model.gguf", metadata=entries), folder / "out").path
    return openvino_genai.Tokenizer(out), Vocabulary.load(out / FILE_NAME)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Vocabulary]:
    return _load(tmp_path_factory.mktemp("tokenizer"))


def _encode(tokenizer: Any, text: str, special: bool = False) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=special).input_ids.data[0].tolist()
    return ids


def _merged(word: str) -> list[int]:
    """One word by the definition of byte-pair encoding: the best-ranked pair first, repeatedly."""
    characters = {byte: character for character, byte in byte_alphabet().items()}
    parts = [characters[byte] for byte in word.encode()]
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(MERGES)}
    while pairs := [pair for pair in pairwise(parts) if pair in ranks]:
        best = min(pairs, key=ranks.__getitem__)
        at = next(i for i in range(len(parts)) if (parts[i], parts[i + 1]) == best)
        parts[at : at + 2] = ["".join(best)]
    return [IDS[part] for part in parts]


@pytest.mark.parametrize("word", ["hello", " world", "hell", "worldé", "  ", "日本", "hehehello"])
def test_words_are_merged_by_rank(loaded: tuple[Any, Vocabulary], word: str) -> None:
    assert _encode(loaded[0], word) == _merged(word)


def test_a_text_is_cut_into_words_first(loaded: tuple[Any, Vocabulary]) -> None:
    words = ("hello", " world", "\n\n", "1", "2", "'ll", " ", " hello", "!?")
    expected = [token for word in words for token in _merged(word)]
    assert _encode(loaded[0], "".join(words)) == expected


@settings(max_examples=50)
@given(words=WORDS)
def test_a_text_comes_back_from_its_tokens(
    loaded: tuple[Any, Vocabulary], words: list[str]
) -> None:
    text = "".join(words)
    if text:
        assert loaded[1].decode(_encode(loaded[0], text)) == text


def test_markers_are_one_token_and_only_visible_ones_show(loaded: tuple[Any, Vocabulary]) -> None:
    tokenizer, words = loaded
    ids = _encode(tokenizer, "<|im_start|>hello<tool_call><|im_end|>")
    assert ids == [START, IDS["hello"], CALL, TURN_END]
    assert words.decode(ids) == "hello<tool_call>" == tokenizer.decode(ids)
    shown = tokenizer.decode(ids, skip_special_tokens=False)
    assert shown == "<|im_start|>hello<tool_call><|im_end|>"
    assert words.eos_ids == (TURN_END, END)


def test_a_long_text_is_not_cut(loaded: tuple[Any, Vocabulary]) -> None:
    assert len(_encode(loaded[0], "hello world" * 6000)) == 12_000


def test_the_template_and_the_ids_reach_the_engine(loaded: tuple[Any, Vocabulary]) -> None:
    tokenizer, _ = loaded
    said = tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], True)
    assert said == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert (tokenizer.get_eos_token_id(), tokenizer.get_bos_token_id()) == (TURN_END, END)
    assert tokenizer.get_pad_token_id() == END


@pytest.mark.parametrize(
    ("metadata", "starts"),
    [
        ({"ggml.pre": "qwen2"}, False),
        ({"ggml.pre": "llama-bpe"}, True),
        ({"ggml.pre": "llama-bpe", "ggml.add_bos_token": False}, False),
        ({"ggml.pre": "smollm", "ggml.add_bos_token": True}, True),
    ],
)
def test_the_beginning_is_marked_where_the_model_wants_it(
    tmp_path: Path, metadata: dict[str, Any], starts: bool
) -> None:
    tokenizer, _ = _load(tmp_path, **metadata)
    text = [IDS["hello"]]
    assert _encode(tokenizer, "hello", special=True) == ([END, *text] if starts else text)
    assert _encode(tokenizer, "hello") == text
    assert _encode(tokenizer, "hello" * 9000) == text * 9000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("llama-bpe", ["123", "4", " ", "I", "'LL", " go", "\n\n", " now"]),
        ("qwen2", ["1", "2", "3", " ", "I", "'LL", " go", "\n\n", " now"]),
        ("gpt-2", ["123", " ", " 4", " don", "'t", " DON", "'", "T", "\n", "\n", "now"]),
        ("smollm", ["1", "2", " ", "3", " don", "'t", "!!"]),
        ("tekken", ["1", "2", " Hello", "World", " the", "!/\n"]),
    ],
)
def test_each_pattern_cuts_where_its_family_does(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    tokenizer, _ = _load(tmp_path, **{"ggml.pre": name, "ggml.add_bos_token": False})
    # Without merges across words, a text's tokens are those of its words, one after another.
    expected = [token for word in words for token in _merged(word)]
    assert _encode(tokenizer, "".join(words)) == expected


def test_every_pattern_compiles(tmp_path: Path) -> None:
    for name in WORD_PATTERNS:
        tokenizer, words = _load(tmp_path, **{"ggml.pre": name})
        text = "Hello, world! 123 n'est-ce pas?"
        assert words.decode(_encode(tokenizer, text)) == text


def test_qwen_composes_its_text_first(loaded: tuple[Any, Vocabulary]) -> None:
    apart = unicodedata.normalize("NFD", "é")
    assert _encode(loaded[0], apart) == [IDS["Ã©"]]
