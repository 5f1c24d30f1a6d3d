"""Files of conversations: our own, ChatGPT's and Claude's exports, bare or in their zip."""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from consigne.chat import portable
from consigne.chat.portable import PortableConversation, PortableFile, PortableMessage
from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import ContentBlock, TextBlock, ThinkingBlock

LARGEST_UNPACKED = 2**29
"""Bytes of a file's contents, unpacked."""

_UNKNOWN = (
    "This is no file of conversations that can be read here: give the zip or the "
    "conversations.json that ChatGPT or Claude exports, or a file exported here."
)


class LeftOut(msgspec.Struct, frozen=True):
    """What was not taken, and how often."""

    what: str
    """``file``, ``tool``, ``hidden`` or ``empty``."""
    count: int


class Read(msgspec.Struct, frozen=True):
    """What a file holds."""

    conversations: tuple[PortableConversation, ...]
    left_out: tuple[LeftOut, ...]


class _Turn(msgspec.Struct):
    """A turn of another service's, before it is made to fit: ours take turns strictly."""

    id: str
    parent_id: str | None
    role: str | None
    """``None``: nothing of it is kept, but what follows it is."""
    content: tuple[ContentBlock, ...]
    created_at: datetime
    model: str | None = None


def read(body: bytes) -> Read:
    """Return the conversations of a file.

    Raises:
        InvalidRequest: It is no such file, or is damaged.
    """
    body = _unpacked(body)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(_UNKNOWN) from error
    left_out: Counter[str] = Counter()
    try:
        if isinstance(found, dict) and found.get("format") == "consigne.conversations":
            kept = msgspec.convert(found, PortableFile, strict=False).conversations
        elif isinstance(found, list) and all(isinstance(each, dict) for each in found):
            kept = tuple(made for each in found if (made := _foreign(each, left_out)))
        else:
            raise InvalidRequest(_UNKNOWN)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest(f"{_UNKNOWN} ({error})") from error
    for conversation in kept:
        portable.check(conversation)
        left_out["file"] += sum(len(message.attachments) for message in conversation.messages)
    return Read(kept, tuple(LeftOut(*each) for each in sorted(left_out.items()) if each[1]))


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"PK"):
        return body
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [n for n in archive.namelist() if n.rsplit("/", 1)[-1] == "conversations.json"]
            if not names:
                raise InvalidRequest("The zip holds no conversations.json.")
            with archive.open(names[0]) as member:
                unpacked = member.read(LARGEST_UNPACKED + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidRequest("The zip is damaged or locked.") from error
    if len(unpacked) > LARGEST_UNPACKED:
        raise InvalidRequest(f"The conversations are over {LARGEST_UNPACKED:,} bytes, unpacked.")
    return unpacked


def _foreign(given: dict[str, Any], left_out: Counter[str]) -> PortableConversation | None:
    if "mapping" in given:
        turns, head = list(_chatgpt(given["mapping"], left_out)), given.get("current_node")
        title, began, ended = given.get("title"), given["create_time"], given.get("update_time")
    elif "chat_messages" in given:
        turns = list(_claude(given["chat_messages"], left_out))
        head = turns[-1].id if turns else None
        title, began, ended = given.get("name"), given["created_at"], given.get("updated_at")
    else:
        raise InvalidRequest(_UNKNOWN)
    messages, at = _fitted(turns)
    if not messages:
        left_out["empty"] += 1
        return None
    created = _time(began)
    return PortableConversation(
        title=str(title or ""),
        created_at=created,
        updated_at=_time(ended) if ended else created,
        messages=tuple(messages),
        head_id=at.get(head or "") or messages[-1].id,
    )


def _chatgpt(mapping: dict[str, Any], left_out: Counter[str]) -> Iterator[_Turn]:
    """Yield a ChatGPT conversation's nodes, parents first."""
    children: dict[str | None, list[str]] = {}
    for key, node in mapping.items():
        parent = node.get("parent")
        children.setdefault(parent if parent in mapping else None, []).append(key)
    waiting: list[tuple[str, str | None]] = [(key, None) for key in children.get(None, [])[::-1]]
    last = datetime.fromtimestamp(0, UTC)
    while waiting:
        key, parent = waiting.pop()
        message = mapping[key].get("message") or {}
        role, content = _chatgpt_content(message, left_out)
        last = _time(message["create_time"]) if message.get("create_time") else last
        model = (message.get("metadata") or {}).get("model_slug")
        yield _Turn(key, parent, role, content, last, model if role == "assistant" else None)
        waiting += [(child, key) for child in reversed(children.get(key, []))]


def _chatgpt_content(
    message: dict[str, Any], left_out: Counter[str]
) -> tuple[str | None, tuple[ContentBlock, ...]]:
    role = (message.get("author") or {}).get("role")
    if role not in ("user", "assistant"):
        left_out["tool"] += role == "tool"
        return None, ()
    if (message.get("metadata") or {}).get("is_visually_hidden_from_conversation"):
        left_out["hidden"] += 1
        return None, ()
    content, metadata = message.get("content") or {}, message.get("metadata") or {}
    kind = content.get("content_type")
    if kind == "thoughts":
        thoughts = content.get("thoughts") or []
        thought = "\n\n".join(str(each.get("content") or "") for each in thoughts).strip()
        return (role, (ThinkingBlock(thought),)) if thought else (None, ())
    if kind not in ("text", "multimodal_text"):
        left_out["tool"] += kind != "reasoning_recap"
        return None, ()
    parts = [part for part in content.get("parts") or [] if part]
    said = [each for part in parts if (each := _chatgpt_said(part)).strip()]
    text = _marked("\n\n".join(said), metadata.get("content_references"))
    files = [part for part in parts if not _chatgpt_said(part)]
    names = _names(metadata.get("attachments"), "name")
    names += ["…"] * (len(files) - len(names))
    left_out["file"] += len(names)
    if role == "user":
        text = "\n\n".join(filter(None, (text, _named(names))))
    return (role, (TextBlock(text),)) if text else (None, ())


def _chatgpt_said(part: Any) -> str:
    """Return what a part says; files say nothing, words that were spoken are written down."""
    if isinstance(part, str):
        return part
    spoken = part.get("content_type") == "audio_transcription"
    return str(part.get("text") or "") if spoken else ""


_CHATGPT_MARK = re.compile("\ue200.*?(?:\ue201|$)|【\\d+[†:][^】]*】", re.DOTALL)


def _marked(text: str, references: Any) -> str:
    """Return a text in which ChatGPT's own marks are the links that they stand for, or gone."""
    for each in references or []:
        mark, link = each.get("matched_text"), each.get("alt")
        if isinstance(mark, str) and _CHATGPT_MARK.fullmatch(mark) and isinstance(link, str):
            text = text.replace(mark, link)
    return _CHATGPT_MARK.sub("", text)


def _names(files: Any, key: str) -> list[str]:
    return [str(file.get(key) or "") for file in files or []]


def _named(names: Iterable[str]) -> str:
    """Return the line that stands for files which stayed behind."""
    return " ".join(f"[{name}]" for name in names if name)


def _claude(messages: list[dict[str, Any]], left_out: Counter[str]) -> Iterator[_Turn]:
    known: set[str] = set()
    last: str | None = None
    for message in messages:
        parent = message.get("parent_message_uuid", last)
        content = tuple(_claude_blocks(message, left_out))
        role = {"human": "user", "assistant": "assistant"}[message["sender"]]
        yield _Turn(
            message["uuid"],
            parent if parent in known else None,
            role if any(isinstance(block, TextBlock) for block in content) else None,
            content,
            _time(message["created_at"]),
        )
        last = message["uuid"]
        known.add(message["uuid"])


def _claude_blocks(message: dict[str, Any], left_out: Counter[str]) -> Iterator[ContentBlock]:
    blocks = message.get("content") or [{"type": "text", "text": message.get("text") or ""}]
    for block in blocks:
        if block.get("type") == "text" and block.get("text", "").strip():
            yield TextBlock(block["text"])
        elif block.get("type") == "thinking" and block.get("thinking"):
            yield ThinkingBlock(block["thinking"])
        elif block.get("type") not in ("text", "thinking"):
            left_out["tool"] += 1
    yield from _claude_files(message, left_out)


def _claude_files(message: dict[str, Any], left_out: Counter[str]) -> Iterator[TextBlock]:
    """Yield what Claude read in files, which its exports hold, and the names of the others."""
    gap = "\n\n" if str(message.get("text") or "").strip() else ""
    behind = _names(message.get("files"), "file_name")
    for each in message.get("attachments") or []:
        name, read = str(each.get("file_name") or ""), str(each.get("extracted_content") or "")
        if not read.strip():
            behind.append(name)
            continue
        yield TextBlock(f"{gap}{_named([name])}\n{read}".rstrip() if name else f"{gap}{read}")
        gap = "\n\n"
    left_out["file"] += len(behind)
    if named := _named(behind):
        yield TextBlock(f"{gap}{named}")


def _fitted(turns: Iterable[_Turn]) -> tuple[list[PortableMessage], dict[str, str]]:
    """Return the turns as messages that alternate, and under which id each turn is found.

    A turn of the same role as the one before it goes on with that one: it becomes a message of
    both, in its place; a conversation that begins with an answer loses it.
    """
    made: dict[str, PortableMessage] = {}
    at: dict[str, str] = {}
    followed: set[str] = set()
    for turn in turns:
        before = made.get(at.get(turn.parent_id or "", ""))
        if turn.role is None or (before is None and turn.role == "assistant"):
            if before is not None:
                at[turn.id] = before.id
            continue
        content, parent = turn.content, before.id if before else None
        if before is not None and before.role == turn.role:
            said = any(isinstance(block, TextBlock) for block in before.content)
            gap = (TextBlock("\n\n"),) if said else ()
            content, parent = (*before.content, *gap, *content), before.parent_id
            followed.add(before.id)
        elif before is not None:
            followed.discard(before.id)
        role: Any = turn.role
        made[turn.id] = PortableMessage(turn.id, parent, role, content, turn.created_at, turn.model)
        at[turn.id] = turn.id
    parents = {message.parent_id for message in made.values()}
    kept = [m for m in made.values() if m.id not in followed or m.id in parents]
    return kept, at


def _time(value: Any) -> datetime:
    if isinstance(value, str):
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(value), UTC)
