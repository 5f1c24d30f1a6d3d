"""Token ids become exact bytes, and bytes become text without a broken character."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.errors import ModelBroken
from consigne.engines.vocabulary import (
    Utf8Stream,
    Vocabulary,
    byte_alphabet,
    byte_level_bytes,
    sentencepiece_bytes,
)


def _pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    return [raw[start:stop] for start, stop in pairwise(ends)]


@given(text=st.text(), cuts=st.lists(st.integers(0, 100)))
def test_any_cut_of_any_text_is_put_together_again(text: str, cuts: list[int]) -> None:
    stream = Utf8Stream()
    found = "".join(map(stream.feed, _pieces(text.encode(), cuts))) + stream.finish()
    assert found == text


@given(text=st.text(min_size=1))
def test_a_character_comes_as_soon_as_it_is_whole(text: str) -> None:
    stream = Utf8Stream()
    for character in text:
        *first, last = [bytes([byte]) for byte in character.encode()]
        assert [stream.feed(byte) for byte in first] == [""] * len(first)
        assert stream.feed(last) == character


@given(before=st.text(), raw=st.binary(max_size=6), after=st.text(), cuts=st.lists(st.integers(0)))
def test_wrong_bytes_become_marks_and_swallow_nothing(
    before: str, raw: bytes, after: str, cuts: list[int]
) -> None:
    whole = before.encode() + raw + b"|" + after.encode()
    stream = Utf8Stream()
    found = "".join(map(stream.feed, _pieces(whole, cuts))) + stream.finish()
    assert found == whole.decode("utf-8", "replace")
    assert found.startswith(before)
    assert found.endswith("|" + after)


def test_a_cut_character_is_marked_at_the_end_and_the_stream_starts_anew() -> None:
    stream = Utf8Stream()
    assert stream.feed("é".encode()[:1]) == ""
    assert stream.finish() == "\ufffd"
    assert stream.feed(b"a") + stream.finish() == "a"


def test_the_byte_alphabet_is_one_to_one() -> None:
    alphabet = byte_alphabet()
    assert sorted(alphabet.values()) == list(range(256))
    assert (alphabet["Ġ"], alphabet["Ċ"], alphabet["a"], alphabet["Ń"]) == (32, 10, 97, 0xAD)


@given(raw=st.binary())
def test_byte_level_tokens_give_their_bytes(raw: bytes) -> None:
    characters = {byte: character for character, byte in byte_alphabet().items()}
    assert byte_level_bytes("".join(characters[byte] for byte in raw)) == raw


@pytest.mark.parametrize(
    ("token", "raw"),
    [("▁the", b" the"), ("<0x0A>", b"\n"), ("<0xE2>", b"\xe2"), ("é", "é".encode()), ("▁▁", b"  ")],
)
def test_sentencepiece_tokens_give_their_bytes(token: str, raw: bytes) -> None:
    assert sentencepiece_bytes(token) == raw


VOCABULARY = Vocabulary((b"<s>", b"Hi", b"\xc3", b"\xa9", b" there"), frozenset([0]), (0,))


def test_control_tokens_and_unknown_ids_have_no_text() -> None:
    assert VOCABULARY.is_special(0)
    assert not VOCABULARY.is_special(1)
    assert [VOCABULARY.token_bytes(each) for each in (0, 1, 5, -1)] == [b"", b"Hi", b"", b""]
    assert VOCABULARY.decode([0, 1, 2, 3, 4]) == "Hié there"
    assert len(VOCABULARY) == 5


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.msgpack"
    VOCABULARY.save(path)
    assert Vocabulary.load(path) == VOCABULARY


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80"])
def test_a_damaged_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.msgpack"
    path.write_bytes(content)
    with pytest.raises(ModelBroken, match=r"vocabulary\.msgpack"):
        Vocabulary.load(path)


def _write(folder: Path, tokenizer: Any, **generation: Any) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(tokenizer))
    if generation:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return path


def test_a_byte_level_tokenizer_json(tmp_path: Path) -> None:
    added = [
        {"id": 3, "content": "<|im_end|>", "special": True},
        {"id": 5, "content": "<tool_call>", "special": False},
    ]
    tokenizer = {
        "model": {"type": "BPE", "vocab": {"Ġa": 0, "Ã": 1, "©": 2}},
        "decoder": {"type": "ByteLevel"},
        "added_tokens": added,
    }
    found = Vocabulary.from_tokenizer_json(_write(tmp_path, tokenizer, eos_token_id=[3, 0]))
    assert found.tokens == (b" a", b"\xc3", b"\xa9", b"<|im_end|>", b"", b"<tool_call>")
    assert (found.special, found.eos_ids) == (frozenset([3]), (3, 0))
    assert found.decode([0, 1, 2, 5, 3]) == " aé<tool_call>"


def test_a_sentencepiece_tokenizer_json(tmp_path: Path) -> None:
    steps = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    tokenizer = {
        "model": {"type": "BPE", "vocab": {"<s>": 0, "<0xC3>": 1, "<0xA9>": 2, "▁the": 3}},
        "decoder": {"type": "Sequence", "decoders": steps},
        "added_tokens": [{"id": 0, "content": "<s>", "special": True}],
    }
    found = Vocabulary.from_tokenizer_json(_write(tmp_path, tokenizer, eos_token_id=0))
    assert found.decode([0, 3, 1, 2, 3]) == "theé the"
    assert found.eos_ids == (0,)


def test_a_unigram_tokenizer_json(tmp_path: Path) -> None:
    tokenizer = {
        "model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁", -1.0], ["▁day", -2.0]]},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"},
        "added_tokens": [],
    }
    found = Vocabulary.from_tokenizer_json(_write(tmp_path, tokenizer))
    assert found.decode([2, 2]) == " day day"
    assert found.eos_ids == ()


@pytest.mark.parametrize(
    "tokenizer", [[], {}, {"model": {}}, {"model": {"vocab": {"a": 0}}}, {"model": {"vocab": 3}}]
)
def test_an_unknown_tokenizer_json_is_named(tmp_path: Path, tokenizer: Any) -> None:
    with pytest.raises(ModelBroken, match=r"tokenizer\.json"):
        Vocabulary.from_tokenizer_json(_write(tmp_path, tokenizer))


def test_a_missing_tokenizer_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelBroken, match=r"tokenizer\.json"):
        Vocabulary.from_tokenizer_json(tmp_path / "tokenizer.json")
