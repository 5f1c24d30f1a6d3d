"""``consigne keys``: make and revoke API keys; works while the server runs."""

import click

from consigne.cli.store import on_database


@click.group()
def keys() -> None:
    """Make and revoke API keys."""


@keys.command()
@click.argument("name")
@click.pass_context
def create(ctx: click.Context, name: str) -> None:
    """Make a key and print it, once: it is not kept and can't be shown again."""
    from consigne.business.keys import Keys

    _, secret = on_database(ctx, lambda db: Keys(db).create(name))
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
        ("name", "ends in", "made", "last used", "state"),
        [
            (
                key.name,
                f"…{key.hint}",
                f"{key.created_at:%Y-%m-%d}",
                f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
                f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "in use",
            )
            for key in found
        ],
    )


@keys.command()
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """End a key, by its name or id; it stops working within five seconds."""
    from consigne.business.keys import Keys

    key = on_database(ctx, lambda db: Keys(db).revoke(name))
    click.echo(f"Revoked {key.name} (…{key.hint}).")
