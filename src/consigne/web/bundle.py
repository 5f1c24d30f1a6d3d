"""Join the modules that a page always needs into one, as they are written but for their comments.

A page of a hundred small modules costs a request for each, and each is compressed alone. The server
joins them as it starts, so that there is no build step: every module becomes a block of one module,
in the order in which a browser evaluates them, with its imports as constants. The import map leads
the modules' own addresses to the whole, so that what is loaded later gets the same instances; a
source map leads debuggers back to the files.

It reads the forms of ``import`` and ``export`` that the page is written in, from the first column,
and refuses others and cycles. A binding is the value that it has once its module was evaluated.
"""

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_IMPORT = re.compile(
    r"""^(?:import\s+(?:(?P<clause>[^"';]+?)\s+from\s+)?"(?P<source>[^"]+)";"""
    r"""|export\s+(?P<kind>(?:async )?function\*?|const|class)\s+(?P<name>[\w$]+)"""
    r"""|(?P<other>import|export)\b(?!\(|\.).*)""",
    re.MULTILINE,
)
_DYNAMIC = re.compile(r"""\bimport\((["'`])((?:\.{1,2}/)+)""")
_COMMENT = re.compile(r"^[ \t]*/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*$", re.MULTILINE)
"""A comment on lines of its own, as documentation is written."""
_CLAUSE = re.compile(
    r"^(?:(?P<default>[\w$]+)\s*,?\s*)?(?:\{(?P<names>[^}]*)\}|\*\s+as\s+(?P<all>[\w$]+))?$"
)


class Bundle(NamedTuple):
    """Modules joined to one."""

    code: str
    source_map: str
    addresses: Mapping[str, str]
    """Of each module that it holds, in the order of evaluation: the file that gives its exports."""
    doors: Mapping[str, str]
    """Files that give the exports of one module, where another one's have the same names."""


class _Module(NamedTuple):
    """A module as a block: its lines stand where they stood."""

    code: str
    exports: tuple[str, ...]


def bundle(sources: Mapping[str, str], entry: str, path: str) -> Bundle:
    """Return the module at ``path`` that does what ``entry`` does; paths are those of ``sources``.

    Raises:
        ValueError: A module has an import or export of another form or imports what is not there,
            or two import each other.
    """
    order = _evaluated(sources, entry)
    bound = {name: f"$m{number}" for number, name in enumerate(order)}
    foreign: dict[str, str] = {}
    """Names that the page's import map knows, and what stands for them here."""
    folder = posixpath.dirname(path)
    modules = {name: _block(name, sources[name], folder, bound, foreign) for name in order}
    lines = [f'import * as {given} from "{name}";' for name, given in foreign.items()]
    lines.append(f"let {', '.join(bound.values())};")
    sections = []
    for name, module in modules.items():
        lines.append(f"{{ // {name}")
        sections.append(_section(len(lines), posixpath.relpath(name, folder), module))
        lines += module.code.split("\n")
        lines.append(f"{bound[name]} = {{ {', '.join(module.exports)} }}; }}")
    often = Counter(name for module in modules.values() for name in module.exports)
    addresses, doors = dict.fromkeys(order, path), {}
    for name, module in modules.items():
        names = ", ".join(module.exports)
        if all(often[each] == 1 for each in module.exports):
            lines.append(f"export const {{ {names} }} = {bound[name]};")
            continue
        lines.append(f"export {{ {bound[name]} }};")
        door = addresses[name] = f"{path.removesuffix('.js')}/{name}"
        whole = posixpath.relpath(path, posixpath.dirname(door))
        doors[door] = (
            f'import {{ {bound[name]} }} from "{whole}";\n'
            f"export const {{ {names} }} = {bound[name]};\n"
        )
    lines.append(f"//# sourceMappingURL={posixpath.basename(path)}.map")
    source_map = json.dumps({"version": 3, "sections": sections}, separators=(",", ":"))
    return Bundle("\n".join(lines) + "\n", source_map, addresses, doors)


def imported(sources: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    """Yield what a module imports statically: the other's path, and the clause: what of it."""
    for found in _IMPORT.finditer(sources[name]):
        if found["source"] and found["source"].startswith("."):
            yield _resolved(name, found["source"]), found["clause"] or ""


def _resolved(name: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), source))


def _evaluated(sources: Mapping[str, str], entry: str) -> list[str]:
    """Return the modules that ``entry`` needs, each after those that it imports."""
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            raise ValueError(f"Modules import each other: {' > '.join([*path, name])}.")
        path.append(name)
        for other, _ in imported(sources, name):
            if other not in sources:
                raise ValueError(f"{name} imports {other}, which is not there.")
            visit(other)
        path.pop()
        done[name] = None

    visit(entry)
    return list(done)


def _block(
    name: str, source: str, folder: str, bound: Mapping[str, str], foreign: dict[str, str]
) -> _Module:
    """Return the inside of the block for a module, as it stands in a file of ``folder``."""
    exports: list[str] = []

    def rewritten(found: re.Match[str]) -> str:
        if found["other"]:
            raise ValueError(f"{name}: a form that can't be joined: {found[0]}")
        if found["name"]:
            exports.append(found["name"])
            return found[0].removeprefix("export").lstrip()
        other = found["source"]
        if other.startswith("."):
            given = bound[_resolved(name, other)]
        else:
            given = foreign.setdefault(other, f"$e{len(foreign)}")
        return _bindings(found["clause"], given, name) + "\n" * found[0].count("\n")

    def moved(found: re.Match[str]) -> str:
        target = posixpath.join(posixpath.dirname(name), found[2])
        return f"import({found[1]}{posixpath.relpath(target, folder)}/"

    source = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source.rstrip("\n"))
    code = _DYNAMIC.sub(moved, _IMPORT.sub(rewritten, source))
    return _Module(code, tuple(exports))


def _bindings(clause: str | None, target: str, name: str) -> str:
    """Return the declaration that stands for an import's ``clause``."""
    if clause is None:
        return ""
    found = _CLAUSE.match(clause)
    if not found:
        raise ValueError(f"{name}: a form that can't be joined: import {clause}")
    if found["all"]:
        return f"const {found['all']} = {target};"
    parts = [f"default: {found['default']}"] if found["default"] else []
    names = (each.strip() for each in (found["names"] or "").split(","))
    parts += [re.sub(r"\s+as\s+", ": ", each) for each in names if each]
    return f"const {{ {', '.join(parts)} }} = {target};"


def _section(line: int, source: str, module: _Module) -> dict[str, object]:
    """Return the part of a source map that leads from ``line`` on to a file, line by line."""
    mappings = "AAAA" + ";AACA" * module.code.count("\n")
    one = {"version": 3, "sources": [source], "names": [], "mappings": mappings}
    return {"offset": {"line": line, "column": 0}, "map": one}
