"""A page that is opened asks little of the database, however much a person has."""

import asyncio
from typing import Any

from sqlalchemy import event

from support.site import Site

MOST = 6


def statements_of(site: Site) -> list[str]:
    """Note the statements of this task's requests: what goes on beside them is another task's."""
    own = asyncio.current_task()
    noted: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if asyncio.current_task() is own and not statement.startswith("BEGIN"):
            noted.append(statement)

    event.listen(site.db._engine.sync_engine, "before_cursor_execute", note)
    return noted


async def test_no_page_takes_more_than_six_queries(site: Site) -> None:
    owner = await site.owner()
    noted = statements_of(site)
    conversation = (await owner.ask("POST", "/conversations", {}))["id"]
    said = {"text": "Hello there", "parent_id": None, "client_id": "one"}
    noted.clear()
    sent = await owner.ask("POST", f"/conversations/{conversation}/messages", said)
    assert 1 < len(noted) <= MOST, noted
    await owner.events(f"/runs/{sent['run']['id']}/events")
    for path in (
        "/session",
        "/conversations?place=recent",
        "/conversations?place=pinned&limit=200",
        "/folders",
        "/projects",
        f"/conversations/{conversation}",
        f"/conversations/{conversation}?before={sent['answer']['id']}",
        "/search?query=hello",
    ):
        noted.clear()
        await owner.ask("GET", path)
        assert 1 < len(noted) <= MOST, (path, noted)
