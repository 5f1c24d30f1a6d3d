"""From a model's folder to a warm pipeline."""

import json
import logging
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from consigne.domain.errors import ModelBroken
from consigne.domain.messages import Sampling
from consigne.engines.vocabulary import FILE_NAME, Vocabulary
from consigne.engines.worker.forms import Form, fused_form
from consigne.engines.worker.runtime import import_all, import_pipeline
from consigne.engines.worker.sampling import read_defaults
from consigne.engines.worker.sizes import BLOCK_TOKENS, MAX_BATCHED_TOKENS
from consigne.settings import EngineSettings

if TYPE_CHECKING:
    import openvino_genai

    from consigne.engines.prompts import Prompter

SMALL_BYTES: Final = 10**9
"""Models of fewer bytes lose themselves in repetitions more easily."""


_log = logging.getLogger(__name__)


class TextModel(msgspec.Struct, frozen=True):
    """A loaded text model."""

    model_id: str
    folder: Path
    pipeline: Any
    """``openvino_genai.ContinuousBatchingPipeline``."""
    tokenizer: Any
    """``openvino_genai.Tokenizer``."""
    prompter: Any
    """``engines.prompts.Prompter``."""
    table: tuple[bytes, ...]
    """The bytes of each token that belong to an answer's text."""
    stop_tokens: tuple[int, ...]
    """Tokens that end an answer; none where the pipeline knows them itself."""
    defaults: Sampling
    context: int
    """Most tokens of prompt and answer together."""
    cache_tokens: int
    """How many tokens the attention cache has room for."""
    seconds: dict[str, float]
    vocabulary: tuple[bytes, ...] = ()
    """What each token stands for, control tokens included."""
    leads: bool = False
    """Whether the tokenizer puts a space before a text (SentencePiece's do)."""
    small: bool = False
    """Whether its weights take less than ``SMALL_BYTES``."""
    device: str = "CPU"


class _Clock:
    """Notes how long each phase took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def note(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = round(now - self._last, 3)
        self._last = now


def load_text(model_id: str, folder: Path, context: int, settings: EngineSettings) -> TextModel:
    """Load and warm up the text model in ``folder``.

    Raises:
        ModelBroken: A file is missing or damaged; the message says what the engine said.
    """
    clock = _Clock()
    import_pipeline()
    import openvino_genai

    clock.note("import")
    for name in ("openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml"):
        if not (folder / name).is_file():
            raise ModelBroken(f"The model {model_id} is incomplete: {folder / name} is missing.")
    try:
        tokenizer = openvino_genai.Tokenizer(folder)
        clock.note("tokenizer")
        # The runtime leaves the interpreter free while it compiles the model.
        with ThreadPoolExecutor(1) as beside:
            prompting = beside.submit(_prompting, folder, tokenizer)
            pipeline = _pipeline(folder, tokenizer, settings)
        clock.note("model")
    except RuntimeError as error:
        raise ModelBroken(
            f"The model {model_id} can't be loaded: {brief(error)} "
            "(consigne doctor says whether its files are whole)"
        ) from error
    vocabulary, prompter, table = prompting.result()
    _warm_up(pipeline, tokenizer)
    clock.note("warm_up")
    cache_tokens = _cache_tokens(folder, settings)
    return TextModel(
        model_id=model_id,
        folder=folder,
        pipeline=pipeline,
        tokenizer=tokenizer,
        prompter=prompter,
        table=table,
        stop_tokens=vocabulary.eos_ids,
        defaults=read_defaults(folder),
        context=min(context, cache_tokens),
        cache_tokens=cache_tokens,
        seconds=clock.seconds,
        vocabulary=vocabulary.tokens + (b"",) * (len(table) - len(vocabulary.tokens)),
        leads=vocabulary.strip_leading_space,
        small=(folder / "openvino_model.bin").stat().st_size < SMALL_BYTES,
        device=settings.device,
    )


def _pipeline(
    folder: Path, tokenizer: "openvino_genai.Tokenizer", settings: EngineSettings
) -> "openvino_genai.ContinuousBatchingPipeline":
    """Return the compiled model, from the first of its forms that the runtime takes."""
    import openvino_genai

    def compiled(form: Form) -> openvino_genai.ContinuousBatchingPipeline:
        properties = _properties(settings) | form.properties
        scheduler = _scheduler(folder, settings)
        return openvino_genai.ContinuousBatchingPipeline(
            form.folder, tokenizer, scheduler, settings.device, **properties
        )

    with fused_form(folder, settings.device) as fused:
        if fused is not None:
            try:
                return compiled(fused)
            except RuntimeError as error:
                _log.warning("The model is read in its standard form: %s", brief(error))
    return compiled(Form(folder))


def _prompting(folder: Path, tokenizer: Any) -> tuple[Vocabulary, "Prompter", tuple[bytes, ...]]:
    """Return what prompts are made and answers are read with, all of it imported."""
    import_all()
    import consigne.engines.worker.text  # noqa: F401 - the loop's own modules, needed next
    from consigne.engines.prompts import Prompter

    vocabulary = _vocabulary(folder, tokenizer)
    prompter = Prompter(
        _chat_template(folder, tokenizer),
        bos_token=tokenizer.get_bos_token(),
        eos_token=tokenizer.get_eos_token(),
        special_tokens=[_text(vocabulary.tokens[token]) for token in vocabulary.special],
    )
    table = _table(vocabulary, prompter.visible_tokens, _config(folder).get("vocab_size", 0))
    return vocabulary, prompter, table


def _config(folder: Path) -> dict[str, int]:
    config: dict[str, int] = json.loads((folder / "config.json").read_text("utf-8"))
    return config


def _chat_template(folder: Path, tokenizer: "openvino_genai.Tokenizer") -> str:
    own = folder / "chat_template.jinja"
    return own.read_text("utf-8") if own.is_file() else tokenizer.get_original_chat_template()


def _properties(settings: EngineSettings) -> dict[str, Any]:
    """Return how the runtime computes; the choice and its figures: ``docs/engine-settings.md``."""
    precision = "f32" if settings.precision == "auto" else settings.precision
    properties: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
    if settings.device == "CPU":
        properties["KV_CACHE_PRECISION"] = "u8"
    if settings.threads:
        properties["INFERENCE_NUM_THREADS"] = settings.threads
    return properties


def _scheduler(folder: Path, settings: EngineSettings) -> "openvino_genai.SchedulerConfig":
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = _cache_tokens(folder, settings) // BLOCK_TOKENS
    scheduler.max_num_batched_tokens = MAX_BATCHED_TOKENS
    scheduler.max_num_seqs = settings.max_running
    scheduler.enable_prefix_caching = True
    scheduler.dynamic_split_fuse = True
    return scheduler


def _cache_tokens(folder: Path, settings: EngineSettings) -> int:
    """Return how many tokens the attention cache has room for."""
    config = _config(folder)
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    per_token = config["num_hidden_layers"] * heads * (width + width // 4 + width + 8)
    return max(settings.kv_cache_bytes // per_token // BLOCK_TOKENS, 2) * BLOCK_TOKENS


def _vocabulary(folder: Path, tokenizer: "openvino_genai.Tokenizer") -> Vocabulary:
    if (folder / FILE_NAME).is_file():
        return Vocabulary.load(folder / FILE_NAME)
    if (folder / "tokenizer.json").is_file():
        return Vocabulary.from_tokenizer_json(folder / "tokenizer.json")
    entries: dict[bytes, int] = tokenizer.get_vocab()
    tokens = [b""] * (max(entries.values()) + 1)
    for token, number in entries.items():
        tokens[number] = token
    ends = (tokenizer.get_eos_token_id(), tokenizer.get_bos_token_id())
    return Vocabulary(tuple(tokens), frozenset(end for end in ends if 0 <= end < len(tokens)))


def _table(vocabulary: Vocabulary, visible: Collection[str], size: int) -> tuple[bytes, ...]:
    """Return each token's bytes; none for control tokens, but those of the answer's form.

    A model may have more logits than its tokenizer has tokens: the rest stands for nothing.
    """
    table = list(vocabulary.tokens) + [b""] * (size - len(vocabulary.tokens))
    for token in vocabulary.special:
        if _text(table[token]) not in visible:
            table[token] = b""
    return tuple(table)


def _text(token: bytes) -> str:
    return token.decode("utf-8", "replace")


def _warm_up(pipeline: "openvino_genai.ContinuousBatchingPipeline", tokenizer: Any) -> None:
    """Generate two tokens: the first step allocates the cache and compiles kernels."""
    import openvino_genai

    config = openvino_genai.GenerationConfig(max_new_tokens=2, ignore_eos=True)
    handle = pipeline.add_request(0, tokenizer.encode("Hello, world!").input_ids, config)
    while pipeline.has_non_finished_requests():
        pipeline.step()
    handle.read_all()


def brief(error: Exception) -> str:
    """Return what an OpenVINO exception says, without its chain of source lines."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[-1][:300]
