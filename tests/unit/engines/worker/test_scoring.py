"""Scoring: texts take turns, a piece at a time, and one that fails harms no other."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consigne.domain.errors import Overloaded
from consigne.engines import memory
from consigne.engines.worker.scoring import PIECE_TOKENS, Job, Scorer

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

    def reset_state(self) -> None:
        self.seen = 0

    def infer(self, inputs: dict[str, Any]) -> dict[str, Any]:
        assert "position_ids" not in inputs
        if self.broken:
            raise RuntimeError("broken")
        ids = inputs["input_ids"][0]
        self.seen += len(ids)
        assert inputs["attention_mask"].shape == (1, self.seen)
        distance = (np.arange(4)[None] - ids[:, None] - 1) % 4
        return {"logits": (-distance * math.log(10))[None].astype(np.float32)}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model that scorers use."""
    found = Model()

    def load(scorer: Any) -> Model:
        scorer._request = found
        return found

    monkeypatch.setattr(Scorer, "_load", load)
    return found


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    """A scorer of a model of no weights."""
    (tmp_path / "openvino_model.bin").write_bytes(b"")
    return Scorer(tmp_path, VOCABULARY, ends=(3,), device="CPU")


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


def test_the_models_second_form_can_be_given_up(scorer: Scorer, model: Model) -> None:
    scorer.submit(job(1, 0))
    scorer.step()
    assert scorer.loaded
    scorer.unload()
    assert not scorer.loaded
