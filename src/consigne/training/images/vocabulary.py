"""What the model can be asked for: objects, colours and styles, in English and French.

The objects are written by hand in ``data/objects.tsv`` (emoji, English names, French names, each
name with its article), the ones to learn first at the top; ``data/also.tsv`` has further names in
the same form, which are not trained: the service takes them for the first. Everything else in
emojibase is known to the text encoder by its label alone, so that it can tell such a request from
one it can draw.
"""

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

_ARTICLE_EN = re.compile(r"^(an?|the) ")
_ARTICLE_FR = re.compile(r"^(une?|des|du|de la|le|la|les) |^(de l'|l')")


class Name(msgspec.Struct, frozen=True):
    """A name with its article ("" where it has none): ``une``, ``pomme``."""

    article: str
    noun: str

    @property
    def full(self) -> str:
        """Return the name as it is said."""
        joint = "" if not self.article or self.article.endswith("'") else " "
        return f"{self.article}{joint}{self.noun}"


class Object(msgspec.Struct, frozen=True):
    """One thing that can be asked for; ``code`` are its code points, as artwork files name it."""

    code: str
    emoji: str
    english: tuple[Name, ...]
    french: tuple[Name, ...]

    def names(self, french: bool) -> tuple[Name, ...]:
        """Return the names in one language, the usual one first."""
        return self.french if french else self.english


class Colour(msgspec.Struct, frozen=True):
    """A background colour."""

    english: str
    french: str
    rgb: tuple[int, int, int]

    def name(self, french: bool) -> str:
        """Return the name in one language."""
        return self.french if french else self.english


COLOURS = (
    Colour("white", "blanc", (255, 255, 255)),
    Colour("red", "rouge", (230, 40, 40)),
    Colour("blue", "bleu", (40, 90, 240)),
    Colour("green", "vert", (50, 190, 75)),
    Colour("yellow", "jaune", (255, 215, 50)),
    Colour("black", "noir", (12, 12, 12)),
    Colour("pink", "rose", (255, 150, 205)),
    Colour("orange", "orange", (255, 145, 30)),
    Colour("purple", "violet", (140, 70, 200)),
    Colour("grey", "gris", (150, 150, 150)),
    Colour("light blue", "bleu clair", (170, 215, 255)),
)
WHITE = 0


def code_of(emoji: str) -> str:
    """Return an emoji's code points, lower-case, without variation selectors."""
    return plain_code("-".join(f"{ord(character):04x}" for character in emoji))


def plain_code(code: str) -> str:
    """Return code points in the one form that artwork of every source is filed under."""
    return code.lower().replace("-fe0f", "")


def _name(text: str, article: re.Pattern[str]) -> Name:
    found = article.match(text)
    if found is None:
        return Name("", text)
    return Name(found.group().strip(), text[found.end() :])


@cache
def objects() -> tuple[Object, ...]:
    """Return the objects of the hand-written list, the ones to learn first at the top."""
    return _read("objects.tsv")


@cache
def also() -> dict[str, Object]:
    """Return the objects that people have other names for, with these names, by code."""
    return {thing.code: thing for thing in _read("also.tsv")}


def _read(name: str) -> tuple[Object, ...]:
    text = (resources.files(__package__) / "data" / name).read_text("utf-8")
    found = []
    for line in text.splitlines():
        emoji, english, french = line.split("\t")
        found.append(
            Object(
                code_of(emoji),
                emoji,
                tuple(_name(said, _ARTICLE_EN) for said in english.split("; ") if said),
                tuple(_name(said, _ARTICLE_FR) for said in french.split("; ") if said),
            )
        )
    return tuple(found)


@cache
def common_words() -> tuple[str, ...]:
    """Return everyday English and French words that say nothing about the picture."""
    data = (resources.files(__package__) / "data" / "words.json").read_bytes()
    words: dict[str, list[str]] = msgspec.json.decode(data)
    return tuple(word for language in words.values() for word in language)


def others(labels: Path) -> tuple[Object, ...]:
    """Return what emojibase names beyond our list, from the file that *prepare* wrote."""
    known = {thing.code for thing in objects()}
    said = {name.noun.lower() for thing in objects() for name in (*thing.english, *thing.french)}
    found = []
    for row in json.loads(labels.read_text("utf-8")):
        english, french = row["en"], row["fr"]
        if row["code"] in known or english.lower() in said or french.lower() in said:
            continue
        vowel = english[0].lower() in "aeiou"
        found.append(
            Object(
                row["code"],
                row["emoji"],
                (Name("an" if vowel else "a", english), Name("", english)),
                (Name("", french), Name("un", french), Name("une", french)),
            )
        )
    return tuple(found)
