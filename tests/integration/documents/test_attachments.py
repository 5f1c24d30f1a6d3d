"""Files from upload to cited answer: real extraction, real index, real API; a scripted model."""

import pytest

from consigne.domain.messages import TextBlock
from doubles.scripted import START, stop, text
from support.files import pdf, png
from support.site import Json, Site, Visitor

pytestmark = pytest.mark.slow

LEASE = pdf("The rent is 900 euros a month.", "Notice must be given three months ahead.")


async def add(visitor: Visitor, name: str, content: bytes, kind: str = "") -> Json:
    added: Json = await visitor.ask("POST", "/documents", files={"file": (name, content, kind)})
    return added


async def asked(visitor: Visitor, words: str, *files: Json) -> Json:
    conversation = await visitor.ask("POST", "/conversations", {})
    body = {"text": words, "parent_id": None, "client_id": "one"}
    body["attachments"] = [file["id"] for file in files]
    path = f"/conversations/{conversation['id']}/messages"
    sent = await visitor.ask("POST", path, body)
    done = (await visitor.events(f"/runs/{sent['run']['id']}/events"))[-1][2]["message"]
    thread = await visitor.ask("GET", f"/conversations/{conversation['id']}")
    assert thread["messages"][-1] == done
    assert thread["messages"][0]["attachments"] == sent["message"]["attachments"]
    answer: Json = done
    return answer


async def test_an_answer_cites_a_page_of_the_file_that_was_read_whole(site: Site) -> None:
    owner = await site.owner()
    lease = await add(owner, "lease.pdf", LEASE, "application/pdf")
    assert (lease["pages"], lease["passages"], lease["kind"]) == (2, 2, "text")
    site.gateway.script = (START, *text("Three months [2], not [7]."), stop())
    answer = await asked(owner, "How much notice?", lease)
    (request,) = [r for r in site.gateway.requests if r.system]
    (message,) = request.messages
    assert isinstance(message.content[0], TextBlock)
    assert message.content[0].text.startswith("File: lease.pdf\n[1] The rent is 900")
    (citation,) = answer["citations"]
    assert (citation["number"], citation["page"], citation["passage"]) == (2, 2, 1)
    assert citation["text"].strip() == "Notice must be given three months ahead."
    found = await owner.ask("GET", f"/documents/{lease['id']}/passages?around=1")
    assert [each["page"] for each in found["passages"]] == [1, 2]
    assert not found["later"]
    await owner.ask("DELETE", f"/documents/{lease['id']}")
    assert await owner.refused("GET", f"/documents/{lease['id']}") == "404 not_found"


async def test_what_does_not_fit_is_searched(site: Site) -> None:
    owner = await site.owner()
    lines = [
        f"Rule {n}. Lockers of size {n} are emptied by the staff in time.\n" for n in range(400)
    ]
    lines[250] = "Umbrellas left behind are given to the lighthouse keeper.\n"
    rules = await add(owner, "rules.txt", "\n".join(lines).encode())
    await asked(owner, "Who is given the umbrellas?", rules)
    request = next(r for r in site.gateway.requests if r.system)
    shown = request.messages[-1].text
    assert "lighthouse keeper" in shown
    assert len(shown) < 6000


async def test_the_file_comes_back_as_it_was_and_is_never_shown_by_the_browser(site: Site) -> None:
    owner = await site.owner()
    page = b"<script>alert(1)</script><p>Hello</p>"
    added = await add(owner, "a.html", page, "text/html")
    response = await owner.http.get(f"/api/documents/{added['id']}/content")
    assert response.content == page
    assert response.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_picture_is_refused_by_a_model_that_sees_none(site: Site) -> None:
    owner = await site.owner()
    picture = await add(owner, "dot.png", png(), "image/png")
    shown = await owner.http.get(f"/api/documents/{picture['id']}/picture?size=small")
    assert shown.headers["content-type"] in ("image/png", "image/jpeg")
    conversation = await owner.ask("POST", "/conversations", {})
    body = {"text": "What is it?", "parent_id": None, "client_id": "one"}
    body["attachments"] = [picture["id"]]
    path = f"/conversations/{conversation['id']}/messages"
    assert await owner.refused("POST", path, body) == "400 images_unsupported"


async def test_bad_files_leave_nothing_behind(site: Site) -> None:
    owner = await site.owner()
    for content, why in ((b"", "empty"), (b"\x00\x01\x02" * 100, "unknown")):
        refused = await owner.refused("POST", "/documents", files={"file": ("a.txt", content, "")})
        assert refused == f"400 unreadable_{why}"
    objects = site.services.settings.objects_dir
    assert not [path for path in objects.rglob("*") if path.is_file()]


async def test_one_s_files_are_listed_by_pages_with_where_they_are_used(site: Site) -> None:
    owner, other = await site.owner(), await site.member("ann@example.net")
    first = await add(owner, "first.txt", b"One.")
    await asked(owner, "What is it?", first)
    assistant = await owner.ask(
        "POST", "/assistants", {"name": "House", "knowledge": [first["id"]]}
    )
    project = (await owner.ask("POST", "/projects", {"name": "Move"}))["project"]["id"]
    await owner.ask("PUT", f"/projects/{project}/files/{first['id']}")
    second = await add(owner, "second.txt", b"Two.")
    page = await owner.ask("GET", "/documents?limit=1")
    assert ([each["id"] for each in page["documents"]], page["more"]) == ([second["id"]], True)
    assert page["documents"][0]["conversations"] == page["documents"][0]["assistants"] == []
    page = await owner.ask("GET", f"/documents?limit=1&before={second['id']}")
    (found,) = page["documents"]
    assert not page["more"]
    assert found["assistants"] == [{"id": assistant["id"], "name": "House"}]
    assert found["projects"] == [{"id": project, "name": "Move"}]
    assert [each["name"] for each in found["conversations"]] == ["What is it?"]
    (conversation,) = found["conversations"]
    await owner.ask("DELETE", f"/conversations/{conversation['id']}")
    (_, found) = (await owner.ask("GET", "/documents"))["documents"]
    assert found["conversations"] == []
    assert (await other.ask("GET", "/documents"))["documents"] == []
    assert await owner.refused("GET", "/documents?limit=0") == "400 invalid_request"
