"""One typed settings object: ``consigne.toml``, then ``CONSIGNE_*`` environment, then CLI flags.

Later sources win. Nested settings are tables in the file and double underscores in the
environment: ``[server] port = 80`` is ``CONSIGNE_SERVER__PORT=80``.
"""

from consigne.settings.reading import load_settings
from consigne.settings.usage import MetricsSettings, PriceSettings, UsageSettings
from consigne.settings.values import (
    BatchSettings,
    Capability,
    DatabaseSettings,
    EngineSettings,
    Extension,
    FileSettings,
    IdempotencySettings,
    LimitSettings,
    ModelSettings,
    ProvenanceSettings,
    ProviderModel,
    ProviderSettings,
    RecordSettings,
    SearchSettings,
    ServerSettings,
    Settings,
    SharingSettings,
    ToolServerSettings,
    ToolSettings,
    default_data_dir,
)

__all__ = [
    "BatchSettings",
    "Capability",
    "DatabaseSettings",
    "EngineSettings",
    "Extension",
    "FileSettings",
    "IdempotencySettings",
    "LimitSettings",
    "MetricsSettings",
    "ModelSettings",
    "PriceSettings",
    "ProvenanceSettings",
    "ProviderModel",
    "ProviderSettings",
    "RecordSettings",
    "SearchSettings",
    "ServerSettings",
    "Settings",
    "SharingSettings",
    "ToolServerSettings",
    "ToolSettings",
    "UsageSettings",
    "default_data_dir",
    "load_settings",
]
