"""Skills are read from folders and zips, whatever these hold, and fit or do not."""

import io
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat.skill_bundles import from_text, from_zip
from consigne.chat.skills import Skill, Skills, fitting
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from support.chat import Chat

INVOICE = "---\nname: invoices\ndescription: Writes polite payment reminders.\n---\nBe polite."


def zipped(files: dict[str, bytes | str]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return into.getvalue()


def skill(name: str, description: str) -> Skill:
    return Skill(name, name, description, "Body", {}, "upload", True, False, True)


def test_a_zip_holds_its_skill_at_the_top_or_in_one_folder():
    for prefix in ("", "invoices/"):
        files = {
            f"{prefix}SKILL.md": INVOICE,
            f"{prefix}more/tone.md": "Calm",
            f"{prefix}a": b"\xff",
        }
        found = from_zip(zipped(files))
        assert (found.name, found.body) == ("invoices", "Be polite.")
        assert found.files == {"more/tone.md": "Calm"}


@pytest.mark.parametrize(
    "files",
    [
        {"../SKILL.md": INVOICE},
        {"/SKILL.md": INVOICE},
        {"a\\..\\SKILL.md": INVOICE},
        {"C:/SKILL.md": INVOICE},
        {"README.md": INVOICE},
        {"SKILL.md": b"\xff\xfe"},
        {"SKILL.md": INVOICE, "big": b"0" * (4 * 2**20 + 1)},
        {"SKILL.md": INVOICE} | {str(n): "x" for n in range(101)},
        {"SKILL.md": "no front matter"},
        {"SKILL.md": "---\nname: Bad Name\ndescription: x\n---\n"},
        {"SKILL.md": "---\nname: good\n---\n"},
        {"SKILL.md": "---\nname: [\n---\n"},
        {"SKILL.md": "---\n!!python/object/apply:os.system [ls]\n---\n"},
    ],
)
def test_what_is_no_skill_is_refused(files: dict[str, bytes | str]):
    with pytest.raises(InvalidRequest):
        from_zip(zipped(files))


def test_a_link_in_a_zip_is_refused():
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        link = zipfile.ZipInfo("SKILL.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InvalidRequest):
        from_zip(into.getvalue())


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: zipped({"SKILL.md": b})))
def test_rubbish_is_refused(data: bytes):
    with pytest.raises(InvalidRequest):
        from_zip(data)


def test_a_skill_fits_by_its_name_or_by_two_of_its_words():
    skills = [
        skill("invoices", "Writes polite payment reminders to customers."),
        skill("recipes", "Turns ingredients into recipes for customers."),
    ]
    assert fitting(skills, "Please use the Invoices skill") is skills[0]
    assert fitting(skills, "A payment reminder, please") is skills[0]
    assert fitting(skills, "These ingredients, which recipe?") is skills[1]
    assert fitting(skills, "Hello customers") is None
    assert fitting(skills, "What is the weather?") is None
    assert fitting((), "Anything") is None


async def test_operators_skills_are_everybody_s_and_each_switches_them_off(
    chat: Chat, tmp_path: Path, make_member
):
    (tmp_path / "skills" / "good").mkdir(parents=True)
    (tmp_path / "skills" / "good" / "SKILL.md").write_text(INVOICE)
    (tmp_path / "skills" / "bad").mkdir()
    (tmp_path / "skills" / "bad" / "SKILL.md").write_text("nothing")
    skills = Skills(chat.db, tmp_path / "skills")
    other = await make_member("ada@example.org")
    (found,) = await skills.enabled(chat.caller)
    assert (found.name, found.source) == ("invoices", "operator")
    await skills.switch(chat.caller, found.id, enabled=False)
    assert await skills.enabled(chat.caller) == ()
    assert len(await skills.enabled(other)) == 1
    assert await skills.read(other, "invoices") == "Be polite."
    with pytest.raises(NotFound):
        await skills.read(chat.caller, "invoices")


async def test_an_upload_is_its_person_s_until_an_administrator_shares_it(
    chat: Chat, tmp_path: Path, make_member
):
    skills = Skills(chat.db, tmp_path / "none")
    other = await make_member("ada@example.org")
    data = zipped({"SKILL.md": INVOICE, "tone.md": "Calm"})
    made = await skills.upload(chat.caller, data)
    assert (await skills.upload(chat.caller, data)).id == made.id
    assert await skills.list(other) == ()
    theirs = await skills.upload(other, data)
    with pytest.raises(NotPermitted):
        await skills.share(other, theirs.id, shared=True)
    await skills.delete(other, theirs.id)
    await skills.share(chat.caller, made.id, shared=True)
    assert [s.mine for s in await skills.list(other)] == [False]
    assert await skills.read(other, "invoices", "tone.md") == "Calm"
    for act in (skills.delete, skills.restore):
        with pytest.raises(NotFound):
            await act(other, made.id)


def test_what_follows_the_front_matter_is_the_body():
    found = from_text("\ufeff---\r\nname: a\r\ndescription: >\r\n  One\r\n  two\r\n---\r\nBody\n")
    assert (found.description, found.body) == ("One two", "Body")
    assert msgspec.json.encode(found)
