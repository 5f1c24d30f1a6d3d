"""``consigne chat``: turns build on one another, commands work, errors and Ctrl-C end no chat."""

import io
import sys
from pathlib import Path

import pytest

from consigne.cli import client, main
from consigne.domain.errors import ContextTooLong, EngineCrashed
from doubles.terminal import ScriptedClient, answer


class ChatRun:
    """Runs the command on a scripted client, with lines piped in."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        self._patch = monkeypatch
        self._capsys = capsys
        self._data_dir = tmp_path
        self.out = self.err = ""

    def __call__(self, scripted: ScriptedClient, *lines: str, options: tuple[str, ...] = ()) -> int:
        self._patch.setattr(client, "connect", lambda _settings: scripted.connection())
        self._patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = main.run(["--data-dir", str(self._data_dir), "chat", *options])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def chat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> ChatRun:
    return ChatRun(monkeypatch, capsys, tmp_path)


def said(scripted: ScriptedClient, number: int) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in scripted.requests[number].messages]


def test_each_turn_knows_the_ones_before(chat: ChatRun) -> None:
    scripted = ScriptedClient(answer("Hel", "lo"), answer("Zoe"))
    assert chat(scripted, "I am Zoe", "Who am I?") == 0
    assert chat.out == "Hello\nZoe\n\n"
    assert said(scripted, 1) == [
        ("user", "I am Zoe"),
        ("assistant", "Hello"),
        ("user", "Who am I?"),
    ]


def test_a_new_conversation_knows_nothing(chat: ChatRun) -> None:
    scripted = ScriptedClient(answer("Hello"), answer("?"))
    chat(scripted, "I am Zoe", "/new", "Who am I?")
    assert said(scripted, 1) == [("user", "Who am I?")]


def test_a_backslash_goes_on_in_the_next_line(chat: ChatRun) -> None:
    scripted = ScriptedClient(answer("ok"))
    chat(scripted, "one\\", "two")
    assert said(scripted, 0) == [("user", "one\ntwo")]


def test_model_and_system(chat: ChatRun) -> None:
    scripted = ScriptedClient(answer("a"))
    assert chat(scripted, "/model", "/model other", "/system Be brief.", "Hi", "/system") == 0
    request = scripted.requests[0]
    assert request.model == "other"
    assert [block.text for block in request.system] == ["Be brief."]
    assert "scripted\n" in chat.out
    assert "Instructions: Be brief." in chat.out
    assert chat(ScriptedClient(), "/model none") == 0
    assert "There are: scripted, other" in chat.err


def test_options_begin_the_conversation(chat: ChatRun) -> None:
    scripted = ScriptedClient(answer("a"))
    chat(scripted, "Hi", options=("-m", "other", "-s", "Be kind.", "--think"))
    request = scripted.requests[0]
    assert (request.model, request.thinking) == ("other", True)
    assert [block.text for block in request.system] == ["Be kind."]


def test_saving(chat: ChatRun, tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    chat(ScriptedClient(answer("Hello")), "Hi", f"/save {path}", "/save", f"/save {tmp_path}")
    assert path.read_text() == "**user**\n\nHi\n\n**assistant**\n\nHello\n"
    assert "/save FILE" in chat.err
    assert "Can't write" in chat.err


def test_an_error_ends_no_chat_and_its_question_is_not_remembered(chat: ChatRun) -> None:
    scripted = ScriptedClient([*answer("Hel")[:3], EngineCrashed("It died.")], answer("ok"))
    assert chat(scripted, "first", "second") == 0
    assert "consigne: It died." in chat.err
    assert said(scripted, 1) == [("user", "second")]


def test_ctrl_c_stops_the_answer_and_keeps_what_came(chat: ChatRun) -> None:
    scripted = ScriptedClient([*answer("Hel")[:3], KeyboardInterrupt], answer("ok"))
    assert chat(scripted, "first", "second") == 0
    assert scripted.stopped == 1
    assert "[stopped]" in chat.out
    assert said(scripted, 1)[:2] == [("user", "first"), ("assistant", "Hel")]


def test_the_oldest_turns_go_when_the_conversation_is_too_long(chat: ChatRun) -> None:
    scripted = ScriptedClient(
        answer("1"), answer("2"), [ContextTooLong("9 of 8 tokens")], answer("3")
    )
    assert chat(scripted, "one", "two", "three") == 0
    assert said(scripted, 3) == [("user", "two"), ("assistant", "2"), ("user", "three")]
    assert "no longer fits" in chat.err


def test_a_single_question_that_is_too_long_is_said(chat: ChatRun) -> None:
    assert chat(ScriptedClient([ContextTooLong("9 of 8 tokens")]), "one") == 0
    assert "9 of 8 tokens" in chat.err


def test_help_quit_and_unknown_commands(chat: ChatRun) -> None:
    scripted = ScriptedClient()
    assert chat(scripted, "/help", "/nonsense", "", "/quit", "never asked") == 0
    assert "/save FILE" in chat.out
    assert "no command /nonsense" in chat.err
    assert not scripted.requests
