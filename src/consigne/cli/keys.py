"""``consigne keys``: make and revoke API keys; works while the server runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from consigne.cli.store import on_database
from consigne.domain import sources

if TYPE_CHECKING:
    from consigne.business.keys import ApiKey


def _limit(what: str, described: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{what}-per-minute",
        type=click.IntRange(0, 2**31 - 1),
        help=f"{described}; 0 is no limit (the settings' limit).",
    )


@click.group()
def keys() -> None:
    """Make and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--expires", metavar="TIME", help="How long it works: 12h, 90d, 2w (for ever).")
@click.option("--models", metavar="A,B", help="The only models it may use, by id or alias (all).")
@click.option(
    "--scopes",
    metavar="A,B",
    help="All it may do, of: generate, embed, images, files, batches, models (everything).",
)
@_limit("requests", "Requests in a minute")
@_limit("tokens", "Tokens in a minute, read and written together")
@_limit("input-tokens", "Tokens read in a minute")
@_limit("output-tokens", "Tokens written in a minute")
@click.pass_context
def create(
    ctx: click.Context,
    /,
    name: str,
    expires: str | None,
    models: str | None,
    scopes: str | None,
    **limits: int | None,
) -> None:
    """Make a key and print it, once: it is not kept and can't be shown again."""
    from consigne.business.grants import parse_life, parse_models, parse_scopes
    from consigne.business.keys import Keys, NewKey

    may = NewKey(
        expires_in=None if expires is None else parse_life(expires),
        models=None if models is None else parse_models(models.split(",")),
        scopes=None if scopes is None else parse_scopes(scopes.split(",")),
        **limits,
    )
    _, secret = on_database(ctx, lambda db: Keys(db).create(name, may))
    click.echo("Keep this key safe: it is shown only now.", err=True)
    click.echo(secret)


@keys.command("list")
@click.pass_context
def list_keys(ctx: click.Context) -> None:
    """List the keys; of their secrets only the last characters are known."""
    from consigne.business.keys import Keys
    from consigne.cli.tables import print_table

    found = on_database(ctx, lambda db: Keys(db).list())
    if not found:
        click.echo("There are no keys. Make one with: consigne keys create NAME")
        return
    print_table(
        ("name", "ends in", "made", "last used", "state", "may"),
        [
            (
                key.name,
                f"…{key.hint}",
                f"{key.created_at:%Y-%m-%d}",
                f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
                _state(key),
                _may(key),
            )
            for key in found
        ],
    )


def _state(key: "ApiKey") -> str:
    match key.state(sources.now()):
        case "revoked":
            return f"revoked {key.revoked_at:%Y-%m-%d}"
        case "expired":
            return f"expired {key.expires_at:%Y-%m-%d}"
        case state:
            return f"{state} until {key.expires_at:%Y-%m-%d}" if key.expires_at else state


def _may(key: "ApiKey") -> str:
    bounds = [
        f"only {', '.join(key.scopes)}" if key.scopes is not None else "",
        f"with {', '.join(key.models)}" if key.models is not None else "",
        *(
            f"{limit:,} {field.replace('_', ' ')}/min"
            for field in key.limits.__struct_fields__
            if (limit := getattr(key.limits, field))
        ),
    ]
    return "; ".join(bound for bound in bounds if bound) or "everything"


@keys.command()
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """End a key, by its name or id; it stops working within five seconds."""
    from consigne.business.keys import Keys

    key = on_database(ctx, lambda db: Keys(db).revoke(name))
    click.echo(f"Revoked {key.name} (…{key.hint}).")
