"""What people rely on of the search: it finds what was said, shows why, and takes any query."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from consigne.chat.places import Change
from consigne.chat.search import Search, terms_of
from consigne.chat.snippets import snippet
from consigne.chat.values import Found
from consigne.domain.errors import InvalidRequest
from consigne.store import schema
from consigne.store.db import Database
from doubles.scripted import START, stop, text
from support.chat import Chat

pytestmark = pytest.mark.databases


async def find(chat: Chat, query: str, **options) -> Found:
    return await Search(chat.db).find(chat.caller, query, **options)


async def texts(chat: Chat, query: str) -> list[str]:
    return ["".join(p.text for p in hit.snippet) for hit in (await find(chat, query)).messages]


def marked(said: str, query: str) -> str:
    return "".join(f"[{p.text}]" if p.hit else p.text for p in snippet(said, terms_of(query)))


async def test_questions_and_answers_are_found_with_their_conversation(chat: Chat):
    chat.gateway.script = (START, *text("The lighthouse of Cordouan"), stop())
    conversation = await chat.new()
    answer = await chat.ask(conversation, "Name the oldest lamp at sea")
    found = await find(chat, "cordouan")
    (hit,) = found.messages
    assert (hit.message_id, hit.conversation_id, hit.role) == (
        answer.id,
        conversation.id,
        "assistant",
    )
    assert hit.title == "Name the oldest lamp at sea"
    assert hit.created_at == answer.created_at
    assert not found.more
    assert [hit.role for hit in (await find(chat, "oldest lamp")).messages] == ["user"]
    assert [c.id for c in (await find(chat, "oldest")).conversations] == [conversation.id]


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("creme", True),
        ("CRÈME brulee", True),
        ("brul", True),  # the last word may be unfinished
        ("brul creme", False),  # the others may not
        ('"la creme brulee"', True),
        ('"brulee creme"', False),
        ("creme salad", False),
        ("peut-être", True),
        ("lait 20", True),
        ("한국", True),
        ("Ωμέγα", True),
    ],
)
async def test_words_match_without_case_and_accents(chat: Chat, query: str, there: bool):
    said = "La crème brûlée, peut-être avec 200 ml de lait. 한국 ωμεγα"
    await chat.ask(await chat.new(), said)
    assert (await texts(chat, query) != []) == there


async def test_the_best_match_comes_first_and_the_rest_is_told_of(chat: Chat):
    for said in ("A word of bread among very many other words of the day", "Bread, bread, bread"):
        await chat.ask(await chat.new(), said)
    assert await texts(chat, "bread") == [
        "Bread, bread, bread",
        "A word of bread among very many other words of the day",
    ]
    found = await find(chat, "bread", limit=1)
    assert (len(found.messages), found.more) == (1, True)
    with pytest.raises(InvalidRequest):
        await find(chat, "bread", limit=0)


async def test_the_index_follows_what_is_written_and_deleted(chat: Chat):
    chat.gateway.script = (START, *text("First half"), stop())
    conversation = await chat.new()
    answer = await chat.ask(conversation, "Question")
    async with chat.db.session() as session:
        await session.execute(
            sql("UPDATE messages SET content = :c WHERE id = :i"),
            {
                "c": '[{"type":"thinking","thinking":"secret"},{"type":"text","text":"Second"}]',
                "i": answer.id,
            },
        )
    assert await texts(chat, "half") == []
    assert await texts(chat, "second") == ["Second"]
    assert await texts(chat, "secret") == []
    await chat.conversations.delete(chat.caller, conversation.id)
    assert await texts(chat, "second") == []
    await chat.conversations.restore(chat.caller, conversation.id)
    assert await texts(chat, "second") == ["Second"]
    await chat.conversations.change(chat.caller, conversation.id, Change(archived=True))
    (hit,) = (await find(chat, "second")).messages
    assert hit.archived
    async with chat.db.session() as session:
        await session.execute(sql("DELETE FROM conversations"))
    assert await texts(chat, "second") == []
    words = "words IS NOT NULL"
    if chat.db.dialect == "sqlite":
        words = "message_words MATCH 'second OR question OR first'"
    async with chat.db.reading() as session:
        left = sql(f"SELECT count(*) FROM message_words WHERE {words}")
        assert await session.scalar(left) == 0


@pytest.mark.databases("sqlite")
@settings(max_examples=150)
@given(query=st.text(max_size=60) | st.text("ab\"*-^:()+{}\\' \x00NOTANDORNEAR", max_size=40))
async def test_no_query_is_an_error(chat: Chat, query: str):
    assert (await find(chat, query)).messages == ()


def test_a_snippet_shows_the_matches_in_their_words():
    assert marked("La crème brûlée", "creme brul") == "La [crème] [brûl]ée"
    assert marked("cafe\u0301 noir", "cafe x") == "[cafe\u0301] noir"
    assert marked("Concatenate the cats", "cat") == "Concatenate the [cat]s"
    assert marked("No such thing", "bread") == "No such thing"


def test_a_snippet_of_a_long_text_begins_shortly_before_the_best_place():
    long = (
        "one word " + "and more words " * 400 + "then **bread\n and** butter, at last" + " end" * 90
    )
    shown = marked(long, "bread butter word")
    assert "then [bread] and [butter]," in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 240


@given(said=st.text(max_size=400), query=st.text(max_size=30))
def test_a_snippet_can_be_made_of_anything(said: str, query: str):
    terms = terms_of(query) or [("x",)]
    assert all(piece.text for piece in snippet(said, terms))


@pytest.mark.migrates
@pytest.mark.databases("sqlite")
async def test_messages_from_before_the_index_are_found(tmp_path: Path, monkeypatch):
    path = tmp_path / "old.db"
    monkeypatch.setattr("consigne.store.db.SCHEMA", "0004")
    monkeypatch.setattr(schema.command, "upgrade", _only_to("0004"))
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as raw:
        raw.executescript(_OLD)
    raw.close()
    monkeypatch.undo()
    db = await Database.open(path)
    async with db.reading() as session:
        found = await session.execute(sql("SELECT message_id, user_id, text FROM message_texts"))
        assert [tuple(row) for row in found] == [("msg_1", "user_1", "Once upon a time")]
        words = "SELECT rowid FROM message_words WHERE message_words MATCH 'upon'"
        assert await session.scalar(sql(words)) == 1
    await db.close()


def _only_to(revision: str):
    upgrade = schema.command.upgrade
    return lambda config, _head: upgrade(config, revision)


_OLD = """
INSERT INTO organisations (id, name, created_at) VALUES ('org_1', 'O', '2026-01-01');
INSERT INTO workspaces (id, organisation_id, name, created_at)
  VALUES ('ws_1', 'org_1', 'W', '2026-01-01');
INSERT INTO users (id, name, created_at) VALUES ('user_1', 'U', '2026-01-01');
INSERT INTO conversations (id, organisation_id, workspace_id, user_id, title, title_by,
  title_folded, model, created_at, updated_at)
  VALUES ('conv_1', 'org_1', 'ws_1', 'user_1', '', 'rule', '', '', '2026-01-01', '2026-01-01');
INSERT INTO messages (id, organisation_id, conversation_id, role, content, state, left_out,
  created_at) VALUES
  ('msg_1', 'org_1', 'conv_1', 'user', '[{"type":"text","text":"Once upon a time"}]', 'complete', 0,
   '2026-01-01'),
  ('msg_2', 'org_1', 'conv_1', 'assistant', '[]', 'running', 0, '2026-01-01');
"""
