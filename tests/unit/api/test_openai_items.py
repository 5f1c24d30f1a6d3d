"""Items that are kept and read back mean what they meant when they came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.api.errors import InvalidField
from consigne.api.openai.responses import items
from consigne.api.openai.responses.convert import to_request
from consigne.api.openai.responses.schemas import responses_body
from consigne.api.openai.responses.sealed import PREFIX, Sealed, seal, unseal
from doubles.scripted import MODELS

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
ids = st.none() | st.sampled_from(["msg_1", "msg_2", "x"])
inputs = st.builds(lambda text: {"type": "input_text", "text": text}, words)
outputs = st.sampled_from(["output_text", "text"]).flatmap(
    lambda kind: st.builds(lambda text: {"type": kind, "text": text}, words)
)
refusals = st.builds(lambda text: {"type": "refusal", "refusal": text}, words)
pictures = st.just({"type": "input_image", "image_url": "https://x.example/y.png"})
files = st.just({"type": "input_file", "file_url": "https://x.example/y.pdf", "filename": "y"})
asked = words | st.lists(inputs | pictures | files, min_size=1, max_size=3)
answered = words | st.lists(outputs | refusals, min_size=1, max_size=3)


def item(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Return items of these fields, with or without an id."""
    values = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in fields.items()
    }
    return st.fixed_dictionaries(values, optional={"id": ids})


texts = st.lists(st.builds(lambda text: {"text": text}, words), max_size=2)
given_items = st.lists(
    item(role=st.sampled_from(["user"]), content=asked)
    | item(type="message", role=st.sampled_from(["system", "developer"]), content=words)
    | item(role="assistant", content=answered)
    | item(
        type="function_call",
        call_id=names,
        name=names,
        namespace=st.none() | names,
        arguments=st.dictionaries(words, st.integers(0, 9), max_size=2).map(json.dumps),
    )
    | item(type="function_call_output", call_id=names, output=words)
    | item(type="reasoning", summary=texts, content=texts)
    | item(type="reasoning", summary=st.just([]), encrypted_content=words.map(seal))
    | item(type="compaction", encrypted_content=words.map(seal)),
    min_size=1,
    max_size=6,
)


def body(found: Any) -> Any:
    """Return the body of a request with this input."""
    return responses_body.validate_json(json.dumps({"model": "tiny", "input": found}))


@given(given_items)
def test_kept_items_are_the_same_turns_again(found: list[dict[str, Any]]) -> None:
    first = body(found)
    kept = items.stored(first.input)
    assert len({each["id"] for each in kept}) == len(found)
    again = to_request(body(None), MODELS[0], items.read(kept))
    assert again == to_request(first, MODELS[0])
    assert items.stored(items.read(kept)) == kept, "keeping them once more changes nothing"


@given(st.text(st.characters(exclude_categories=["Cs"])), words)
def test_what_is_sealed_is_unsealed(text: str, signature: str) -> None:
    assert unseal(seal(text, signature), "x") == Sealed(text, signature)


@given(st.text(max_size=30) | st.binary(max_size=20).map(lambda b: PREFIX + b.hex()))
def test_what_was_not_sealed_here_is_refused(packed: str) -> None:
    with pytest.raises(InvalidField):
        unseal(packed, "x")
