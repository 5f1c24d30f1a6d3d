"""``consigne ask``: what is asked, what is printed."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from consigne.cli import client, main
from consigne.cli.local import LocalClient
from consigne.domain.errors import EngineCrashed, ModelNotFound
from consigne.domain.messages import Message, OutputFormat, Request, TextBlock
from doubles.scripted import ScriptedGateway
from doubles.terminal import ScriptedClient, answer


class Ask:
    """Runs the command on a scripted client."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        self.client = ScriptedClient(answer("Hel", "lo"))
        self._capsys = capsys
        self._patch = monkeypatch
        self._data_dir = tmp_path
        self.out = self.err = ""
        monkeypatch.setattr(client, "connect", lambda _settings: self.client.connection())

    def __call__(self, *arguments: str, piped: bytes | None = None) -> int:
        stdin = io.TextIOWrapper(io.BytesIO(piped or b""))
        self._patch.setattr(stdin, "isatty", lambda: piped is None)
        self._patch.setattr(sys, "stdin", stdin)
        code = main.run(["--data-dir", str(self._data_dir), "ask", *arguments])
        self.out, self.err = self._capsys.readouterr()
        return code

    @property
    def asked(self) -> str:
        (message,) = self.client.requests[-1].messages
        return message.text


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    return Ask(monkeypatch, capsys, tmp_path)


def test_the_answer_is_printed_and_nothing_else(ask: Ask) -> None:
    assert ask("What?") == 0
    assert (ask.out, ask.err) == ("Hello\n", "")
    assert ask.asked == "What?"
    assert ask.client.requests[0].thinking is False


def test_an_answer_that_ends_its_line_gets_no_second_end(ask: Ask) -> None:
    ask.client = ScriptedClient(answer("Hello\n"))
    ask("What?")
    assert ask.out == "Hello\n"


@pytest.mark.parametrize(
    ("arguments", "piped", "asked"),
    [
        (["Summarise"], "le café\n".encode(), "Summarise\n\nle café\n"),
        ([], b"all of it", "all of it"),
        (["Just this"], b"", "Just this"),
        (["Just this"], b" \n", "Just this"),
    ],
)
def test_what_is_piped_in_joins_the_question(
    ask: Ask, arguments: list[str], piped: bytes, asked: str
) -> None:
    assert ask(*arguments, piped=piped) == 0
    assert ask.asked == asked


@pytest.mark.parametrize("piped", [None, b"", b"  \n"])
def test_nothing_to_ask_is_said(ask: Ask, piped: bytes | None) -> None:
    assert ask(piped=piped) == 2
    assert ask.err.startswith("consigne: Ask something")
    assert not ask.client.requests


def test_bytes_that_are_no_text_are_refused(ask: Ask) -> None:
    assert ask("Read", piped=b"\xff\xfe\x00") == 2
    assert "UTF-8" in ask.err


def test_options_reach_the_request(ask: Ask) -> None:
    options = ["-m", "m2", "-s", "Be brief.", "--max-tokens", "9", "--temperature", "0.5"]
    assert ask("What?", *options, "--seed", "3", "--think") == 0
    (request,) = ask.client.requests
    assert (request.model, request.max_tokens, request.thinking) == ("m2", 9, True)
    assert (request.sampling.temperature, request.sampling.seed) == (0.5, 3)
    assert [block.text for block in request.system] == ["Be brief."]


def test_json_holds_the_text_and_the_usage(ask: Ask) -> None:
    assert ask("What?", "--json") == 0
    assert json.loads(ask.out) == {
        "id": "msg_1",
        "model": "scripted",
        "text": "Hello",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "cached_input_tokens": 0, "output_tokens": 2},
    }


def test_a_schema_is_read_from_its_file(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"type": "object"}')
    assert ask("What?", "--schema", str(path)) == 0
    assert ask.client.requests[0].output == OutputFormat("json_schema", {"type": "object"})


@pytest.mark.parametrize(("body", "said"), [(None, "Can't read"), ("[1]", "no JSON object")])
def test_a_bad_schema_is_said(ask: Ask, tmp_path: Path, body: str | None, said: str) -> None:
    path = tmp_path / "s.json"
    if body is not None:
        path.write_text(body)
    assert ask("What?", "--schema", str(path)) == 2
    assert said in ask.err


def test_a_cut_answer_is_marked_on_standard_error(ask: Ask) -> None:
    ask.client = ScriptedClient(answer("Hel", stop="max_tokens"))
    assert ask("What?") == 0
    assert ask.out == "Hel\n"
    assert "cut" in ask.err


def test_an_error_in_mid_answer_keeps_what_came(ask: Ask) -> None:
    ask.client = ScriptedClient([*answer("Hel")[:3], EngineCrashed("It died.")])
    assert ask("What?") == 2
    assert ask.out == "Hel\n"
    assert ask.err == "consigne: It died.\n"


def test_a_model_that_is_not_here_is_told_in_the_terminals_words() -> None:
    scripted: Any = ScriptedGateway()
    request = Request(model="nope", messages=(Message("user", (TextBlock("Hi"),)),))
    with pytest.raises(ModelNotFound, match="consigne models list"):
        LocalClient(scripted).generate(request)
