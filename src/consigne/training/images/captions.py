"""Captions: the ways in which a picture is asked for, in English and French.

A caption names an object, perhaps a style, perhaps a background colour. ``caption`` gives the
plain ones; ``spoken`` wraps them in what people say around a request, so that the text encoder
learns to find the object in any sentence. ``HELD_OUT`` phrasings are never produced by either:
they measure how the model does on sentences it was not taught.
"""

import random
from collections.abc import Sequence

import msgspec

from consigne.training.images.config import Style
from consigne.training.images.vocabulary import COLOURS, WHITE, Name, Object, common_words


class Wish(msgspec.Struct, frozen=True):
    """What a caption asks for: a class of object, a style and a background, all by index."""

    thing: int
    style: int
    background: int


class HeldOut(msgspec.Struct, frozen=True):
    """A phrasing kept out of training: an opening and a tail for the background."""

    french: bool
    opening: str
    tail: str


HELD_OUT = (
    HeldOut(False, "please show {a}", ", {b} backdrop behind it"),
    HeldOut(False, "could you make an image with {a}?", " {b} backdrop behind it"),
    HeldOut(False, "I would like {a}", " in front of a {b} wall"),
    HeldOut(True, "montre {a} stp", ", toile de fond {b}"),
    HeldOut(True, "je voudrais voir {a}", " devant un mur {b}"),
    HeldOut(True, "fais une petite image : {n}", ", le tout posé sur du {b}"),
)

_ENGLISH = (
    "{n}", "{n}", "{a}", "{a}", "{s} {n}", "{a}, {s} style", "{a} in {s} style", "{a}, {s}",
    "a {s} emoji of {a}", "a {s} icon of {a}", "{s} icon: {n}", "draw {a}", "draw me {a}, {s}",
    "draw {a} in a {s} style", "a picture of {a}", "a {s} picture of {a}", "emoji of {a}",
    "an illustration of {a} in {s} style", "{n} {s} sticker", "a small {s} drawing of {a}",
    "an icon of {a}", "a drawing of {a}", "{n} icon", "{n}, {s}", "sticker of {a}, {s} style",
)  # fmt: skip
_FRENCH = (
    "{n}", "{n}", "{a}", "{a}", "{n} {s}", "{a}, style {s}", "{n}, style {s}", "{a} en style {s}",
    "émoji {s} : {n}", "icône {s} : {n}", "une icône {s} : {a}", "dessine {a}", "dessine-moi {a}",
    "dessine-moi {a}, style {s}", "une image de {n}", "une image : {a}", "un dessin de {n}",
    "illustration : {a}, style {s}", "un dessin {s} : {a}", "une icône de {n}", "{a}, {s}",
    "autocollant {s} : {n}", "une image {s} avec {a}", "dessine {a} en {s}",
)  # fmt: skip
_TWO_ENGLISH = (
    "{a} and {b}", "{a} and {b}", "{a} with {b}", "{a} next to {b}", "{a} beside {b}", "{a}, {b}",
    "draw {a} and {b}", "draw me {a} and {b}", "a picture of {a} and {b}", "{a} & {b}",
)  # fmt: skip
_TWO_FRENCH = (
    "{a} et {b}", "{a} et {b}", "{a} avec {b}", "{a}, {b}", "{a} à côté : {b}", "{a} ainsi que {b}",
    "dessine {a} et {b}", "dessine-moi {a} et {b}", "une image : {a} et {b}", "{a} & {b}",
)  # fmt: skip
_AFTER_ENGLISH = (
    ", {b} background", " on a {b} background", " on {b}", " with a {b} background",
    ", background {b}", " against a {b} background", " on a {b} backdrop", ", {b} behind",
    " over {b}", " with {b} around", " in front of something {b}", ", on plain {b}",
    ", the background is {b}", " with {b} as background",
)  # fmt: skip
_AFTER_FRENCH = (
    ", fond {b}", " sur fond {b}", " sur un fond {b}", " avec un fond {b}", ", arrière-plan {b}",
    " avec un arrière-plan {b}", " sur un arrière-plan {b}", ", en fond du {b}", " sur du {b}",
    ", du {b} derrière", " entouré de {b}", " avec {b} en fond", ", le fond est {b}",
    ", fond de couleur {b}", " sur fond uni {b}",
)  # fmt: skip
_BEFORE_ENGLISH = ("{b} background, ", "{b} background: ", "on {b}: ", "on a {b} background, ")
_BEFORE_FRENCH = ("fond {b}, ", "sur fond {b} : ", "arrière-plan {b} : ", "sur un fond {b}, ")
_FILLER_ENGLISH = (
    "please ", "can you draw ", "i want ", "make me ", "show ", "give me ", "a cute ", "a nice ",
    "the ", "my ", "generate ", "create ", "some ", "really ", "just ", "with ", "image of ",
    "little ", "big ", "can i have ", "i need ", "hello, ", "could you draw ", "make a picture of ",
    "i'd love ", "let me see ", "paint ", "now ", "what about ", "design ",
)  # fmt: skip
_FILLER_FRENCH = (
    "je veux ", "peux-tu dessiner ", "fais-moi ", "montre-moi ", "donne ", "un joli ",
    "une jolie ", "le ", "la ", "mon ", "crée ", "génère ", "un petit ", "une grande ",
    "s'il te plaît ", "avec ", "image de ", "juste ", "pourrais-tu dessiner ", "fais ",
    "j'aimerais ", "il me faut ", "bonjour, ", "pouvez-vous dessiner ", "maintenant ", "et ",
    "fabrique ", "propose-moi ", "affiche ", "je souhaite ",
)  # fmt: skip
_CLOSING = (
    " please", " thanks", " merci", " stp", "!", " ?", " now", " for me", " pour moi", ".",
    " s'il vous plaît", " svp", " thank you",
)  # fmt: skip
_JOINTS = (" ", ", ", " - ", ". ")

_PLAIN_WHITE = 0.15
"""How often a white background, which is the usual one, is said all the same."""


def caption(
    thing: Object,
    style: Style,
    background: int,
    rnd: random.Random,
    *,
    french: bool | None = None,
    style_needed: bool = True,
) -> str:
    """Return a plain caption of one picture."""
    in_french = rnd.random() < 0.5 if french is None else french
    name = _a_name(thing.names(in_french), rnd)
    templates = _FRENCH if in_french else _ENGLISH
    template = rnd.choice(templates)
    while style_needed and "{s}" not in template:
        template = rnd.choice(templates)
    word = rnd.choice(style.french if in_french else style.english)
    text = template.format(n=name.noun, a=name.full, s=word)
    if background == WHITE and rnd.random() >= _PLAIN_WHITE:
        return text
    colour = COLOURS[background].name(in_french)
    if rnd.random() < 0.15:
        before = rnd.choice(_BEFORE_FRENCH if in_french else _BEFORE_ENGLISH)
        return before.format(b=colour) + text
    return text + rnd.choice(_AFTER_FRENCH if in_french else _AFTER_ENGLISH).format(b=colour)


def caption_of_two(
    things: tuple[Object, Object],
    style: Style,
    background: int,
    rnd: random.Random,
    *,
    french: bool | None = None,
) -> str:
    """Return a caption of a picture that shows two things, the first on its left."""
    in_french = rnd.random() < 0.5 if french is None else french
    left, right = (_a_name(thing.names(in_french), rnd).full for thing in things)
    text = rnd.choice(_TWO_FRENCH if in_french else _TWO_ENGLISH).format(a=left, b=right)
    if rnd.random() < 0.5:
        word = rnd.choice(style.french if in_french else style.english)
        text += f", style {word}" if in_french else f", {word} style"
    if background == WHITE and rnd.random() >= _PLAIN_WHITE:
        return text
    colour = COLOURS[background].name(in_french)
    return text + rnd.choice(_AFTER_FRENCH if in_french else _AFTER_ENGLISH).format(b=colour)


def _a_name(names: Sequence[Name], rnd: random.Random) -> Name:
    """Return the usual name half of the time, else any."""
    return names[0] if rnd.random() < 0.5 else rnd.choice(names)


def spoken(text: str, rnd: random.Random) -> str:
    """Return a caption with fillers before it and perhaps a closing after it."""
    fillers = _FILLER_FRENCH if rnd.random() < 0.5 else _FILLER_ENGLISH
    for _ in range(rnd.randint(1, 2)):
        text = rnd.choice(fillers) + text
    return text + rnd.choice(_CLOSING) if rnd.random() < 0.3 else text


def held_out(phrasing: HeldOut, thing: Object, background: int, *, with_tail: bool) -> str:
    """Return a caption in a phrasing that is never trained."""
    name = thing.names(phrasing.french)[0]
    text = phrasing.opening.format(n=name.noun, a=name.full)
    if not with_tail:
        return text
    return text + phrasing.tail.format(b=COLOURS[background].name(phrasing.french))


class Surroundings:
    """Random words around a caption: real ones and made-up ones, so that none can mislead."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces
        self._words = common_words()

    def word(self, rnd: random.Random) -> str:
        """Return an everyday word or one made of the tokenizer's pieces."""
        if rnd.random() < 0.5 or not self._pieces:
            return rnd.choice(self._words)
        return "".join(rnd.choice(self._pieces) for _ in range(rnd.randint(1, 3)))

    def around(self, text: str, rnd: random.Random) -> str:
        """Return a caption with one to five words before it, after it, around it or in it."""
        words = [self.word(rnd) for _ in range(rnd.randint(1, 5))]
        place = rnd.random()
        if place < 0.4:
            return text + rnd.choice(_JOINTS) + " ".join(words)
        if place < 0.6:
            return " ".join(words) + rnd.choice((" ", ", ", ": ")) + text
        if place < 0.8:
            half = len(words) // 2
            return " ".join([*words[:half], text, *words[half:]])
        parts = text.split(" ")
        for word in words[:3]:
            parts.insert(rnd.randint(0, len(parts)), word)
        return " ".join(parts)

    def nothing(self, rnd: random.Random) -> str:
        """Return a sentence that asks for none of the objects."""
        words = " ".join(self.word(rnd) for _ in range(rnd.randint(1, 6)))
        if rnd.random() < 0.5:
            french = rnd.random() < 0.5
            template = rnd.choice(_FRENCH if french else _ENGLISH)
            words = template.format(n=words, a=words, s=rnd.choice(("flat", "3d", "plat", "doux")))
        return spoken(words, rnd) if rnd.random() < 0.3 else words
