"""One typed settings object: ``consigne.toml``, then ``CONSIGNE_*`` environment, then CLI flags.

Later sources win. Nested settings are tables in the file and double underscores in the
environment: ``[server] port = 80`` is ``CONSIGNE_SERVER__PORT=80``.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from consigne.domain.errors import OperatorError
from consigne.setting_sources import (
    find_config,
    from_environment,
    from_file,
    merge,
    without_none,
)
from consigne.usage_settings import MetricsSettings, PriceSettings, UsageSettings, check_usage

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
Capability = Literal[
    "tools", "structured_output", "images_in", "documents_in", "thinking", "logprobs"
]
Extension = Literal["top_k", "min_p", "repetition_penalty", "reasoning_content"]


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the service listens and what it accepts."""

    host: str = "127.0.0.1"
    """The address to listen on; the default is this machine only."""
    port: int = 8000
    """The port to listen on; 0 takes a free one."""
    public_url: str = ""
    """The address that people use, when it differs from host and port (behind a proxy)."""
    max_body_bytes: int = 32 * 2**20
    """Largest request body, in bytes; beyond it the answer is 413."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser."""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How models run on this machine."""

    device: str = "CPU"
    """OpenVINO device name."""
    memory: int = 0
    """Most bytes for all loaded models together; 0 takes 70 % of the machine's memory."""
    kv_cache_bytes: int = 2**30
    """Room for the attention cache of each loaded text model."""
    idle_unload_s: float = 1800.0
    """A model unused for so many seconds is unloaded; 0 keeps it for ever."""
    max_running: int = 64
    """Most generations a model runs at once."""
    max_queued: int = 256
    """Most generations that wait beyond those; further ones are refused as overloaded."""
    max_queued_images: int = 16
    """Most requests for pictures that wait while a model draws; further ones are refused."""
    threads: int = 0
    """Inference threads of a model; 0 leaves the choice to OpenVINO."""
    precision: Literal["auto", "f32", "bf16", "f16"] = "auto"
    """Precision of the arithmetic; ``auto`` is what was measured best for the machine."""


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which names callers may use for which models."""

    default: str = ""
    """The model of the chat and of requests that name none; empty takes the first installed."""
    embedding: str = ""
    """The model of embeddings by default; empty takes the first installed."""
    image: str = ""
    """The model of pictures by default; empty takes the first installed, else the built-in one."""
    aliases: dict[str, str] = {}
    """Other names for models: ``{"gpt-4o-mini" = "smollm2-135m-instruct"}``."""
    prices: dict[str, PriceSettings] = {}
    """What models that run here cost: a table ``[models.prices."ID"]`` for each, with any of
    ``input``, ``cached_input``, ``output`` (a million tokens) and ``image`` (one)."""


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much each key may use, where the key has no limit of its own; 0 is no limit."""

    requests_per_minute: int = 0
    """Requests of one key in a minute."""
    tokens_per_minute: int = 0
    """Tokens of one key in a minute, read and written together."""
    input_tokens_per_minute: int = 0
    """Tokens that one key's requests may have in a minute."""
    output_tokens_per_minute: int = 0
    """Tokens that may be written for one key in a minute."""


class IdempotencySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the answers to requests with an ``Idempotency-Key`` are kept."""

    keep_hours: float = 24.0
    """Hours for which a repeated request gets the first answer; 0 keeps none."""
    max_answer_bytes: int = 2**20
    """Largest answer that is kept, in bytes; a larger one is sent and not kept."""
    max_answers_per_key: int = 10_000
    """Most answers kept for one API key; beyond it the earliest go first."""


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where files are kept and how large they may be."""

    store_url: str = ""
    """The object store (``s3://bucket/prefix``, ``gs://…``, ``az://…``); empty: the data folder."""
    max_bytes: int = 512 * 2**20
    """Largest file sent in one request, in bytes; beyond it the answer is 413."""
    max_upload_bytes: int = 8 * 2**30
    """Largest file sent in parts (``/v1/uploads``), in bytes."""


class BatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How requests in batches run beside those that somebody waits for."""

    concurrency: int = 16
    """Most requests of all batches at once while nobody waits for an answer; one otherwise."""
    max_body_bytes: int = 256 * 2**20
    """Largest body that makes a batch, in bytes; beyond it the answer is 413."""


class RecordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the API keeps for applications that ask it to."""

    keep_days: int = 30
    """Days that stored responses and chat completions are kept; 0 keeps them until deleted."""


class SearchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The service that searches the web for models; see [tools](tools.md)."""

    kind: Literal["", "searxng", "brave", "http"] = ""
    """What it speaks: ``searxng``, ``brave``, or ``http`` (your own); empty: no search."""
    url: str = ""
    """Its address; ``brave`` has one of its own."""
    api_key: str = ""
    """Its key; better kept out of the file, with ``api_key_env``."""
    api_key_env: str = ""
    """The environment variable that holds the key."""
    results: int = 8
    """Results of one search, 20 at most."""

    @property
    def secret(self) -> str:
        """The key, wherever it is kept."""
        return os.environ.get(self.api_key_env, "") if self.api_key_env else self.api_key


class ToolServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server of tools, spoken to by the Model Context Protocol."""

    name: str
    """Its name for people; letters, digits, ``_`` and ``-``."""
    command: str = ""
    """The program to run on this machine; instead of ``url``."""
    args: tuple[str, ...] = ()
    """The program's arguments."""
    env: dict[str, str] = {}
    """What its environment holds beside the usual."""
    url: str = ""
    """Its address; instead of ``command``."""
    headers: dict[str, str] = {}
    """Headers sent with each request."""


class ToolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What models may use in the chat; see [tools](tools.md)."""

    web_pages: bool = False
    """Whether pages of the web are read for models."""
    private_addresses: bool = False
    """Whether pages and servers of tools that people name may be in the operator's own network."""
    search: SearchSettings = SearchSettings()
    servers: tuple[ToolServerSettings, ...] = ()
    """Servers of tools, each a table ``[[tools.servers]]``."""


class SharingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What people may show to those who are not signed in."""

    public_links: bool = True
    """Whether they may make links by which anybody reads a conversation of theirs; without it
    the links there are lead nowhere."""


class ProvenanceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How what models make is marked as generated."""

    organisation: str = "Consigne"
    """The name in the certificate that is made at the first picture, and in the marks of text."""
    certificate: str = ""
    """File of the operator's certificate chain (PEM, the signing one first); empty: self-made."""
    private_key: str = ""
    """File of its private key (PEM, not encrypted)."""
    watermark: bool = True
    """Whether pictures bear an imperceptible mark in their pixels."""
    url_minutes: int = 60
    """Minutes for which the address of a picture that the API gives out works."""
    text_marks: tuple[Literal["header", "copy", "export"], ...] = ("header", "export")
    """Where generated text is marked: in the API's answers (``header``), in what is copied from
    the app (``copy``), in conversations saved as files (``export``)."""


class ProviderModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model that a provider's server answers for."""

    id: str
    """What callers name; the same id at several providers means: the first, then the next."""
    upstream: str = ""
    """The model's name at the provider; empty is the same as ``id``."""
    name: str = ""
    """The name for people; empty is the same as ``id``."""
    context: int
    """Most tokens of prompt and answer together."""
    max_output: int = 0
    """Most tokens of one answer; 0 takes 8,192 where the provider wants a number."""
    capabilities: tuple[Capability, ...] = ("tools", "structured_output")
    """What it can be asked for: ``tools``, ``structured_output``, ``images_in``, ``documents_in``,
    ``thinking``, ``logprobs``."""
    embedding: bool = False
    """Whether it makes vectors instead of text."""
    image: bool = False
    """Whether it makes pictures instead of text."""
    image_edits: bool = False
    """Whether it changes pictures too, of its own and others (``POST /images/edits``)."""
    prompt_cache: bool = False
    """Whether an Anthropic server is asked to cache prompts: cheaper for conversations that go on,
    dearer for single questions."""
    price: PriceSettings | None = None
    """What it costs: a table with any of ``input``, ``cached_input``, ``cache_creation``,
    ``output`` (a million tokens) and ``image`` (one); unset: no cost is told."""


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server elsewhere that speaks OpenAI's or Anthropic's API."""

    name: str
    """The operator's name for it, seen beside its models and in errors."""
    kind: Literal["openai", "anthropic"]
    """Which API it speaks: ``openai`` (any compatible server) or ``anthropic``."""
    base_url: str
    """Its address as the vendor's SDK takes it: with ``/v1`` for OpenAI, without for Anthropic."""
    api_key: str = ""
    """Its key; better kept out of the file, with ``api_key_env``."""
    api_key_env: str = ""
    """The environment variable that holds the key."""
    headers: dict[str, str] = {}
    """Further headers sent with each request."""
    proxy: str = ""
    """The HTTP proxy to go through."""
    connect_timeout_s: float = 10.0
    """Seconds to wait for a connection."""
    timeout_s: float = 600.0
    """Seconds of silence after which a request is given up."""
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """How an OpenAI-compatible server calls the limit on an answer; older ones: ``max_tokens``."""
    extensions: tuple[Extension, ...] = ()
    """What an OpenAI-compatible server reads beyond OpenAI's own: ``top_k``, ``min_p``,
    ``repetition_penalty``, ``reasoning_content``."""
    models: tuple[ProviderModel, ...] = ()
    """Its models, each a table ``[[providers.models]]``."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator can set."""

    data_dir: Path = msgspec.field(default_factory=lambda: default_data_dir())  # noqa: PLW0108 - defined below
    """The one folder that holds the database, models and files."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is written to the log."""
    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    models: ModelSettings = ModelSettings()
    limits: LimitSettings = LimitSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    files: FileSettings = FileSettings()
    batches: BatchSettings = BatchSettings()
    records: RecordSettings = RecordSettings()
    usage: UsageSettings = UsageSettings()
    metrics: MetricsSettings = MetricsSettings()
    tools: ToolSettings = ToolSettings()
    sharing: SharingSettings = SharingSettings()
    provenance: ProvenanceSettings = ProvenanceSettings()
    providers: tuple[ProviderSettings, ...] = ()
    """Servers elsewhere, each a table ``[[providers]]``; see [providers](providers.md)."""

    @property
    def has_text_provider(self) -> bool:
        """Whether a provider writes text, so that nothing need be installed to begin."""
        return any(
            not (model.embedding or model.image) for each in self.providers for model in each.models
        )

    @property
    def models_dir(self) -> Path:
        """The folder of installed models."""
        return self.data_dir / "models"

    @property
    def database_path(self) -> Path:
        """The embedded database's file."""
        return self.data_dir / "consigne.db"

    @property
    def objects_dir(self) -> Path:
        """The folder of files' contents, where no object store is set."""
        return self.data_dir / "objects"

    @property
    def provenance_dir(self) -> Path:
        """The folder of the certificate that is made where the operator gives none."""
        return self.data_dir / "provenance"

    @property
    def jobs_path(self) -> Path:
        """The file in which durable jobs keep how far they are."""
        return self.data_dir / "jobs.db"


def default_data_dir() -> Path:
    """Return the folder for data where none is set (the platform's own place for it)."""
    import platformdirs

    return Path(platformdirs.user_data_dir("consigne", appauthor=False))


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings.

    Args:
        overrides: What the command line set, nested as the settings are; ``None`` values are
            passed over.
        config: The settings file; by default ``consigne.toml`` in the working directory or
            in the data folder, if there is one.
        environ: The environment; by default the process's own.

    Raises:
        OperatorError: A file that can't be read, an unknown key, a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    env = from_environment(environ)
    flags = without_none(overrides or {})
    data_dir = Path(flags.get("data_dir") or env.get("data_dir") or default_data_dir())
    path = config or find_config(environ, data_dir)
    merged = merge(merge(from_file(path), env), flags)
    try:
        settings = msgspec.convert(merged, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        origin = f" (settings file: {path})" if path else ""
        raise OperatorError(f"The settings are wrong: {error}{origin}.") from None
    _check_providers(settings.providers)
    _check_tools(settings.tools)
    check_usage(settings.usage, settings.metrics, _prices(settings))
    return msgspec.structs.replace(settings, data_dir=settings.data_dir.expanduser().absolute())


def _check_providers(providers: tuple[ProviderSettings, ...]) -> None:
    seen: set[str] = set()
    for at, provider in enumerate(providers):
        where = f"The settings are wrong: providers[{at}]"
        if not provider.name or provider.name in seen or not provider.name.isprintable():
            raise OperatorError(f"{where}.name must be there, printable, and of this one alone.")
        seen.add(provider.name)
        for field in ("base_url", "proxy"):
            url = getattr(provider, field)
            if (url or field == "base_url") and not _is_http(url):
                raise OperatorError(f"{where}.{field} must be an http or https address.")
        if provider.api_key and provider.api_key_env:
            raise OperatorError(f"{where}: set api_key or api_key_env, not both.")
        if provider.connect_timeout_s <= 0 or provider.timeout_s <= 0:
            raise OperatorError(f"{where}: timeouts must be more than 0 seconds.")
        for header, value in provider.headers.items():
            if not (_HEADER.fullmatch(header) and value.isascii() and value.isprintable()):
                raise OperatorError(f"{where}.headers: {header!r} is not a valid header.")
        _check_provider_models(provider, where)


def _prices(settings: Settings) -> dict[str, PriceSettings]:
    """Return all prices, each with where it is set."""
    found = {f"models.prices.{name}": price for name, price in settings.models.prices.items()}
    for at, provider in enumerate(settings.providers):
        for model in provider.models:
            if model.price is not None:
                found[f"providers[{at}].models, {model.id}: price"] = model.price
    return found


def _check_tools(tools: ToolSettings) -> None:
    search, where = tools.search, "The settings are wrong: tools"
    if search.kind in ("searxng", "http") and not _is_http(search.url):
        raise OperatorError(f"{where}.search.url must be an http or https address.")
    if search.kind == "brave" and not search.secret:
        raise OperatorError(f"{where}.search: brave needs an api_key or api_key_env.")
    if not 1 <= search.results <= 20:
        raise OperatorError(f"{where}.search.results must be from 1 to 20.")
    seen: set[str] = set()
    for at, server in enumerate(tools.servers):
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,24}", server.name) or server.name in seen:
            raise OperatorError(
                f"{where}.servers[{at}].name must be letters, digits, _ or -, 24 at most, "
                "and of this one alone."
            )
        seen.add(server.name)
        if bool(server.command) == bool(server.url) or (server.url and not _is_http(server.url)):
            raise OperatorError(f"{where}.servers[{at}] needs a command, or an http address.")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_provider_models(provider: ProviderSettings, where: str) -> None:
    ids: set[str] = set()
    for at, model in enumerate(provider.models):
        if not model.id or model.id in ids:
            raise OperatorError(f"{where}.models[{at}].id must be there, and once only.")
        ids.add(model.id)
        if model.context <= 0 or model.max_output < 0:
            raise OperatorError(f"{where}.models[{at}]: context must be more than 0 tokens.")
        if model.prompt_cache and provider.kind != "anthropic":
            raise OperatorError(f"{where}.models[{at}].prompt_cache: this API caches unasked.")
        if model.embedding and provider.kind == "anthropic":
            raise OperatorError(f"{where}.models[{at}].embedding: this API makes no vectors.")
        if model.image and (provider.kind == "anthropic" or model.embedding):
            raise OperatorError(f"{where}.models[{at}].image: this API makes no pictures.")
        if model.image_edits and not model.image:
            raise OperatorError(f"{where}.models[{at}].image_edits: it needs image = true.")


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"unexpected {type(value).__name__}")
