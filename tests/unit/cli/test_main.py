"""The command line's habits: one line for an error, an exit code that says what happened."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from consigne import __version__
from consigne.__main__ import _serves
from consigne.cli import main
from consigne.cli.context import settings_of
from consigne.domain.errors import OperatorError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Put a function in the place of ``consigne doctor``."""

    def put(function: Callable[[], None]) -> None:
        stand_in = click.command("doctor")(function)
        monkeypatch.setattr(
            main.LazyGroup, "get_command", lambda _self, _ctx, _name: stand_in, raising=True
        )

    return put


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (OperatorError("Mend it."), 2, "consigne: Mend it.\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (click.Abort(), 130, "\n"),
        (click.UsageError("Not so."), 2, "Error: Not so.\n"),
        (click.ClickException("Not so."), 2, "Error: Not so.\n"),
        (click.exceptions.Exit(1), 1, ""),
        (click.exceptions.Exit(0), 0, ""),
    ],
)
def test_every_end_has_its_code_and_at_most_one_line(
    command: Callable[[Callable[[], None]], None],
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    said: str,
) -> None:
    def fail() -> None:
        raise raised

    command(fail)
    assert main.run(["doctor"]) == code
    assert capsys.readouterr().err.endswith(said)


def test_what_was_not_foreseen_is_not_hidden(
    command: Callable[[Callable[[], None]], None],
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    command(fail)
    with pytest.raises(ZeroDivisionError):
        main.run(["doctor"])


def test_help_lists_every_command_and_each_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    listed = capsys.readouterr().out
    for name, summary in main.LazyGroup.summaries.items():
        assert name in listed
        assert main.run([name, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"consigne {name}" in shown
        assert summary.split(":")[0].rstrip(".")[:20] in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"consigne {__version__}\n"


def test_unknown_commands_and_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["sevre"]) == 2
    assert "sevre" in capsys.readouterr().err
    assert main.run(["ask", "--loud", "x"]) == 2
    assert "--loud" in capsys.readouterr().err


def test_global_options_reach_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('log_level = "error"\n[server]\nport = 81\n')
    seen = []

    @main.cli.command("look")
    @click.pass_context
    def look(ctx: click.Context) -> None:
        seen.append(settings_of(ctx, {"server": {"port": None, "host": "::1"}}))

    context = click.Context(main.cli)
    context.obj = main.GlobalOptions(tmp_path, config)
    with context:
        context.invoke(look)
    main.cli.commands.pop("look")
    (settings,) = seen
    assert settings.data_dir == tmp_path
    assert settings.log_level == "error"
    assert (settings.server.host, settings.server.port) == ("::1", 81)


@pytest.mark.parametrize(
    ("arguments", "serves"),
    [
        (["serve"], True),
        (["--data-dir", "x", "--config=y", "serve", "--port", "1"], True),
        (["serve", "--help"], False),
        (["--data-dir", "serve", "doctor"], False),
        (["ask", "serve"], False),
        (["--version"], False),
        ([], False),
    ],
)
def test_only_serve_starts_a_process_ahead(arguments: list[str], serves: bool) -> None:
    assert _serves(arguments) is serves
