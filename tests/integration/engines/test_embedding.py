"""The embedding model that a first start can bring: near what means the same, and exact."""

from pathlib import Path

import numpy as np
import pytest

from consigne.engines.embedding import EmbeddingRunner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner(models_dir: Path) -> EmbeddingRunner:
    return EmbeddingRunner(models_dir / "all-minilm-l6-v2")


def test_like_meanings_lie_near_each_other(runner: EmbeddingRunner) -> None:
    pairs = [
        ("A cat sleeps on the sofa.", "A kitten is napping on the couch."),
        ("The stock market fell sharply today.", "Share prices dropped a lot this afternoon."),
        ("How do I reset my password?", "I forgot my login credentials, what now?"),
    ]
    first, _ = runner.embed([pair[0] for pair in pairs])
    second, _ = runner.embed([pair[1] for pair in pairs])
    near = first @ second.T
    assert (near.argmax(axis=1) == np.arange(len(pairs))).all()
    assert near.diagonal().min() > 0.4
    assert near[~np.eye(len(pairs), dtype=bool)].max() < 0.25


def test_the_model_card_example_keeps_its_tokens(runner: EmbeddingRunner) -> None:
    vectors, counts = runner.embed(["This is an example sentence", "Each sentence is converted"])
    assert counts == [7, 6]
    assert vectors.shape == (2, 384)
