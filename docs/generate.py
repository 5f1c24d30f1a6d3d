"""Write the reference pages that follow from the code: ``docs/configuration.md``, ``docs/cli.md``.

    python docs/generate.py

A test compares the pages with what this makes, so they cannot drift.
"""

import ast
import inspect
import typing
from pathlib import Path

import click
import msgspec

from consigne import settings as settings_module
from consigne.cli.main import cli
from consigne.settings import Settings
from consigne.settings import usage as usage_settings
from consigne.settings import values as settings_values

LIST = "[[]]"
"""In place of a prefix: tables that are many have no environment variables of their own."""
DOCS = Path(__file__).parent
WHERE = (
    "The file is `consigne.toml` in the working directory or in the data folder, or the one that "
    "`--config` or `CONSIGNE_CONFIG` names. An unknown key is an error."
)


def configuration() -> str:
    """Return the settings reference."""
    lines = [
        "# Configuration",
        "",
        inspect.cleandoc(settings_module.__doc__ or "").replace("``", "`"),
        "",
        WHERE,
        "",
    ]
    described = _field_docstrings(Path(settings_values.__file__).read_text("utf-8"))
    described |= _field_docstrings(Path(usage_settings.__file__).read_text("utf-8"))
    for title, prefix, kind in _tables():
        lines += [f"## {title}", "", "| setting | default | environment | meaning |"]
        lines += ["| --- | --- | --- | --- |"]
        for field in msgspec.structs.fields(kind):
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                continue
            meaning = described[kind.__name__][field.name]
            variable = _variable(prefix, field.name)
            lines.append(f"| `{field.name}` | {_default(field)} | {variable} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _tables() -> list[tuple[str, str, type[msgspec.Struct]]]:
    found: list[tuple[str, str, type[msgspec.Struct]]] = [("Top level", "", Settings)]
    found += [
        (f"`[{field.name}]`", field.name, field.type)
        for field in msgspec.structs.fields(Settings)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
    ]
    return found + _lists(Settings, "")


def _lists(kind: type[msgspec.Struct], prefix: str) -> list[tuple[str, str, type[msgspec.Struct]]]:
    """Return the tables of which there may be several, each with those inside it."""
    found: list[tuple[str, str, type[msgspec.Struct]]] = []
    for field in msgspec.structs.fields(kind):
        inner = next(iter(typing.get_args(field.type)), None)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            path = f"{prefix}{field.name}"
            one = typing.get_origin(field.type) is not tuple
            title = f"`[{path}]`" if one else f"`[[{path}]]`"
            found += [(title, LIST, inner), *_lists(inner, f"{path}.")]
    return found


def _variable(prefix: str, name: str) -> str:
    if prefix == LIST:
        return ""
    return f"`CONSIGNE_{f'{prefix}__' if prefix else ''}{name}`".upper()


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        value = "the platform's data folder" if field.name == "data_dir" else "{}"
        return value if field.name == "data_dir" else f"`{value}`"
    if field.default is msgspec.NODEFAULT:
        return "required"
    value = field.default
    return f"`{list(value) if isinstance(value, tuple) else value!r}`".replace("'", '"')


def _field_docstrings(source: str) -> dict[str, dict[str, str]]:
    """Read the strings under the fields: they are documentation that does not reach runtime."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        fields = found.setdefault(node.name, {})
        for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = ""
                if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                    text = " ".join(str(following.value.value).split()).replace("``", "`")
                fields[statement.target.id] = text
    return found


def commands() -> str:
    """Return the command reference: every command's own help."""
    lines = ["# Commands", "", "Every command answers to `--help`; this page is what they say."]
    _describe(cli, ["consigne"], lines)
    return "\n".join(lines) + "\n"


def _describe(command: click.Command, path: list[str], lines: list[str]) -> None:
    with click.Context(
        command, info_name=" ".join(path), terminal_width=88, help_option_names=["-h", "--help"]
    ) as context:
        lines += ["", f"## `{' '.join(path)}`", "", "```text", command.get_help(context), "```"]
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                _describe(child, [*path, name], lines)


PAGES = {"configuration.md": configuration, "cli.md": commands}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
