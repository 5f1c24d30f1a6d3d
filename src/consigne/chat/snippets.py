"""The part of a message that shows why a search found it."""

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from consigne.chat.values import Piece

LENGTH = 180
"""Characters of a snippet, about."""
_LEAD = 40
"""Characters shown before the first match."""
_MOST_MATCHES = 1000
_ACCENTED = (range(0xC0, 0x250), range(0x370, 0x400), range(0x1E00, 0x2000))
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(r"[*`#|>~]+|_{2,}|-{3,}")


def snippet(text: str, terms: Sequence[Sequence[str]]) -> tuple[Piece, ...]:
    """Return the part of a text with the most of these terms, cut at words, matches apart."""
    pattern = _pattern(tuple(tuple(term) for term in terms))
    matches = list(islice(pattern.finditer(text), _MOST_MATCHES))
    start, end = _window(text, _best(matches))
    pieces: list[Piece] = []
    at = start
    for match in matches:
        if start <= match.start() and match.end() <= end and match.start() >= at:
            _add(pieces, text[at : match.start()], hit=False)
            _add(pieces, match.group(), hit=True)
            at = match.end()
    _add(pieces, text[at:end], hit=False)
    return _edged(pieces, before=start > 0, after=end < len(text))


def _best(matches: Sequence[re.Match[str]]) -> int:
    """Return where the stretch begins that holds the most different terms."""
    best, most = 0, 0
    for first, match in enumerate(matches):
        near = matches[first : first + 12]
        terms = {m.lastindex for m in near if m.end() - match.start() <= LENGTH - _LEAD}
        if len(terms) > most:
            best, most = match.start(), len(terms)
    return best


def _window(text: str, at: int) -> tuple[int, int]:
    start = max(0, at - _LEAD)
    if start:
        space = text.find(" ", start, at)
        start = space + 1 if space >= 0 else at
    end = min(len(text), start + LENGTH)
    if end < len(text):
        space = text.rfind(" ", start + LENGTH // 2, end)
        end = space if space >= 0 else end
    return start, end


def _add(pieces: list[Piece], text: str, *, hit: bool) -> None:
    shown = text if hit else _SPACE.sub(" ", _MARKS.sub("", text))
    if shown:
        pieces.append(Piece(shown, hit))


def _edged(pieces: list[Piece], *, before: bool, after: bool) -> tuple[Piece, ...]:
    if before:
        pieces.insert(0, Piece("… ", hit=False))
    if after:
        pieces.append(Piece(" …", hit=False))
    return tuple(pieces)


@functools.lru_cache(maxsize=64)
def _pattern(terms: tuple[tuple[str, ...], ...]) -> re.Pattern[str]:
    """Return what matches each term as a group of its own; the last may be a word's beginning."""
    ends = [r"(?![^\W_])"] * (len(terms) - 1) + [""]
    groups = [
        "(" + r"[\W_]+".join(_accented(word) for word in term) + end + ")"
        for term, end in zip(terms, ends, strict=True)
    ]
    return re.compile(r"(?<![^\W_])(?:" + "|".join(groups) + r")", re.IGNORECASE)


def _accented(word: str) -> str:
    """Return the pattern of a word with any accents, composed or not."""
    return "".join(f"[{re.escape(c)}{_variants().get(c, '')}][\u0300-\u036f]*" for c in word)


@functools.cache
def _variants() -> dict[str, str]:
    """Return the accented forms of each letter."""
    found: defaultdict[str, str] = defaultdict(str)
    for code in (code for block in _ACCENTED for code in block):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base != chr(code):
            found[base.lower()] += chr(code)
    return dict(found)
