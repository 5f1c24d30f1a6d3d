"""The document as a page: one answer, without scripts and without anybody else's files."""

from html import escape
from typing import Any

import msgspec

Json = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border-top: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; }
summary code { font-weight: 600; margin-right: .5rem; }
details details { margin-left: 1rem; }
pre { overflow: auto; background: #8881; padding: .75rem; border-radius: .4rem; font-size: .85rem; }
dt { font-weight: 600; } dd { margin: 0 0 .4rem 1rem; }
"""


def render(document: Json) -> str:
    """Return the page."""
    sections: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for tag in dict.fromkeys(operation.get("tags") or ["Other"]):
                sections.setdefault(tag, []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(all_)}" for tag, all_ in sections.items())
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f"{escape(_first_line(schema))}</summary>{_json(schema)}</details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}: the API</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])} As a file: "
        '<a href="/api/openapi.json">openapi.json</a></p>'
        f"{body}<h2>Schemas</h2>{schemas}</html>"
    )


def _operation(method: str, path: str, operation: Json) -> str:
    parts = [f"<p>{escape(operation.get('description', ''))}</p>"]
    if parameters := operation.get("parameters"):
        parts.append(f"<h3>Parameters</h3><dl>{''.join(map(_parameter, parameters))}</dl>")
    if body := operation.get("requestBody"):
        parts.append(f"<h3>Body</h3>{_content(body['content'])}")
    parts.append("<h3>Answers</h3>")
    for status, answer in operation["responses"].items():
        said = f"<code>{escape(status)}</code> {escape(answer['description'])}"
        parts.append(
            f"<details><summary>{said}</summary>{_content(answer.get('content', {}))}</details>"
        )
    head = f"<code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}"
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _parameter(parameter: Json) -> str:
    name, where = escape(parameter["name"]), escape(parameter["in"])
    told = escape(parameter.get("description", ""))
    return f"<dt><code>{name}</code> ({where})</dt><dd>{told} {_json(parameter['schema'])}</dd>"


def _content(content: Json) -> str:
    return "".join(
        f"<p><code>{escape(kind)}</code></p>{_json(told.get('x-event-schema') or told['schema'])}"
        for kind, told in content.items()
        if "schema" in told
    )


def _json(schema: Json) -> str:
    if set(schema) == {"$ref"}:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<p><a href="#{name}">{name}</a></p>'
    text = msgspec.json.format(msgspec.json.encode(schema)).decode()
    return f"<pre>{escape(text)}</pre>"


def _first_line(schema: Json) -> str:
    lines = str(schema.get("description", "")).splitlines()
    return lines[0] if lines else ""
