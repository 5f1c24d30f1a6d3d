"""What the types of the settings can't say."""

import re
from urllib.parse import urlsplit

from consigne.domain.errors import OperatorError
from consigne.settings.usage import PriceSettings, check_usage
from consigne.settings.values import DatabaseSettings, ProviderSettings, Settings, ToolSettings

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def check(settings: Settings) -> None:
    """Raise OperatorError for settings that don't go together."""
    _check_database(settings.database)
    _check_providers(settings.providers)
    _check_tools(settings.tools)
    check_usage(settings.usage, settings.metrics, _prices(settings))


def _check_database(database: DatabaseSettings) -> None:
    where = "The settings are wrong: database"
    if database.url and database.url_env:
        raise OperatorError(f"{where}: set url or url_env, not both.")
    if database.url_env and not database.secret:
        raise OperatorError(f"{where}.url_env: {database.url_env} is not set.")
    if database.secret and not database.secret.startswith(("postgresql://", "postgres://")):
        raise OperatorError(f"{where}.url must begin with postgresql://.")


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
        if provider.credentials and (provider.api_key or provider.api_key_env):
            raise OperatorError(f"{where}: set credentials or a key, not both.")
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
