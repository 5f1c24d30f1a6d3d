"""Projects over the app's API: what their conversations follow, and who may do what."""

import pytest

from consigne.api.app_routes import projects as schemas
from doubles.scripted import START, stop, text
from support.site import Json, Site, Visitor

pytestmark = [pytest.mark.slow, pytest.mark.databases]

LEASE = b"The rent is 900 euros.\n\nNotice must be given three months ahead.\n"


async def add(visitor: Visitor, name: str, content: bytes) -> str:
    files = {"file": (name, content, "text/plain")}
    return str((await visitor.ask("POST", "/documents", files=files))["id"])


async def made(visitor: Visitor, **fields: object) -> str:
    opened = await visitor.ask("POST", "/projects", {"name": "House", **fields})
    return str(opened["project"]["id"])


async def begun(visitor: Visitor, project: str | None) -> str:
    conversation = await visitor.ask("POST", "/conversations", {"project_id": project})
    return str(conversation["id"])


async def asked(visitor: Visitor, conversation: str, client_id: str = "one") -> Json:
    body = {"text": "How much is the rent?", "parent_id": None, "client_id": client_id}
    sent = await visitor.ask("POST", f"/conversations/{conversation}/messages", body)
    done: Json = (await visitor.events(f"/runs/{sent['run']['id']}/events"))[-1][2]["message"]
    return done


async def listed(visitor: Visitor, place: str) -> list[str]:
    page = await visitor.ask("GET", f"/conversations?place={place}")
    return [each["id"] for each in page["conversations"]]


async def test_its_conversations_follow_it_and_cite_its_files(site: Site) -> None:
    owner = await site.owner()
    await owner.ask("PUT", "/personal/instructions", {"about": "", "style": "Be brief."})
    project = await made(owner, instructions="You know houses.")
    lease = await add(owner, "lease.txt", LEASE)
    opened = await owner.ask("PUT", f"/projects/{project}/files/{lease}")
    schemas.OpenedProject.model_validate(opened)
    schemas.ProjectList.model_validate(await owner.ask("GET", "/projects"))
    assert [file["filename"] for file in opened["files"]] == ["lease.txt"]
    site.gateway.script = (START, *text("900 euros [1]."), stop())
    inside = await begun(owner, project)

    (citation,) = (await asked(owner, inside))["citations"]
    assert (citation["filename"], citation["document_id"]) == ("lease.txt", lease)
    first, known = [block.text for block in site.gateway.requests[-1].system][:2]
    assert first.index("You know houses.") < first.index("Be brief.")
    assert "[1] The rent is 900" in known

    out = await owner.ask("PATCH", f"/conversations/{inside}", {"project_id": ""})
    assert out["project_id"] is None
    assert (await asked(owner, inside, "two"))["citations"] == []
    assert "You know houses." not in site.gateway.requests[-1].system[0].text


async def test_a_conversation_is_in_a_folder_or_in_a_project(site: Site) -> None:
    owner = await site.owner()
    project = await made(owner)
    folder = (await owner.ask("POST", "/folders", {"name": "Later"}))["id"]
    loose, inside = await begun(owner, None), await begun(owner, project)
    assert (await listed(owner, "recent"), await listed(owner, project)) == ([loose], [inside])
    both = {"folder_id": folder, "project_id": project}
    path = f"/conversations/{inside}"
    assert await owner.refused("PATCH", path, both) == "400 invalid_request"
    moved = await owner.ask("PATCH", path, {"folder_id": folder})
    assert (moved["folder_id"], moved["project_id"]) == (folder, None)
    moved = await owner.ask("PATCH", path, {"project_id": project})
    assert (moved["folder_id"], moved["project_id"]) == (None, project)
    assert await owner.refused("GET", "/conversations?place=proj_x") == "400 invalid_request"


async def test_members_of_the_workspace_use_a_shared_one_and_do_not_change_it(site: Site) -> None:
    owner, ada = await site.owner(), await site.member("ada@example.org")
    bob, stranger = await site.member("bob@example.org"), await site.stranger()
    project = await made(ada, instructions="You know houses.")
    lease = await add(ada, "lease.txt", LEASE)
    await ada.ask("PUT", f"/projects/{project}/files/{lease}")
    for other in (owner, bob, stranger):
        assert await other.refused("GET", f"/projects/{project}") == "404 not_found"
        body = {"project_id": project}
        assert await other.refused("POST", "/conversations", body) == "404 not_found"
        assert await other.refused("GET", f"/documents/{lease}") == "404 not_found"

    await ada.ask("PUT", f"/projects/{project}", {"name": "House", "shared": True})
    (seen,) = (await bob.ask("GET", "/projects"))["projects"]
    assert (seen["mine"], seen["may_change"], seen["maker"]) == (False, False, "ada")
    site.gateway.script = (START, *text("900 euros [1]."), stop())
    his = await begun(bob, project)
    assert [c["filename"] for c in (await asked(bob, his))["citations"]] == ["lease.txt"]
    passages = await bob.ask("GET", f"/documents/{lease}/passages")
    assert "900 euros" in passages["passages"][0]["text"]
    assert await listed(ada, project) == []
    assert await ada.refused("GET", f"/conversations/{his}") == "404 not_found"

    own = await add(bob, "own.txt", LEASE)
    for method, path, body in (
        ("PUT", f"/projects/{project}", {"name": "Mine"}),
        ("DELETE", f"/projects/{project}", None),
        ("PUT", f"/projects/{project}/files/{own}", None),
        ("DELETE", f"/projects/{project}/files/{lease}", None),
    ):
        assert await bob.refused(method, path, body) == "403 not_permitted"
        assert await stranger.refused(method, path, body) == "404 not_found"
    assert await bob.refused("DELETE", f"/documents/{lease}") == "404 not_found"
    assert await bob.refused("POST", f"/projects/{project}/restore") == "404 not_found"
    assert await ada.refused("PUT", f"/projects/{project}/files/{own}") == "404 not_found"

    renamed = await owner.ask("PUT", f"/projects/{project}", {"name": "Home", "shared": True})
    assert (renamed["project"]["may_change"], renamed["project"]["maker"]) == (True, "ada")
    await ada.ask("PUT", f"/projects/{project}", {"name": "Home", "shared": False})
    assert await bob.refused("GET", f"/documents/{lease}/passages") == "404 not_found"
    assert await listed(bob, "recent") == [his]
    assert (await asked(bob, his, "two"))["citations"] == []


async def test_its_conversations_stay_or_go_with_it_and_all_comes_back(site: Site) -> None:
    owner = await site.owner()
    project = await made(owner)
    first, second = await begun(owner, project), await begun(owner, project)
    await owner.ask("DELETE", f"/conversations/{first}")
    await owner.ask("DELETE", f"/projects/{project}?conversations=delete")
    assert await owner.refused("GET", f"/conversations/{second}") == "404 not_found"
    opened = await owner.ask("POST", f"/projects/{project}/restore")
    assert opened["conversations"] == 1
    assert await listed(owner, project) == [second]
    await owner.ask("DELETE", f"/projects/{project}")
    assert await listed(owner, "recent") == [second]
    assert await owner.refused("GET", f"/conversations?place={project}&limit=0")
    assert await listed(owner, project) == []


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "x" * 81}, {"instructions": "x" * 8001}, {"colour": "teal"}]
)
async def test_what_makes_no_project_is_refused(site: Site, wrong: Json) -> None:
    owner = await site.owner()
    refused = await owner.refused("POST", "/projects", {"name": "House", **wrong})
    assert refused == "400 invalid_request"
