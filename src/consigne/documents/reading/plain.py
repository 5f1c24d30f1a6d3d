"""Text, Markdown and HTML. Runs in the child."""

import re
from collections.abc import Iterator

from consigne.documents.reading.values import Part, Unreadable

_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_SKIPPED = {"script", "style", "template", "noscript", "svg", "head"}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p"),
    *("pre", "section", "table", "tr", "ul"),
}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def decoded(content: bytes) -> str:
    """Return the text that bytes stand for.

    Raises:
        Unreadable: They are no text.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if b"\x00" in content[:65536]:
        raise Unreadable("unknown")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _in_old_encoding(content)
    start = text[:4096]
    control = sum(c < " " and c not in "\t\n\r\f\x1b" for c in start)
    if control > len(start) // 50:
        raise Unreadable("unknown")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _in_old_encoding(content: bytes) -> str:
    start = content[: 2**20]
    if sum(byte < 128 for byte in start) > 0.7 * len(start):
        # Mostly ASCII is Western; guesses by frequency mistake it for Central European.
        return content.decode("cp1252", "replace")
    from charset_normalizer import from_bytes

    best = from_bytes(start).best()
    if best is None:
        raise Unreadable("unknown")
    return content.decode(best.encoding, "replace")


def markdown(text: str) -> Iterator[Part]:
    """Yield the stretches under each heading."""
    section, fenced = "", False
    lines: list[str] = []
    for line in text.split("\n"):
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            yield Part("\n".join(lines), section=section)
            section, lines = heading.group(1), []
        lines.append(line)
    yield Part("\n".join(lines), section=section)


def html(text: str) -> Iterator[Part]:
    """Yield what a page says under each of its headings."""
    import lxml.html

    root = lxml.html.document_fromstring(
        text.encode(),
        parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True),
    )
    section, words = "", list[str]()
    for kind, value in _walk(root):
        if kind == "heading":
            yield Part(_tidy(words), section=section)
            section, words = " ".join(value.split()), []
        words.append(value)
    yield Part(_tidy(words), section=section)


def _walk(root: object) -> Iterator[tuple[str, str]]:
    from lxml import etree

    skipping = None
    for event, element in etree.iterwalk(root, events=("start", "end", "comment")):
        if not isinstance(element.tag, str):
            if event == "comment" and skipping is None and element.tail:
                yield "text", element.tail
            continue
        if event == "start" and skipping is None:
            if element.tag in _SKIPPED:
                skipping = element
            elif element.tag in _HEADINGS:
                yield "heading", "".join(element.itertext()) + "\n"
                skipping = element
            else:
                yield "text", ("\n" if element.tag in _BLOCKS else "") + (element.text or "")
        elif event == "end":
            if element is skipping:
                skipping = None
            if skipping is None:
                cell = " | " if element.tag in ("td", "th") else ""
                end = "\n" if element.tag in _BLOCKS else cell
                yield "text", end + (element.tail or "")


def _tidy(words: list[str]) -> str:
    lines = (" ".join(line.split()) for line in "".join(words).split("\n"))
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
