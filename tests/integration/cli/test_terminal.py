"""The terminal's commands on the real model: by the server, and without one."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support.server import COMMAND, ServerProcess

pytestmark = pytest.mark.slow
DEADLINE_S = 60.0
STORY = "Write a very long story about a river, with many chapters."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def offline(make_data_dir: Callable[[], Path]) -> Path:
    """A data folder with models and no server."""
    return make_data_dir()


@pytest.fixture(params=["server", "engine"])
def data_dir(request: pytest.FixtureRequest, offline: Path) -> Path:
    if request.param == "engine":
        return offline
    server: ServerProcess = request.getfixturevalue("server")
    return server.data_dir


def consigne(
    data_dir: Path, *arguments: str, piped: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(data_dir), *arguments],
        input=piped,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_question_is_answered(data_dir: Path) -> None:
    done = consigne(data_dir, "ask", "Say hello.", "--temperature", "0", "--max-tokens", "20")
    assert re.search(r"\w", done.stdout)
    assert done.stdout.endswith("\n")


def test_server_and_engine_give_the_same_answer(server: ServerProcess, offline: Path) -> None:
    question = ["ask", "What is the capital of France?", "--temperature", "0", "--max-tokens", "16"]
    answers = [
        json.loads(consigne(folder, *question, "--json").stdout)
        for folder in (server.data_dir, offline)
    ]
    assert answers[0]["text"] == answers[1]["text"]
    assert answers[0]["model"] == answers[1]["model"] == "smollm2-135m-instruct"
    assert answers[0]["usage"]["output_tokens"] == answers[1]["usage"]["output_tokens"]


def test_a_schema_is_kept_to(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    done = consigne(data_dir, "ask", "--schema", str(path), piped="Where is the Eiffel tower?")
    answer = json.loads(done.stdout)
    assert set(answer) == {"city"}
    assert isinstance(answer["city"], str)


def test_the_same_seed_gives_the_same_answer(data_dir: Path) -> None:
    question = [
        "ask",
        "Invent a name.",
        "--temperature",
        "1.5",
        "--max-tokens",
        "12",
        "--seed",
        "5",
    ]
    answers = {consigne(data_dir, *question).stdout for _ in range(2)}
    assert len(answers) == 1


def test_errors_are_one_line(data_dir: Path) -> None:
    done = consigne(data_dir, "ask", "Hi", "--model", "none", code=2)
    assert done.stderr.startswith("consigne: ")
    assert "none" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_conversation_goes_on(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    lines = ["Name one fruit.", "Name another one.", f"/save {path}", "/quit"]
    consigne(data_dir, "chat", piped="\n".join([*lines, ""]))
    turns = re.split(r"\*\*(?:user|assistant)\*\*", path.read_text())[1:]
    assert [turn.strip() for turn in turns[::2]] == lines[:2]
    assert all(turn.strip() for turn in turns[1::2])


def test_keys_work_while_the_server_runs(server: ServerProcess) -> None:
    secret = consigne(server.data_dir, "keys", "create", "a key").stdout.strip()
    assert "…" + secret[-4:] in consigne(server.data_dir, "keys", "list").stdout
    headers = {"authorization": f"Bearer {secret}"}
    assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200
    consigne(server.data_dir, "keys", "revoke", "a key")
    until = time.monotonic() + DEADLINE_S
    while httpx.get(f"{server.url}/v1/models", headers=headers).status_code != 401:
        assert time.monotonic() < until, "a revoked key works on"
        select.select([], [], [], 0.2)
    assert "No key in use" in consigne(server.data_dir, "keys", "revoke", "a key", code=2).stderr


def test_links_sign_in_once(server: ServerProcess) -> None:
    link = consigne(server.data_dir, "users", "create", "zoe@example.org").stdout.splitlines()[-1]
    assert link.startswith(server.url)
    token = link.partition("#token=")[2]
    headers = {"origin": server.url}
    for status in (200, 401):
        answer = httpx.post(f"{server.url}/api/session", json={"token": token}, headers=headers)
        assert answer.status_code == status
    assert "zoe@example.org" in consigne(server.data_dir, "users", "list").stdout


def test_the_doctor_sees_the_server_and_its_models(server: ServerProcess) -> None:
    consigne(server.data_dir, "ask", "Hi", "--max-tokens", "1")
    found = json.loads(consigne(server.data_dir, "doctor", "--json").stdout)["findings"]
    says = {finding["name"]: finding["says"] for finding in found}
    assert server.url in says["server"]
    loaded = [finding["says"] for finding in found if finding["name"] == "loaded"]
    assert any("smollm2-135m-instruct" in says for says in loaded)
    assert says["database"].startswith("whole")


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_bench_measures_the_running_server(server: ServerProcess, dialect: str) -> None:
    options = ["--concurrency", "1,3", "--prompt-tokens", "80", "--max-tokens", "8", "--json"]
    done = consigne(server.data_dir, "bench", "--dialect", dialect, *options)
    results = json.loads(done.stdout)["results"]
    assert [result["concurrency"] for result in results] == [1, 3]
    for result in results:
        assert result["errors"] == 0
        assert result["counted_by_server"]
        assert abs(result["prompt_tokens"] - 80) <= 8
        assert 0 < result["output_tokens"] <= 8 * result["requests"]
        assert result["tokens_per_s"] > 0
    options = ["--url", server.url, "--key", server.key, "--concurrency", "1", "--requests", "1"]
    assert "tokens/s" in consigne(server.data_dir, "bench", *options, "--max-tokens", "2").stdout


def test_ctrl_c_ends_a_question(data_dir: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(data_dir), "ask", STORY],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_a_first_question_installs_the_starter_model(tmp_path: Path) -> None:
    done = consigne(tmp_path, "ask", "Say hello.", "--max-tokens", "5")
    assert "starter model" in done.stderr
    assert "Converting starter" in done.stderr
    assert done.stdout.strip()
    assert "smollm2-135m-instruct" in consigne(tmp_path, "models", "list").stdout
    assert list((tmp_path / "models" / ".work").glob("*/*")) == []


def test_ctrl_c_in_a_pull_leaves_nothing_half_done(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(tmp_path), "models", "pull", "starter"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("Converting" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "No model is installed" in consigne(tmp_path, "models", "list").stdout
    consigne(tmp_path, "models", "pull", "starter")


class Terminal:
    """``consigne chat`` on a terminal of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [*COMMAND, "--data-dir", str(data_dir), "chat"])
        self.seen = ""

    def until(self, expected: str) -> None:
        """Read until this is shown."""
        assert self._shows(lambda: expected in self.seen, DEADLINE_S), self.seen
        self.seen = self.seen.partition(expected)[2]

    def until_a_letter(self) -> None:
        """Read until the answer has begun, whatever it says."""
        assert self._shows(lambda: any(c.isalpha() for c in self.seen), DEADLINE_S), self.seen

    def interrupt_until(self, expected: str) -> None:
        """Press Ctrl-C, and again if nothing comes of it.

        CPython's readline notices a signal only while it waits for a key, not while it deals with
        one.
        """
        for _ in range(5):
            self.type("\x03")
            if self._shows(lambda: expected in self.seen, DEADLINE_S / 5):
                break
        self.until(expected)

    def _shows(self, what: Callable[[], bool], within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not what() and time.monotonic() < deadline:
            if select.select([self._fd], [], [], 0.1)[0]:
                self.seen += os.read(self._fd, 4096).decode("utf-8", "replace")
        return what()

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._fd, text.encode())

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        try:
            while os.read(self._fd, 4096):
                pass
        except OSError:  # how a terminal whose other side has closed reads
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def terminal(data_dir: Path) -> Iterator[Terminal]:
    yield (it := Terminal(data_dir))
    try:
        os.kill(it.pid, signal.SIGKILL)
        os.waitpid(it.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_in_a_conversation_ctrl_c_stops_the_answer_and_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.until("> ")
    terminal.type(f"{STORY}\n")
    terminal.until(STORY)
    terminal.until_a_letter()
    terminal.type("\x03")
    terminal.until("[stopped]")
    terminal.until("> ")
    terminal.type("half a line")
    terminal.until("half a line")
    terminal.interrupt_until("> ")
    terminal.type("/model\n")
    terminal.until("smollm2-135m-instruct")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.end() == 0
