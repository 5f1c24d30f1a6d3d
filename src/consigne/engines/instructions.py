"""What a model that draws single things by name takes from an instruction, and what it leaves out.

Such a model (``consigne.json`` lists its things in English and French) draws one thing in one style
on a background of one colour. Read by these names, an instruction may yet ask for more: several
things, a number of them, a thing in another colour. Each is then a *cell*: a caption that the model
was trained on, and a colour to tint it with. What no cell has is named, so that it can be told.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from consigne.domain.languages import Language, language_of
from consigne.engines.instruction_words import (
    ARTICLES,
    COLOURS,
    FEMININE,
    FILLERS,
    LINKS,
    NOT,
    NUMBERS,
    ONLY_IN,
    SMALL,
    WITH_ACCENT,
    Rgb,
)

MOST_CELLS: Final = 6
LONG: Final = 12
"""Words of a caption at most; what a longer instruction leaves out is not named piece by piece."""
THE_REST: Final = "…"
"""Stands for what a long instruction says beyond what was drawn."""


class Cell(msgspec.Struct, frozen=True):
    """One thing, drawn by itself."""

    thing: int
    """Its place in the model's list."""
    caption: str
    tint: Rgb | None = None
    ground: Rgb | None = None
    """What a tinted thing is laid on; it is drawn on white, where it stands out."""


class Reading(msgspec.Struct, frozen=True):
    """What an instruction asks for, as far as it names what the model knows."""

    language: Language
    cells: tuple[Cell, ...] = ()
    left_out: tuple[str, ...] = ()
    rewritten: bool = False
    """Whether the cells must be drawn, and the instruction as it stands would not do."""


class _Token(msgspec.Struct):
    word: str
    start: int
    end: int
    used: bool = False


class _Ground(msgspec.Struct, frozen=True):
    en: str
    fr: str
    rgb: Rgb


class _Name(msgspec.Struct, frozen=True):
    words: tuple[str, ...]
    said: str
    thing: int | None
    """``None`` for what the model has heard of and can't draw."""
    french: bool
    other: bool = False
    """Whether ``said`` is another name, the one that the model learned the thing by."""


class _Found(msgspec.Struct, frozen=True):
    name: _Name
    first: int
    """Its first token, with its article, number and adjectives."""
    last: int
    count: int | None
    several: bool
    """Whether it is said in the plural."""
    tint: Rgb | None


_WORDS: Final = re.compile(r"[^\W_]+|[,;.:!?&+]")


class Vocabulary:
    """The names that a model knows, from what it says of itself (``consigne.json``)."""

    def __init__(self, about: dict[str, Any]) -> None:
        """Take the lists ``objects``, ``others``, ``styles``, ``backgrounds`` and ``caption``.

        An object's names ``en`` and ``fr`` are those it was learned by; ``also`` has others that
        people say, which are drawn as the first of those.
        """
        named = [*_names(about.get("objects", ()), drawn=True)]
        named += _names(about.get("others", ()), drawn=False)
        self._by_first: dict[str, list[_Name]] = {}
        for name in named:
            self._by_first.setdefault(name.words[0], []).append(name)
        self._styles = {
            _fold(word): (style["en"][0], style["fr"][0])
            for style in about.get("styles", ())
            if style.get("drawn", True)
            for word in (*style["en"], *style["fr"])
        }
        self._backgrounds = {
            tuple(_fold(colour[language]).split()): _Ground(
                colour["en"], colour["fr"], _rgb(colour["rgb"])
            )
            for colour in about.get("backgrounds", ())
            for language in ("en", "fr")
        }
        self._caption: dict[str, str] = about.get("caption", {})

    def read(self, text: str) -> Reading:
        """Return what an instruction asks for."""
        language = language_of(text)
        found = _WORDS.finditer(text)
        tokens = [_Token(_fold(m[0]), m.start(), m.end()) for m in found]
        background = self._background(tokens)
        french = language == "fr"
        style = self._style(tokens, french=french)
        things, negated = self._things(tokens, french=french)
        kept = _linked(things, tokens)
        long = sum(token.word.isalnum() for token in tokens) > LONG
        if not kept or (long and len(kept) < sum(each.name.thing is not None for each in things)):
            return Reading(language)  # of a long one's things, which is meant is not for a rule
        for each in kept:
            _use(tokens, each.first, each.last)
        cells: list[Cell] = []
        for each in kept:
            count = each.count or (2 if each.several and not long else 1)
            cells += [self._cell(each, style, background)] * min(count, MOST_CELLS)
        left_out = _left_out(text, tokens)
        if long and left_out:
            left_out = (THE_REST,)
        if any((each.count or 0) > MOST_CELLS for each in kept) or len(cells) > MOST_CELLS:
            asked = text[tokens[kept[0].first].start : tokens[kept[-1].last].end]
            drawn = "dessinés" if language == "fr" else "drawn"
            left_out = (f"{asked[:80]} ({MOST_CELLS} {drawn})", *left_out)
            cells = cells[:MOST_CELLS]
        changed = len(cells) > 1 or negated or any(cell.tint for cell in cells) or bool(left_out)
        changed = changed or any(each.name.other for each in kept)
        return Reading(language, tuple(cells), left_out, changed)

    def _cell(
        self,
        found: _Found,
        style: tuple[str, str] | None,
        background: _Ground | None,
    ) -> Cell:
        spoken: Language = "fr" if found.name.french else "en"
        at = spoken == "fr"
        ground = background.rgb if background and found.tint else None
        if ground is not None:
            background = None
        values = {
            "object": found.name.said,
            "style": style[at] if style else "",
            "background": (background.fr if at else background.en) if background else "",
        }
        pieces = self._caption.get(spoken, "{object}").split(", ")
        wanted = [
            piece.format(**values)
            for piece in pieces
            if all(value or f"{{{key}}}" not in piece for key, value in values.items())
        ]
        assert found.name.thing is not None
        return Cell(found.name.thing, ", ".join(wanted), found.tint, ground)

    def _background(self, tokens: list[_Token]) -> _Ground | None:
        """Return the background's colour, and take its words out."""
        for at in range(len(tokens)):
            for words, ground in sorted(self._backgrounds.items(), key=lambda b: -len(b[0])):
                end = at + len(words)
                said = tuple(FEMININE.get(token.word, token.word) for token in tokens[at:end])
                if said == words and (span := _around(tokens, at, end)):
                    _use(tokens, *span)
                    return ground
        return None

    def _style(self, tokens: list[_Token], *, french: bool) -> tuple[str, str] | None:
        at = 0
        while at < len(tokens):
            name = self._named(tokens, at, french=french)
            if name is not None and len(name.words) > 1:
                at += len(name.words)  # "a plate of pasta": no style ("plate" is French for flat)
                continue
            if not tokens[at].used and (style := self._styles.get(tokens[at].word)):
                tokens[at].used = True
                return style
            at += 1
        return None

    def _things(self, tokens: list[_Token], *, french: bool) -> tuple[list[_Found], bool]:
        """Return what is named, in order, and whether something is named that must not be there."""
        found, negated, at = [], False, 0
        while at < len(tokens):
            name = None if tokens[at].used else self._named(tokens, at, french=french)
            if name is None:
                at += 1
                continue
            if self._belongs_to_next(name, tokens, at, french=french):
                at += len(name.words)
                continue
            each = _with_adjectives(tokens, name, at)
            if any(token.word in NOT for token in tokens[max(0, each.first - 2) : each.first]):
                negated = True
                _use(tokens, each.first - 1, each.last)
            else:
                found.append(each)
            at += len(name.words)
        return found, negated

    def _belongs_to_next(self, name: _Name, tokens: list[_Token], at: int, *, french: bool) -> bool:
        """Say whether a name only says which ("an orange cat", "a chocolate cake")."""
        end = at + len(name.words)
        if name.french or end >= len(tokens) or tokens[end].used:
            return False
        following = self._named(tokens, end, french=french)
        return following is not None and following.thing is not None and not following.french

    def _named(self, tokens: list[_Token], at: int, *, french: bool) -> _Name | None:
        """Return the longest name that begins here; of equal ones that of the text's language."""
        found = [
            name
            for form in _singulars(tokens[at].word)
            for name in self._by_first.get(form, ())
            if _stands(name, tokens[at : at + len(name.words)])
            and ONLY_IN.get(form, french) == french
        ]
        return max(
            found,
            key=lambda name: (len(name.words), name.thing is not None, name.french == french),
            default=None,
        )


def _stands(name: _Name, tokens: Sequence[_Token]) -> bool:
    return len(tokens) == len(name.words) and all(
        word in _singulars(token.word) for word, token in zip(name.words, tokens, strict=True)
    )


def _names(entries: Iterable[dict[str, Any]], *, drawn: bool) -> Iterable[_Name]:
    for at, entry in enumerate(entries):
        for language in ("en", "fr"):
            french = language == "fr"
            said = entry.get(language, ())
            learned = [said] if isinstance(said, str) else said
            for name in learned:
                words = _words(name)
                if not drawn and any(FEMININE.get(word, word) in COLOURS for word in words):
                    continue  # "black cat": a thing that is drawn, and a colour
                if words:
                    yield _Name(words, name, at if drawn else None, french)
            for name in entry.get("also", {}).get(language, ()):
                yield _Name(_words(name), learned[0], at, french, other=True)


def _words(name: str) -> tuple[str, ...]:
    """Return a name's words without its article."""
    words = [match[0] for match in _WORDS.finditer(_fold(name))]
    while len(words) > 1 and words[0] in ARTICLES:
        words.pop(0)
    return tuple(words)


def _rgb(values: Sequence[int]) -> Rgb:
    red, green, blue = values
    return red, green, blue


def _fold(text: str) -> str:
    """Return a text in lower case without accents, but for those that make another word."""
    text = unicodedata.normalize("NFC", text.lower()).replace("œ", "oe")
    return _WORDS.sub(lambda found: _plain(found[0]), text)


def _plain(word: str) -> str:
    if word in WITH_ACCENT:
        return word
    parts = unicodedata.normalize("NFD", word)
    return "".join(character for character in parts if not unicodedata.combining(character))


def _singulars(word: str) -> list[str]:
    """Return what a word may be the plural of, itself first."""
    found = [word]
    if len(word) > 3:
        for ending, instead in (
            ("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""), ("aux", "al"), ("x", ""),
        ):  # fmt: skip
            if word.endswith(ending):
                found.append(word[: len(word) - len(ending)] + instead)
    return [*found, "mouse"] if word == "mice" else found


def _around(tokens: list[_Token], at: int, end: int) -> tuple[int, int] | None:
    """Return the tokens that say "background" with a colour at ``at``; ``None`` if none do."""

    def word(place: int) -> str:
        return tokens[place].word if 0 <= place < len(tokens) else ""

    if word(end) in ("background", "backdrop"):
        return at, end
    before = [word(place) for place in range(at - 3, at)]
    for back in (1, 2, 3):
        if before[-back] in ("fond", "plan", "background"):
            return at - back, end - 1
    alone = word(end) in ("", ",", ".", "!", "?", ";")
    if alone and (before[-1] in ("on", "over") or before[-2:] == ["sur", "du"]):
        return at - 1, end - 1
    return None


def _use(tokens: list[_Token], first: int, last: int) -> None:
    for token in tokens[max(0, first) : last + 1]:
        token.used = True


def _with_adjectives(tokens: list[_Token], name: _Name, at: int) -> _Found:
    """Return a name with the article, number and colour that are said with it."""
    end = at + len(name.words) - 1
    first, last, count, tint = at, end, None, None
    while first > 0 and not tokens[first - 1].used:
        word = tokens[first - 1].word
        if word in COLOURS and tint is None and not name.french:
            tint = COLOURS[word]
        elif word in NUMBERS or word.isdecimal():
            count = NUMBERS.get(word) or min(int(word[:4]), 1000)
        elif word not in ARTICLES and word not in SMALL:
            break
        first -= 1
    if last + 1 < len(tokens) and name.french and not tokens[last + 1].used:
        word = tokens[last + 1].word
        for form in (word, *_singulars(word)):
            colour = FEMININE.get(form, form)
            if colour in COLOURS:
                tint, last = COLOURS[colour], last + 1
                break
    return _Found(name, first, last, count, tokens[end].word != name.words[-1], tint)


def _linked(found: Sequence[_Found], tokens: list[_Token]) -> list[_Found]:
    """Return the first thing that can be drawn and those that are named beside it."""
    kept: list[_Found] = []
    for each in found:
        if each.name.thing is None:
            continue
        between = tokens[kept[-1].last + 1 : each.first] if kept else []
        linking = [token for token in between if not token.used and token.word not in ARTICLES]
        if not kept or (linking and all(token.word in LINKS for token in linking)):
            kept.append(each)
    return kept


def _left_out(text: str, tokens: list[_Token]) -> tuple[str, ...]:
    """Return what no cell has, in the instruction's own words."""
    _pass_over_what_is_not_wanted(tokens)
    runs: list[list[_Token]] = [[]]
    for token in tokens:
        if token.used or token.word in (",", ";", "."):
            runs.append([])
        else:
            runs[-1].append(token)
    said = []
    for run in runs:
        while run and run[0].word in ("and", "et", "&", "+", ":"):
            run.pop(0)
        while run and run[-1].word in FILLERS:
            run.pop()
        if run:
            said.append(text[run[0].start : run[-1].end])
    return tuple(said)


def _pass_over_what_is_not_wanted(tokens: list[_Token]) -> None:
    """Take out "without a hat": what is not drawn is not missing."""
    for at, token in enumerate(tokens):
        if token.used or token.word not in NOT:
            continue
        end = at + 1
        while end < len(tokens) and tokens[end].word in ARTICLES | SMALL:
            end += 1
        _use(tokens, at, end)
