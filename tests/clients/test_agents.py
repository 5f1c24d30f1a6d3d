"""Coding agents finish a session with a tool's round trip, a capable model far behind them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from doubles.capable import CapableModel
from doubles.tap import Exchange, Tap
from support.clients import NODE, needs
from support.compatibility import Compatibility, clean_environ
from support.server import ServerProcess

pytestmark = pytest.mark.slow

BIN = NODE / "node_modules" / ".bin"
KINDS = ("openai", "anthropic")


def _call(tool: str, **given: Any) -> str:
    return f"!call {tool} {json.dumps(given)}"


def _run(command: list[str | Path], folder: Path, environ: dict[str, str]) -> str:
    ran = subprocess.run(
        command,
        cwd=folder,
        env=clean_environ(folder) | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def _version(program: str, folder: Path) -> str:
    printed = _run([BIN / program, "--version"], folder, {})
    return next(word for word in printed.split() if word[:1].isdigit())


def _asked(tap: Tap) -> list[Exchange]:
    return [each for each in tap.exchanges if each.method == "POST"]


@pytest.mark.parametrize("kind", KINDS)
def test_claude_code(
    kind: str,
    consigne: ServerProcess,
    upstream: CapableModel,
    tap: Tap,
    compatibility: Compatibility,
    tmp_path: Path,
) -> None:
    needs("node")
    before = len(upstream.requests)
    made = tmp_path / "made.txt"
    prompt = "\n".join(
        [
            _call("Write", file_path=str(made), content="hello\n"),
            _call("Bash", command="echo $((6*7))", description="Multiply"),
        ]
    )
    settings = {
        "ANTHROPIC_BASE_URL": tap.url,
        "ANTHROPIC_AUTH_TOKEN": consigne.key,
        "ANTHROPIC_MODEL": f"capable-{kind}",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": f"capable-{kind}",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    allowed = ["--allowedTools", "Bash", "Write", "--permission-mode", "acceptEdits"]
    command = [BIN / "claude", "-p", prompt, "--output-format", "json", *allowed]
    told = json.loads(_run(command, tmp_path, settings))
    assert told["result"] == "The tool says: 42"
    assert not told["is_error"]
    assert made.read_text() == "hello\n"
    assert tap.refused == []
    first = _asked(tap)[0]
    assert first.path == "/v1/messages?beta=true"
    assert first.headers["anthropic-version"] == "2023-06-01"
    assert "effort" in first.headers["anthropic-beta"]
    assert first.body["max_tokens"] == 32000
    sent = [body for _, body in upstream.requests[before:]]
    limits = {body.get("max_tokens") or body.get("max_completion_tokens") for body in sent}
    assert max(limits) <= 8192
    version = _version("claude", tmp_path)
    feature = f"a session with two tools, through a provider of {kind}'s kind"
    compatibility.add("Claude Code", version, feature)


def test_claude_code_is_told_of_a_wrong_key(
    consigne: ServerProcess, compatibility: Compatibility, tmp_path: Path
) -> None:
    needs("node")
    settings = {
        "ANTHROPIC_BASE_URL": consigne.url,
        "ANTHROPIC_AUTH_TOKEN": "sk-csn-wrong",
        "ANTHROPIC_MODEL": "capable-openai",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "0",
    }
    ran = subprocess.run(
        [BIN / "claude", "-p", "Hello", "--output-format", "json"],
        cwd=tmp_path,
        env=clean_environ(tmp_path) | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = json.loads(ran.stdout)
    assert told["is_error"]
    assert "401" in told["result"] or "authenticate" in told["result"]
    compatibility.add("Claude Code", _version("claude", tmp_path), "tells of a wrong key")


@pytest.mark.parametrize("kind", KINDS)
def test_codex(
    kind: str,
    consigne: ServerProcess,
    upstream: CapableModel,
    tap: Tap,
    compatibility: Compatibility,
    tmp_path: Path,
) -> None:
    needs("node")
    before = len(upstream.requests)
    provider = (
        f'{{name="Consigne",base_url="{tap.url}/v1",env_key="CONSIGNE_KEY",wire_api="responses"}}'
    )
    command: list[str | Path] = [
        *(BIN / "codex", "exec", "--skip-git-repo-check", "--json", "-C", tmp_path),
        *("--sandbox", "danger-full-access", "-m", f"capable-{kind}"),
        *("-c", 'model_provider="consigne"', "-c", f"model_providers.consigne={provider}"),
        _call("exec_command", cmd="echo hello > made.txt; echo $((6*7))"),
    ]
    printed = _run(command, tmp_path, {"CONSIGNE_KEY": consigne.key})
    events = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert events[-1]["type"] == "turn.completed"
    assert events[-1]["usage"]["output_tokens"] > 0
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    (ran,) = [item for item in items if item["type"] == "command_execution"]
    assert (ran["aggregated_output"], ran["exit_code"]) == ("42\n", 0)
    assert (tmp_path / "made.txt").read_text() == "hello\n"
    assert items[-1]["type"] == "agent_message"
    assert "42" in items[-1]["text"]
    assert tap.refused == []
    asked = _asked(tap)
    assert {each.path for each in asked} == {"/v1/responses"}
    tools = {tool["type"] for tool in asked[0].body["tools"]}
    assert {"function", "namespace", "web_search"} <= tools
    assert asked[0].body["include"] == ["reasoning.encrypted_content"]
    assert b"response.completed" in asked[0].answer
    offered = {json.dumps(tool) for tool in upstream.requests[before][1]["tools"]}
    assert any("exec_command" in tool for tool in offered)
    assert any("web_search" in tool for tool in offered)
    version = _version("codex", tmp_path)
    feature = f"a session with a shell command, through a provider of {kind}'s kind"
    compatibility.add("Codex CLI", version, feature)
