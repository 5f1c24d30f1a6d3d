"""The model's plain form: texts scored one after the other, answers followed in turns."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consigne.domain.errors import Overloaded
from consigne.engines import memory
from consigne.engines.worker.following import MOST_AT_ONCE, Followers, Read
from consigne.engines.worker.plain import PIECE_TOKENS, PlainModel
from consigne.engines.worker.scoring import Job, Scorer

VOCABULARY = (b"a", b"b", b"c", b"</s>")


class Port:
    """An input of the model."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_names(self) -> set[str]:
        return {self.name}


class Model:
    """After token n, token n + 1 is likeliest, by a factor of ten each."""

    model_inputs = (Port("input_ids"), Port("attention_mask"), Port("beam_idx"))

    def __init__(self) -> None:
        self.seen = 0
        self.broken = False

    def create_infer_request(self) -> "Model":
        self.last = Model()
        self.last.broken = self.broken
        return self.last

    def infer(self, inputs: dict[str, Any]) -> dict[str, Any]:
        assert "position_ids" not in inputs
        if self.broken:
            raise RuntimeError("broken")
        ids = inputs["input_ids"][0]
        self.seen += len(ids)
        assert inputs["attention_mask"].shape == (1, self.seen)
        distance = (np.arange(4)[None] - ids[:, None] - 1) % 4
        return {"logits": (-distance * math.log(10))[None].astype(np.float32)}


class Core:
    """Compiles one model, whatever the file."""

    model = Model()

    def compile_model(self, *_: Any) -> Model:
        return Core.model


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model that texts are read by."""
    monkeypatch.setattr("openvino.Core", Core)
    Core.model = Model()
    return Core.model


@pytest.fixture
def plain(tmp_path: Path, model: Model) -> PlainModel:
    """A model of no weights."""
    (tmp_path / "openvino_model.bin").write_bytes(b"")
    return PlainModel(tmp_path, VOCABULARY, device="CPU")


@pytest.fixture
def scorer(plain: PlainModel) -> Scorer:
    """A scorer of the model."""
    return Scorer(plain, VOCABULARY, ends=(3,))


def job(number: int, *tokens: int, top: int = 0) -> Job:
    return Job(number, np.array(tokens, np.int64), top)


def test_each_token_is_told_with_the_likeliest_in_its_place(scorer: Scorer, model: Model) -> None:
    scorer.submit(job(1, 0, 1, 3, 2, top=2))
    found = scorer.step()
    assert found is not None
    best, tenth, hundredth = (math.log(p / 1.111) for p in (1, 0.1, 0.01))
    logprobs = [token.logprob for token in found.tokens]
    assert logprobs == pytest.approx([0.0, best, tenth, hundredth], abs=1e-5)
    assert [token.token for token in found.tokens] == [b"a", b"b", b"</s>", b"c"]
    assert [name for name, _ in found.tokens[2].top] == [b"c", b"</s>"]
    assert [token.token for token in found.next] == [b"</s>", b"a"]
    assert found.ends
    assert not scorer.busy


def test_long_texts_are_read_in_pieces(scorer: Scorer, model: Model) -> None:
    count = 2 * PIECE_TOKENS + 1
    scorer.submit(job(1, *(i % 4 for i in range(count))))
    assert scorer.step() is None
    assert scorer.step() is None
    found = scorer.step()
    assert found is not None
    assert len(found.tokens) == count
    logprobs = [token.logprob for token in found.tokens[1:]]
    assert logprobs == pytest.approx([math.log(1 / 1.111)] * (count - 1), abs=1e-5)


def test_a_text_that_nobody_waits_for_is_passed_over(scorer: Scorer, model: Model) -> None:
    scorer.submit(job(1, *([0] * 2 * PIECE_TOKENS)))
    scorer.submit(job(2, 0, 1))
    assert scorer.step() is None
    scorer.cancel(1)
    assert scorer.current == 2
    assert scorer.step() is not None


def test_a_text_that_fails_harms_no_other(scorer: Scorer, model: Model) -> None:
    scorer.submit(job(1, 0, 1))
    scorer.submit(job(2, 0, 1))
    model.broken = True
    with pytest.raises(RuntimeError, match="broken"):
        scorer.step()
    model.broken = False
    assert scorer.step() is not None


def test_without_the_memory_it_is_refused(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino_model.bin").write_bytes(bytes(100))
    monkeypatch.setattr(memory, "available_bytes", lambda: 100)
    with pytest.raises(Overloaded, match="memory"):
        scorer.submit(job(1, 0))


def test_the_models_second_form_can_be_given_up(scorer: Scorer, plain: PlainModel) -> None:
    scorer.submit(job(1, 0))
    scorer.step()
    assert plain.loaded
    plain.unload()
    assert not plain.loaded


def step(followers: Followers) -> Read | None:
    """Read on in the answer whose turn it is."""
    number = followers.next
    assert number is not None
    return followers.step(number)


def test_a_followed_answer_is_told_as_the_text_it_makes(plain: PlainModel, scorer: Scorer) -> None:
    scorer.submit(job(1, 0, 1, 3, 2, 3, 0, 1, top=2))
    scored = scorer.step()
    assert scored is not None
    followers = Followers(plain)
    followers.follow(1, np.array([0, 1], np.int64), 2, whole=False)
    assert step(followers) is None  # the prompt
    followers.more(1, [3, 2, 3], ended=False)
    assert followers.next is None  # too few to be worth it
    followers.more(1, [0], ended=False)
    first = step(followers)
    followers.more(1, [1], ended=True)
    last = step(followers)
    assert first is not None
    assert last is not None
    assert (first.tokens, last.tokens) == ((3, 2, 3, 0), (1,))
    assert (first.whole, last.whole) == (False, True)
    assert first.told + last.told == scored.tokens[2:]
    assert not followers.any


def test_answers_are_followed_in_turns_and_some_wait(plain: PlainModel) -> None:
    followers = Followers(plain)
    long = np.zeros(2 * PIECE_TOKENS, np.int64)
    for number in range(MOST_AT_ONCE + 1):
        followers.follow(number, long, 1, whole=True)
    order = []
    for _ in range(2 * MOST_AT_ONCE):
        assert followers.next is not None
        order.append(followers.next)
        assert step(followers) is None
    assert order == [*range(MOST_AT_ONCE)] * 2
    assert followers.next is None
    followers.more(1, [], ended=True)
    read = step(followers)
    assert read == Read(1, (), (), whole=True)
    assert followers.next == MOST_AT_ONCE
    followers.cancel(MOST_AT_ONCE)
    assert followers.next is None


def test_a_long_answer_is_followed_in_pieces(plain: PlainModel) -> None:
    followers = Followers(plain)
    followers.follow(1, np.array([0], np.int64), 1, whole=True)
    followers.more(1, [i % 4 for i in range(PIECE_TOKENS + 1)], ended=True)
    assert step(followers) is None
    first, last = step(followers), step(followers)
    assert first is not None
    assert last is not None
    assert (len(first.told), len(last.told)) == (PIECE_TOKENS, 1)
    assert (first.whole, last.whole) == (False, True)


def test_an_answer_whose_reading_fails_is_given_up(plain: PlainModel, model: Model) -> None:
    followers = Followers(plain)
    followers.follow(1, np.array([0], np.int64), 1, whole=True)
    model.broken = True
    with pytest.raises(RuntimeError, match="broken"):
        step(followers)
    assert not followers.any
