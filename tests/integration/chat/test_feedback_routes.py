"""Rating over the web app's API, and the export that only administrators get."""

from pathlib import Path

import msgspec
from click.testing import CliRunner

from consigne.api.app_routes import feedback as routes
from consigne.cli.main import cli
from support.site import Site, Visitor


async def answered(visitor: Visitor) -> tuple[str, str]:
    conversation = await visitor.ask("POST", "/conversations", {})
    message = {"text": "Hello", "parent_id": None, "client_id": "one"}
    sent = await visitor.ask("POST", f"/conversations/{conversation['id']}/messages", message)
    await visitor.events(f"/runs/{sent['run']['id']}/events")
    return conversation["id"], sent["answer"]["id"]


async def test_rating_and_exporting(site: Site, tmp_path: Path):
    member = await (await site.owner() and site.member("ada@example.org"))
    conversation, answer = await answered(member)
    given = {"rating": "down", "reasons": ["wrong"], "comment": "It is not."}
    opinion = await member.ask("PUT", f"/messages/{answer}/feedback", given)
    routes.Opinion.model_validate(opinion)
    listed = await member.ask("GET", f"/conversations/{conversation}/feedback")
    assert listed == {"feedback": [opinion]}
    bad = given | {"reasons": ["clear"]}
    assert await member.refused("PUT", f"/messages/{answer}/feedback", bad) == "400 invalid_request"
    assert await member.refused("GET", "/feedback/export") == "403 not_permitted"
    owner, stranger = await site.owner(), await site.stranger()
    lines = (await owner.http.get("/api/feedback/export")).text.splitlines()
    assert [msgspec.json.decode(line)["comment"] for line in lines] == ["It is not."]
    assert (await stranger.http.get("/api/feedback/export")).text == ""
    assert (await owner.http.get("/api/feedback/export?form=pairs")).text == ""


def test_the_command_writes_a_file_or_says_why_not(tmp_path: Path):
    run = CliRunner()
    data = ["--data-dir", str(tmp_path / "data"), "feedback", "export"]
    done = run.invoke(cli, [*data, "-o", str(tmp_path / "out.jsonl")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    failed = run.invoke(cli, [*data, "-o", str(tmp_path / "none" / "out.jsonl")])
    assert "Can't write" in str(failed.exception)
