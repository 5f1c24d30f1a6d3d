"""``consigne users``: make users and sign-in links; works while the server runs."""

import click

from consigne.cli.context import settings_of
from consigne.cli.store import on_database


@click.group()
def users() -> None:
    """Make users and sign-in links."""


@users.command()
@click.argument("email")
@click.option("--name", default="", help="The person's name.")
@click.option("--owner", is_flag=True, help="Let them own this installation.")
@click.option("--admin", is_flag=True, help="Let them manage this installation.")
@click.pass_context
def create(ctx: click.Context, email: str, name: str, owner: bool, admin: bool) -> None:
    """Make a user and print a link that signs them in once, within 15 minutes."""
    from consigne.business.identity import Identity
    from consigne.store.db import Database

    role = "owner" if owner else "admin" if admin else "member"

    async def work(db: Database) -> str:
        identity = Identity(db)
        user = await identity.create_user(email, name=name, role=role)
        return await identity.create_login_link(user.email)

    token = on_database(ctx, work)
    click.echo(f"{email} is {'an' if role != 'member' else 'a'} {role} now. Sign-in link:")
    click.echo(_link(ctx, token))


@users.command("list")
@click.pass_context
def list_users(ctx: click.Context) -> None:
    """List the users."""
    from consigne.business.identity import Identity
    from consigne.cli.tables import print_table

    found = on_database(ctx, lambda db: Identity(db).list_users())
    if not found:
        click.echo("There are no users. The first start of the service makes the owner.")
        return
    print_table(("name", "e-mail", "role"), [(u.name, u.email or "none", u.role) for u in found])


@users.command()
@click.argument("email", required=False)
@click.pass_context
def link(ctx: click.Context, email: str | None) -> None:
    """Print a link that signs a user in once, within 15 minutes (without EMAIL: the owner)."""
    from consigne.business.identity import Identity

    token = on_database(ctx, lambda db: Identity(db).create_login_link(email))
    click.echo(_link(ctx, token))


def _link(ctx: click.Context, token: str) -> str:
    from consigne.cli.client import running_server

    settings = settings_of(ctx)
    server = running_server(settings.data_dir)
    local = server.url if server else f"http://{settings.server.host}:{settings.server.port}"
    return f"{settings.server.public_url or local}/#token={token}"
