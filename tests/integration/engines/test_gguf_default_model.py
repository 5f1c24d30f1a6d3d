"""The default model answers as its file says: its loss and its greedy answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from consigne.engines.gguf.convert import ConvertedModel, convert
from consigne.engines.vocabulary import FILE_NAME, Vocabulary
from reference.decoder import ReferenceDecoder, mean_loss
from reference.openvino_logits import logits
from reference.starter import starter_gguf

pytestmark = pytest.mark.slow

PROSE = Path(__file__).parents[2] / "data" / "english_prose.txt"
ANSWER_TOKENS = 16
PROMPTS = (
    "What is the capital of France?",
    "Write a haiku about rain.",
    "Translate 'good morning' to French.",
    "What is 12 times 3?",
    "Tell me a very short story about a fox.",
)
EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f16",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
}
"""Settings that round nothing but the cache, to sixteen bits."""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> ConvertedModel:
    return convert(starter_gguf(), tmp_path_factory.mktemp("default") / "model")


@pytest.fixture(scope="module")
def reference() -> ReferenceDecoder:
    return ReferenceDecoder(starter_gguf())


def test_the_loss_is_the_files_own(converted: ConvertedModel, reference: ReferenceDecoder) -> None:
    import openvino_genai

    tokenizer = openvino_genai.Tokenizer(converted.path)
    encoded = tokenizer.encode(PROSE.read_text(), add_special_tokens=False)
    tokens = encoded.input_ids.data[0].tolist()[:400]
    assert len(tokens) == 400
    reference.reset()
    expected = mean_loss(reference.forward(tokens), tokens)
    found = mean_loss(logits(converted.path, tokens, prefill=len(tokens)), tokens)
    assert 2.5 < expected < 4.0
    assert abs(found - expected) < 0.001 * expected


def test_greedy_answers_are_the_files_own(
    converted: ConvertedModel, reference: ReferenceDecoder
) -> None:
    import openvino_genai

    tokenizer = openvino_genai.Tokenizer(converted.path)
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = 64
    pipeline = openvino_genai.ContinuousBatchingPipeline(
        converted.path, tokenizer, scheduler, "CPU", **EXACT
    )
    config = openvino_genai.GenerationConfig(max_new_tokens=ANSWER_TOKENS, do_sample=False)
    prompts = [
        tokenizer.encode(
            tokenizer.apply_chat_template([{"role": "user", "content": prompt}], True),
            add_special_tokens=False,
        ).input_ids
        for prompt in PROMPTS
    ]
    results = pipeline.generate(prompts, [config] * len(prompts))
    vocabulary = Vocabulary.load(converted.path / FILE_NAME)
    stop = set(vocabulary.eos_ids)
    for prompt, result in zip(prompts, results, strict=True):
        tokens = prompt.data[0].tolist()
        answer = [token for token in result.m_generation_ids[0] if token not in stop]
        expected = reference.greedy(tokens, ANSWER_TOKENS, stop)
        assert vocabulary.decode(answer) == vocabulary.decode(expected)


CONVERT = """
import sys
from pathlib import Path
from consigne.engines.gguf.convert import convert
convert(Path(sys.argv[1]), Path(sys.argv[2]))
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_conversion_takes_little_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONVERT, str(starter_gguf()), str(tmp_path / "out")]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(finished.stdout) < 400 * 1024  # kibibytes; the result itself has 106,000
