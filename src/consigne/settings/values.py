"""What an operator can set, and its defaults."""

import os
from pathlib import Path
from typing import Literal

import msgspec

from consigne.settings.usage import MetricsSettings, PriceSettings, UsageSettings

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
    moderation: str = ""
    """The text model that judges at ``/v1/moderations`` where a request names none; empty: none."""
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
    fetch_urls: bool = False
    """Whether documents that requests give by their address are fetched, where the model can't do
    it itself or they are to be cited; from the public internet, as ``tools.private_addresses``
    says."""


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
    """Whether pages, documents and servers of tools that people name may be in the operator's own
    network."""
    requested_servers: bool = False
    """Whether requests to the API may name servers of tools, which are called for their answers."""
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
    text_marks: tuple[Literal["header", "body", "copy", "export"], ...] = ("header", "export")
    """Where generated text is marked: in the headers of the API's answers (``header``), in their
    bodies (``body``), in what is copied from the app (``copy``), in conversations saved as files
    (``export``)."""


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
    credentials: Literal["", "aws", "azure", "google"] = ""
    """The cloud whose own credentials on this machine are taken instead of a key: ``aws``
    (Bedrock), ``azure`` (OpenAI, Foundry), ``google`` (Vertex AI); wants the extra ``clouds``."""
    headers: dict[str, str] = {}
    """Further headers sent with each request."""
    proxy: str = ""
    """The HTTP proxy to go through; empty: the one that the environment names (``HTTPS_PROXY``,
    ``NO_PROXY``…), if it names one."""
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


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where everything but files and models is kept."""

    url: str = ""
    """A PostgreSQL: ``postgresql://user@host/name``; empty is a file in the data folder. Wants the
    extra ``postgres``, and one server alone to each database."""
    url_env: str = ""
    """The environment variable that holds the URL; better, where it has a password."""

    @property
    def secret(self) -> str:
        """The URL, wherever it is kept."""
        return os.environ.get(self.url_env, "") if self.url_env else self.url


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator can set."""

    data_dir: Path = msgspec.field(default_factory=lambda: default_data_dir())  # noqa: PLW0108 - defined below
    """The one folder that holds the database, models and files."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is written to the log."""
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
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
    def database_target(self) -> Path | str:
        """What ``Database.open`` opens: the file, or the URL that is set."""
        return self.database.secret or self.database_path

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
