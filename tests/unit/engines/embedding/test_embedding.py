"""An encoder's folder becomes a model whose vectors are those of the exact computation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from numpy.typing import NDArray
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from consigne.domain.errors import ContextTooLong, ModelBroken, ModelNotSupported
from consigne.engines.embedding import EmbeddingRunner, convert_embedding
from consigne.engines.embedding.runner import MOST_BATCH_TOKENS
from reference.encoder import sentence_vector

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"w{i}" for i in range(60))]
WIDTH, INNER, HEADS, LAYERS, POSITIONS = 32, 64, 4, 2, 40
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "vocab_size": len(WORDS),
    "max_position_embeddings": POSITIONS,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 1,
}

Weights = dict[str, NDArray[np.float32]]


def random_weights(types: int = 2) -> Weights:
    random = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (types, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        for part, inputs, outputs in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDTH, INNER),
            ("output.dense", INNER, WIDTH),
        ):
            shapes[f"{name}.{part}.weight"] = (outputs, inputs)
            shapes[f"{name}.{part}.bias"] = (outputs,)
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{name}.{part}.weight"] = shapes[f"{name}.{part}.bias"] = (WIDTH,)
    return {
        name: (random.normal(size=shape) * 0.3 + name.endswith("Norm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_safetensors(path: Path, weights: Weights, dtype: str = "F32", root: str = "") -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in weights.items():
        if dtype == "BF16":
            raw = (value.view(np.uint32) >> 16).astype("<u2").tobytes()
        else:
            raw = value.astype("<f4" if dtype == "F32" else "<f2").tobytes()
        header[root + name] = {
            "dtype": dtype,
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_folder(folder: Path, config: dict[str, Any], weights: Weights, **form: str) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", weights, **form)
    tokenizer = tokenizers.Tokenizer(
        WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def ids(text: str) -> list[int]:
    return [1, *(WORDS.index(word) for word in text.split()), 2]


TEXTS = ["w1 w2 w3", "w9", " ".join(f"w{i}" for i in range(38)), "w5 w5 w5 w40 w41", ""]


@pytest.mark.parametrize(
    ("dtype", "root", "pooling"),
    [("F32", "", "mean"), ("F16", "bert.", "mean"), ("BF16", "", "first")],
)
def test_vectors_equal_the_exact_computation(
    tmp_path: Path, dtype: str, root: str, pooling: str
) -> None:
    weights = random_weights()
    folder = write_folder(tmp_path / "source", CONFIG, weights, dtype=dtype, root=root)
    (folder / "1_Pooling").mkdir()
    mode = "mean_tokens" if pooling == "mean" else "cls_token"
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))
    convert_embedding(folder, tmp_path / "model")
    vectors, counts = EmbeddingRunner(tmp_path / "model").embed(TEXTS)
    assert counts == [len(ids(text)) for text in TEXTS]
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for text, vector in zip(TEXTS, vectors, strict=True):
        exact = sentence_vector(
            ids(text), weights, layers=LAYERS, heads=HEADS, epsilon=1e-12, pooling=pooling
        )
        assert vector @ exact > 0.999


def test_positions_of_the_roberta_family_begin_after_the_padding(tmp_path: Path) -> None:
    weights = random_weights(types=1)
    folder = write_folder(tmp_path / "source", {**CONFIG, "model_type": "xlm-roberta"}, weights)
    config = convert_embedding(folder, tmp_path / "model")
    assert config.context == POSITIONS - 2
    vectors, _ = EmbeddingRunner(tmp_path / "model").embed(TEXTS[:2])
    for text, vector in zip(TEXTS, vectors, strict=False):
        exact = sentence_vector(
            ids(text), weights, layers=LAYERS, heads=HEADS, epsilon=1e-12, first_position=2
        )
        assert vector @ exact > 0.999


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingRunner:
    folder = tmp_path_factory.mktemp("embedding")
    convert_embedding(write_folder(folder / "source", CONFIG, random_weights()), folder / "model")
    return EmbeddingRunner(folder / "model")


def test_a_text_has_the_same_vector_alone_and_among_others(runner: EmbeddingRunner) -> None:
    texts = [" ".join(f"w{(i * k) % 60}" for k in range(i % 30 + 1)) for i in range(300)]
    together, counts = runner.embed(texts)
    assert sum(counts) > MOST_BATCH_TOKENS
    for at in (0, 17, 299):
        alone, _ = runner.embed([texts[at]])
        assert together[at] @ alone[0] > 0.9999


def test_a_text_beyond_the_context_is_refused_by_its_place(runner: EmbeddingRunner) -> None:
    long = " ".join(["w1"] * (POSITIONS - 1))
    with pytest.raises(
        ContextTooLong, match=f"{POSITIONS + 1} tokens.*at most {POSITIONS}"
    ) as told:
        runner.embed(["w1", long])
    assert told.value.param == "input.1"


def test_no_texts_give_no_vectors(runner: EmbeddingRunner) -> None:
    vectors, counts = runner.embed([])
    assert vectors.shape == (0, WIDTH)
    assert counts == []


def test_text_that_is_no_unicode_is_read_as_replacement_characters(runner: EmbeddingRunner) -> None:
    vectors, _ = runner.embed(["w1 \ud800 \0", "w1 \ufffd \0"])
    assert np.array_equal(vectors[0], vectors[1])


def test_the_declared_prefix_goes_before_each_text(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "source", CONFIG, random_weights())
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "w7 "}, "default_prompt_name": "query"})
    )
    convert_embedding(folder, tmp_path / "model")
    _, counts = EmbeddingRunner(tmp_path / "model").embed(["w1"])
    assert counts == [4]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "mpnet"}, "mpnet"),
        ({"hidden_act": "silu"}, "silu"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
    ],
)
def test_other_forms_are_refused_by_name(tmp_path: Path, change: dict[str, str], told: str) -> None:
    folder = write_folder(tmp_path / "source", {**CONFIG, **change}, random_weights())
    with pytest.raises(ModelNotSupported, match=told):
        convert_embedding(folder, tmp_path / "model")


def test_a_damaged_model_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "source", CONFIG, random_weights())
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (b"", whole[:5], whole[:40], whole[:-4], b"\xff" * 64):
        weights.write_bytes(broken)
        with pytest.raises(ModelBroken, match=r"model\.safetensors"):
            convert_embedding(folder, tmp_path / "model")
    wrong = random_weights() | {"embeddings.LayerNorm.bias": np.zeros(5, np.float32)}
    write_safetensors(weights, wrong)
    with pytest.raises(ModelBroken, match=r"LayerNorm.bias is of the shape \(5,\)"):
        convert_embedding(folder, tmp_path / "model")
    (folder / "config.json").write_text("{}{")
    with pytest.raises(ModelBroken, match=r"config\.json"):
        convert_embedding(folder, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    with pytest.raises(ModelBroken):
        EmbeddingRunner(tmp_path / "model")
