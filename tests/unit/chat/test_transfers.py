"""Conversations go out and come in whole, from here and from elsewhere."""

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.business.caller import Caller
from consigne.chat import imports, portable
from consigne.chat.conversations import Conversations
from consigne.chat.portable import PortableConversation, PortableMessage
from consigne.chat.transfers import Transfers
from consigne.chat.values import Citation, Source
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.messages import TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from consigne.store.db import Database
from support.chat import Chat
from support.transfers import take

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


NUMBERS = st.integers(1, 99)
SOURCES = st.builds(Source, NUMBERS, TEXT, TEXT.map(lambda path: f"https://a.example/{path}"), TEXT)
DOCUMENTS = st.sampled_from(["", "doc_01jd0000000000000000000000"])
CITATIONS = st.builds(
    Citation, NUMBERS, DOCUMENTS, TEXT, st.integers(0, 9), st.none() | st.integers(1, 9), TEXT, TEXT
)


@st.composite
def conversations(draw: st.DrawFn) -> PortableConversation:
    """A tree of questions and answers, each message a millisecond after the one before."""
    messages: list[PortableMessage] = []
    for number in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from([None, *messages]))
        user = parent is None or parent.role == "assistant"
        blocks: Any = [st.builds(TextBlock, TEXT)]
        if not user:
            blocks.append(st.builds(ThinkingBlock, TEXT))
        made = PortableMessage(
            id=f"m{number}",
            parent_id=parent.id if parent else None,
            role="user" if user else "assistant",
            content=tuple(draw(st.lists(st.one_of(blocks), max_size=3))),
            created_at=BEGAN + timedelta(milliseconds=number),
            model=None if user else draw(st.sampled_from(["a", "b"])),
            state=draw(st.sampled_from(["complete", "stopped", "failed", "interrupted"])),
            sources=() if user else tuple(draw(st.lists(SOURCES, max_size=2))),
            citations=() if user else tuple(draw(st.lists(CITATIONS, max_size=2))),
        )
        messages.append(made)
    head = draw(st.sampled_from(messages)).id if messages else None
    pinned, archived = draw(st.booleans()), draw(st.booleans())
    return PortableConversation("Kept", BEGAN, BEGAN, tuple(messages), "a", head, pinned, archived)


def anonymous(conversation: PortableConversation) -> PortableConversation:
    """The conversation with its messages' ids in the order of the file."""
    names = {m.id: f"m{n}" for n, m in enumerate(conversation.messages)}
    messages = tuple(
        msgspec.structs.replace(
            m, id=names[m.id], parent_id=names[m.parent_id] if m.parent_id else None
        )
        for m in conversation.messages
    )
    head = names[conversation.head_id] if conversation.head_id else None
    return msgspec.structs.replace(conversation, messages=messages, head_id=head)


@settings(max_examples=25)
@given(given_=conversations())
async def test_what_goes_out_comes_in_the_same(
    db: Database, caller: Caller, given_: PortableConversation
) -> None:
    transfers = Transfers(db)
    before = len(await transfers.export_all(caller))
    taken = await take(db, caller, portable.encode([given_]))
    assert len(taken.conversations) == 1
    everything = await transfers.export_all(caller)
    assert anonymous(everything[before]) == given_


CHATGPT = [
    {
        "title": "Trains",
        "create_time": 1700000000.5,
        "update_time": 1700000100.0,
        "current_node": "a2",
        "mapping": {
            "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
            "s": {
                "message": {"author": {"role": "system"}, "content": {"content_type": "text"}},
                "parent": "root",
            },
            "q": {
                "message": {
                    "author": {"role": "user"},
                    "create_time": 1700000001,
                    "content": {
                        "content_type": "multimodal_text",
                        "parts": [
                            {"content_type": "image_asset_pointer", "asset_pointer": "file-1"},
                            "When does it leave?",
                        ],
                    },
                    "metadata": {"attachments": [{"id": "file-1", "name": "timetable.png"}]},
                },
                "parent": "s",
            },
            "a1": {
                "message": {
                    "author": {"role": "assistant"},
                    "create_time": 1700000002,
                    "content": {"content_type": "text", "parts": ["At noon."]},
                    "metadata": {"model_slug": "gpt-4o"},
                },
                "parent": "q",
            },
            "t": {
                "message": {"author": {"role": "tool"}, "content": {"content_type": "text"}},
                "parent": "q",
            },
            "a2": {
                "message": {
                    "author": {"role": "assistant"},
                    "create_time": 1700000003,
                    "content": {"content_type": "text", "parts": ["At one."]},
                },
                "parent": "t",
            },
            "a3": {
                "message": {
                    "author": {"role": "assistant"},
                    "create_time": 1700000004,
                    "content": {"content_type": "text", "parts": ["Or at two."]},
                },
                "parent": "a1",
            },
        },
    }
]
CLAUDE = [
    {
        "uuid": "c",
        "name": "Luggage",
        "created_at": "2026-01-02T03:04:05.123456Z",
        "updated_at": "2026-01-02T03:05:05Z",
        "chat_messages": [
            {
                "uuid": "1",
                "sender": "human",
                "text": "Where?",
                "created_at": "2026-01-02T03:04:06Z",
                "attachments": [{"file_name": "a.txt"}],
            },
            {
                "uuid": "2",
                "sender": "assistant",
                "text": "There.",
                "content": [
                    {"type": "thinking", "thinking": "Hm."},
                    {"type": "tool_use", "name": "map"},
                    {"type": "text", "text": "There."},
                ],
                "created_at": "2026-01-02T03:04:07Z",
            },
        ],
    },
    {"uuid": "d", "name": "", "created_at": "2026-01-02T03:04:05Z", "chat_messages": []},
]


def zipped(name: str, body: Any) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, json.dumps(body))
    return made.getvalue()


def test_chatgpts_branches_are_kept_and_what_is_not_is_told() -> None:
    found = imports.read(zipped("export/conversations.json", CHATGPT))
    (trains,) = found.conversations
    assert [m.text for m in portable.branch(trains)] == [
        "When does it leave?\n\n[timetable.png]",
        "At one.",
    ]
    assert [(m.text, m.parent_id, m.model) for m in trains.messages[1:]] == [
        ("At noon.\n\nOr at two.", "q", None),
        ("At one.", "q", None),
    ]
    assert {left.what: left.count for left in found.left_out if left.count} == {
        "file": 1,
        "tool": 1,
    }


def test_claudes_export_is_read() -> None:
    found = imports.read(json.dumps(CLAUDE).encode())
    (luggage,) = found.conversations
    assert luggage.title == "Luggage"
    assert luggage.messages[0].text == "Where?\n\n[a.txt]"
    assert luggage.messages[1].content == (ThinkingBlock("Hm."), TextBlock("There."))
    assert {left.what: left.count for left in found.left_out} == {"empty": 1, "file": 1, "tool": 1}


def node(parent: str | None, role: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    metadata = more.pop("metadata", {})
    content = {"content_type": kind, **more}
    return {
        "parent": parent,
        "message": {"author": {"role": role}, "content": content, "metadata": metadata},
    }


def test_chatgpts_thoughts_marks_and_questions_of_files_alone_are_read() -> None:
    cite, other = "\ue200cite\ue202turn0search0\ue201", "\ue200navlist\ue202x\ue201"
    link = {"matched_text": cite, "alt": "([Phares](https://phares.example/))"}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://1"}
    spoken = {"content_type": "audio_transcription", "text": "And who kept it?"}
    thoughts = [{"summary": "Looking", "content": "It is a lighthouse."}]
    found = imports.read(
        json.dumps(
            [
                {
                    "title": "Ar-Men",
                    "create_time": 1,
                    "current_node": "a2",
                    "mapping": {
                        "q": node(None, "user", "multimodal_text", parts=[picture]),
                        "t": node("q", "assistant", "thoughts", thoughts=thoughts),
                        "r": node("t", "assistant", "reasoning_recap", content="Thought for 3 s"),
                        "a": node(
                            "r",
                            "assistant",
                            parts=[f"Lit in 1881 {cite}.{other}【4†source】"],
                            metadata={"content_references": [link]},
                        ),
                        "q2": node("a", "user", "multimodal_text", parts=[spoken]),
                        "a2": node("q2", "assistant", parts=["Six men."]),
                    },
                }
            ]
        ).encode()
    )
    question, answer, spoken_question, _ = portable.branch(found.conversations[0])
    assert question.text == "[…]"
    assert answer.content == (
        ThinkingBlock("It is a lighthouse."),
        TextBlock("Lit in 1881 ([Phares](https://phares.example/))."),
    )
    assert spoken_question.text == "And who kept it?"
    assert [(left.what, left.count) for left in found.left_out] == [("file", 1)]


def test_what_claude_read_in_files_is_part_of_the_question() -> None:
    paste = {"file_name": "", "extracted_content": "Pasted\n  text\n"}
    lease = {"file_name": "lease.pdf", "extracted_content": "The rent is 900."}
    asked = {
        "uuid": "1",
        "sender": "human",
        "text": "",
        "created_at": "2026-01-02T03:04:06Z",
        "attachments": [paste, lease],
        "files": [{"file_name": "photo.jpg"}],
    }
    answer = {**asked, "uuid": "2", "sender": "assistant", "text": "900.", "attachments": []}
    found = imports.read(
        json.dumps(
            [{"name": "R", "created_at": "2026-01-02", "chat_messages": [asked, answer]}]
        ).encode()
    )
    (whole,) = found.conversations
    assert whole.messages[0].text == (
        "Pasted\n  text\n\n\n[lease.pdf]\nThe rent is 900.\n\n[photo.jpg]"
    )
    assert whole.messages[1].text.startswith("900.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b'[{"x": 1}]',
        b"PK\x03\x04rubbish",
        b'[{"mapping": 3}]',
        b"\xff\xfe",
        zipped("other.json", []),
        b'{"format": "consigne.conversations", "version": 2, "conversations": []}',
    ],
)
def test_rubbish_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        imports.read(body)
    assert refusal.value.message


async def test_nothing_is_taken_by_half(db: Database, caller: Caller) -> None:
    good = PortableConversation("Good", BEGAN, BEGAN, ())
    orphan = PortableMessage("m1", "none", "assistant", (TextBlock("?"),), BEGAN)
    bad = PortableConversation("Bad", BEGAN, BEGAN, (orphan,))
    with pytest.raises(InvalidRequest, match="Bad"):
        await take(db, caller, portable.encode([good, bad]))
    assert (await Conversations(db).page(caller)).conversations == ()


async def test_another_persons_conversation_does_not_go_out(
    db: Database, caller: Caller, make_member: Callable[[str], Awaitable[Caller]]
) -> None:
    mine = await Conversations(db).create(caller)
    other = await make_member("other@example.org")
    with pytest.raises(NotFound):
        await Transfers(db).export(other, mine.id)
    assert await Transfers(db).export_all(other) == ()


def told() -> PortableConversation:
    """A question with a file, and an answer that used a tool and cites twice."""
    question = PortableMessage(
        "q", None, "user", (TextBlock("How much?"),), BEGAN, attachments=("lease.pdf",)
    )
    answer = PortableMessage(
        "a",
        "q",
        "assistant",
        (
            ToolUseBlock("t", "web_search", {"query": "`rent`"}),
            ToolResultBlock("t", (TextBlock("none"),), is_error=True),
            TextBlock("900 euros [2, 5], not `a[2]` [7], once more [2][5]."),
        ),
        BEGAN,
        "tiny",
        sources=(
            Source(2, "Rents", "https://a.example/rents"),
            Source(3, "Bad", "javascript:alert(1)"),
        ),
        citations=(Citation(5, "../x", "lease.pdf", 0, 1, "", "The rent\nis 900."),),
    )
    return PortableConversation("Rent", BEGAN, BEGAN, (question, answer), head_id="a")


def test_markdown_tells_files_tools_and_footnotes() -> None:
    assert portable.markdown(told()).split("\n\n")[3:] == [
        "- File: lease.pdf",
        "How much?",
        "## tiny",
        "*2026-01-01 00:00 UTC*",
        '- *Tool web_search failed:* `{"query":"\'rent\'"}`',
        "900 euros [^1][^3], not `a[2]` [7], once more [^1][^3].",
        "[^1]: Rents <https://a.example/rents>",
        "[^2]: Bad <javascript:alert(1)>",
        "[^3]: lease.pdf, page 1: “The rent is 900.”\n",
    ]


async def test_files_stay_behind_and_only_web_addresses_come_in(
    db: Database, caller: Caller
) -> None:
    taken = await take(db, caller, portable.encode([told()]))
    assert [(left.what, left.count) for left in taken.left_out] == [("file", 1)]
    (kept,) = await Transfers(db).export_all(caller)
    assert [source.number for source in kept.messages[1].sources] == [2]
    (citation,) = kept.messages[1].citations
    assert (citation.document_id, citation.text) == ("", "The rent\nis 900.")
    assert kept.messages[0].attachments == ()


async def test_a_conversation_that_ends_with_a_question_is_answered(chat: Chat) -> None:
    question = PortableMessage("q", None, "user", (TextBlock("Still there?"),), BEGAN)
    asked = PortableConversation("", BEGAN, BEGAN, (question,), "gone-model", "q")
    await take(chat.db, chat.caller, portable.encode([asked]))
    (conversation,) = (await chat.conversations.page(chat.caller)).conversations
    (kept,) = (await chat.thread(conversation)).messages
    started = await chat.runs.answer_again(chat.caller, kept.id, "better")
    answer = await chat.done(started.run.id)
    assert (answer.state, answer.parent_id) == ("complete", kept.id)
    assert (await chat.thread(conversation)).leaf_id == answer.id


def test_a_saved_conversation_says_that_its_answers_were_generated() -> None:
    asked = PortableMessage("m1", None, "user", (TextBlock("Hi"),), BEGAN)
    answer = PortableMessage("m2", "m1", "assistant", (TextBlock("Hello"),), BEGAN, model="a")
    whole = PortableConversation("T", BEGAN, BEGAN, (asked, answer), head_id="m2")
    front, _, rest = portable.markdown(whole, 'My "Org"').partition("\n---\n")
    assert front.splitlines() == [
        "---",
        "ai_generated: true",
        f"digital_source_type: {portable.TRAINED}",
        'provider: "My \\"Org\\""',
        'models: ["a"]',
    ]
    assert rest.strip() == portable.markdown(whole).strip()
    marked = portable.encode([whole], "Org")
    told = json.loads(marked)["answers"]
    assert told["ai_generated"] is True
    assert (told["provider"], told["models"]) == ("Org", ["a"])
    assert imports.read(marked) == imports.read(portable.encode([whole])), "it can be taken in"
