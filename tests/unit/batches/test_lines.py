"""A batch's lines are read the same however they are cut, and each problem is named."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.batches import lines
from consigne.batches.values import Problem, Reply, Tokens
from consigne.domain.errors import InvalidRequest
from support.storage import jsonl

ENDPOINT = "/v1/chat/completions"
LINE = {"custom_id": "a", "method": "POST", "url": ENDPOINT, "body": {"model": "tiny"}}


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def read(*chunks: bytes) -> list[tuple[int, bytes]]:
    async def collect() -> list[tuple[int, bytes]]:
        return [each async for each in lines.requests(pieces(*chunks))]

    return asyncio.run(collect())


@given(
    rows=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=8), max_size=8
    ),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_any_cut_gives_the_same_lines(rows: list[str], cuts: list[int], end: bytes):
    text = b"".join(row.encode() + end for row in rows)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(edges)]
    wanted = [row.encode() for row in rows if row.encode().strip()]
    assert [line for _, line in read(*chunks)] == wanted
    assert [number for number, _ in read(*chunks)] == list(range(len(wanted)))


def test_the_last_line_needs_no_end():
    assert read(b"a\nb") == [(0, b"a"), (1, b"b")]


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 10)
    with pytest.raises(InvalidRequest, match="10 bytes"):
        read(b"x" * 6, b"x" * 6)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"custom_id": ""}, "missing_required_parameter", "custom_id"),
        ({"custom_id": 3}, "missing_required_parameter", "custom_id"),
        ({"custom_id": "x" * 513}, "missing_required_parameter", "custom_id"),
        ({"method": "GET"}, "invalid_method", "method"),
        ({"url": "/v1/embeddings"}, "mismatched_endpoint", "url"),
        ({"body": []}, "missing_required_parameter", "body"),
    ],
)
def test_each_problem_is_named(change: dict[str, Any], code: str, param: str):
    found = lines.check(msgspec.json.encode(LINE | change), ENDPOINT, 7)
    assert isinstance(found, Problem)
    assert (found.code, found.param, found.line) == (code, param, 7)
    assert lines.check(msgspec.json.encode(LINE), ENDPOINT, 7) == "a"


@given(line=st.binary(max_size=40))
def test_no_line_breaks_the_check(line: bytes):
    found = lines.check(line, ENDPOINT, 1)
    assert isinstance(found, str | Problem)


def test_deep_lines_are_problems_too():
    found = lines.check(b"[" * 100_000, ENDPOINT, 1)
    assert isinstance(found, Problem)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 5},
            Tokens(12, 4, 5, 0),
        ),
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Tokens(12, 4, 5, 2),
        ),
        ({"prompt_tokens": 3, "total_tokens": 3}, Tokens(3, 0, 0, 0)),
    ],
)
def test_every_endpoint_s_usage_is_counted(usage: dict[str, int], tokens: Tokens):
    body = msgspec.json.encode({"usage": usage})
    item = lines.item_of("openai", jsonl(LINE))
    assert lines.result_of("openai", item, Reply(200, "req_1", body)).tokens == tokens
