"""What a text asks of pictures, by a small rule in English and French; no model is asked.

A text asks for a picture where it *begins* (after a greeting or a "please") with an order to draw
("draw me …", "dessine-moi …") or with an order to make and the word for a picture ("make a picture
of …", "fais une image de …"), and goes on with what is to be seen. What is drawn with other means
(a diagram, a graph, a table, a conclusion) is none, and neither is a question about drawing.

A text changes the last picture where it orders so of "it" or of "the same" ("make it blue", "same
without the hat", "rends-le bleu"). The earlier words are then rewritten: a colour takes the place
of the colour that was there, what is to go is taken out, anything else is added.
"""

import re
from typing import Final

import msgspec

from consigne.domain.languages import Language, language_of

LONGEST: Final = 400
"""Characters: nobody orders a picture so in a longer text."""


class Wish(msgspec.Struct, frozen=True):
    """A picture that a text asks for."""

    prompt: str
    language: Language


class Change(msgspec.Struct, frozen=True):
    """A change of a picture that a text asks for."""

    prompt: str
    """The earlier words, changed."""
    without: str
    """What must not be there any more."""
    language: Language
    vary: bool = False
    """Whether only another picture like it is wanted."""


_I: Final = re.IGNORECASE
_POLITE_EN: Final = (
    r"^(?:(?:hi|hello|hey|ok|okay|now|and|then|please)[,!.]?\s+)*"
    r"(?:(?:can|could|would|will) you (?:please )?|i(?:'d| would) like you to |i want you to )?"
)
_POLITE_FR: Final = (
    r"^(?:(?:bonjour|salut|ok|et|puis|maintenant|alors|s['’]il (?:te|vous) pla[iî]t)[,!.]?\s+)*"
    r"(?:(?:(?:peux|pourrais)[- ]tu|(?:pouvez|pourriez)[- ]vous) )?"
)
_PICTURE_EN: Final = r"(?:picture|image|drawing|illustration|painting|sketch|icon|sticker|photo)s?"
_PICTURE_FR: Final = (
    r"(?:image|dessin|illustration|peinture|croquis|ic[oô]ne|autocollant|photo|vignette)s?"
)
_DRAW: Final = (
    (
        "en",
        re.compile(_POLITE_EN + r"(?:draw|paint|sketch)\b(?:\s+(?:me|us|for me))?[:,]?\s+", _I),
    ),
    (
        "en",
        re.compile(
            _POLITE_EN + r"(?:make|create|generate|draw|paint|give|show)(?:\s+(?:me|us))?\s+"
            rf"(?:an?\s+|another\s+|the\s+|some\s+)?(?:\w+\s+)?{_PICTURE_EN}\s+(?:of|with|showing)\s+",
            _I,
        ),
    ),
    (
        "fr",
        re.compile(
            _POLITE_FR + r"(?:(?:me |nous )?(?:dessin|esquiss)(?:e[rz]?|es)|(?:me |nous )?(?:peins"
            r"|peignez|peindre))(?:[- ](?:moi|nous))?\b\s*[:,]?\s+",
            _I,
        ),
    ),
    (
        "fr",
        re.compile(
            _POLITE_FR + r"(?:me |nous )?(?:fai(?:s|tes|re)|cr[ée]e[rz]?|g[ée]n[èe]re[rz]?"
            r"|g[ée]n[ée]rez|produi(?:s|sez|re)|montre[rz]?|donne[rz]?)(?:[- ](?:moi|nous))?\s+"
            rf"(?:une?\s+|l['’]|le\s+|la\s+|des\s+)?(?:\w+\s+)?{_PICTURE_FR}\s+"
            r"(?:de\s+|du\s+|des\s+|d['’]\s*|avec\s+|montrant\s+|repr[ée]sentant\s+)",
            _I,
        ),
    ),
)
_OTHER_MEANS: Final = re.compile(
    r"^(?:(?:up|on|upon|from|out)\b"
    r"|(?:(?:an?|the|some|une?|le|la|les|l['’]|des|du|of|my|your|mon|ma|mes)\s*)?(?:\w+\s+){0,2}?"
    r"(?:conclusions?|lessons?|inferences?|distinctions?|lines? between|parallels?|comparisons?"
    r"|attention|diagrams?|flow ?charts?|charts?|graphs?|plots?|tables?|mind ?maps?|maps?|schemas?"
    r"|blood|lots|cards?|money|diagrammes?|organigrammes?|graphiques?|courbes?|tableaux?"
    r"|sch[ée]mas?|cartes? (?:mentale|de)|parall[èe]les?|bilan|plan)\b)",
    _I,
)
_AS_CODE: Final = re.compile(
    r"\b(?:in|as|with|using|en|avec) (?:svg|ascii(?: art)?|html|css|mermaid|latex|tikz|python"
    r"|canvas|matplotlib)\b",
    _I,
)
_TAIL: Final = re.compile(
    r"[\s,]*(?:please|thanks|thank you|s['’]il (?:te|vous) pla[iî]t|merci)?[\s.!?…]*$", _I
)


def wish(text: str) -> Wish | None:
    """Return the picture that a text plainly asks for, if it does."""
    text = _plain(text)
    if len(text) > LONGEST:
        return None
    for language, order in _DRAW:
        if not (found := order.match(text)):
            continue
        prompt = _TAIL.sub("", text[found.end() :])
        named = re.search(rf"\b(?:{_PICTURE_EN}|{_PICTURE_FR})\b", found[0], _I)
        if not prompt or _AS_CODE.search(prompt) or (not named and _OTHER_MEANS.match(prompt)):
            return None
        return Wish(prompt, "fr" if language == "fr" else "en")
    return None


_VARY: Final = re.compile(
    r"^(?:(?P<en>(?:(?:draw|make|give me|show me)\s+)?(?:another|one more|a variation|variation)"
    r"(?:\s+(?:one|picture|version|of it))?(?:\s+like (?:it|this|that))?|vary (?:it|this)|again)"
    r"|(?P<fr>(?:(?:dessine|fais|montre|donne)(?:z)?(?:-moi|-en)?\s+)?(?:une? autre|encore une?"
    r"|une variante)(?:\s+(?:image|dessin|version))?(?:\s+(?:comme|semblable à)"
    r"\s+(?:celle-ci|celui-ci|[çc]a))?|varie(?:z)?-l[ae]))$",
    _I,
)
_POLITE: Final = re.compile(
    r"^(?:(?:ok|okay|now|and|but|then|please|et|mais|maintenant|puis|alors|s['’]il (?:te|vous)"
    r" pla[iî]t)[,!.]?\s+)+",
    _I,
)
_PART_EN: Final = r"(?:background|sky|hat|body|hair|fur|ground|colou?r)"
_PART_FR: Final = r"(?:fond|ciel|chapeau|corps|poil|sol|couleur)"
_SAME_EN: Final = r"^(?:the )?same(?: (?:one|picture|thing))?[, ]*(?:but )?"
_SAME_FR: Final = r"^(?:(?:la|le) )?m[êe]me(?: image| chose)?[, ]*(?:mais )?"
_IT_EN: Final = r"(?:it|her|him|them|this|that|the picture)"
_SOMETHING_FR: Final = r"(?:(?:le|la|les|son|sa|ses) |l['’])"
_THING_EN: Final = (
    r"(?:(?:an?(?! (?:bit|little|lot|touch|tad|few)\b)|the|some|two|three|\d) (?!.*\bones?$).+)"
)
_THING_FR: Final = r"(?:(?:(?:une?(?! peu\b)|le|la|les|des|deux|trois|\d) |l['’]).+)"
_TURN_FR: Final = r"(?:remplace|change|transforme)[zr]?"
_MANNER: Final = re.compile(
    rf"\b(?:{_PICTURE_EN}|{_PICTURE_FR}|cartoons?|watercolou?rs?|pastel|logo|emoji|version|style"
    r"|aquarelle|dessin anim[ée])\b",
    _I,
)
"""What a picture may become without being of another thing."""
_CHANGES: Final = tuple(
    (language, kind, re.compile(order, _I))
    for language, kind, order in (
        (
            "en",
            "swap",
            (
                r"^(?:replace|swap|change|turn) the (?P<part>.+?) (?:with|for|by|in|to|into) "
                rf"(?P<what>{_THING_EN})$"
            ),
        ),
        ("en", "part", rf"^(?:make|turn|paint|colou?r) the (?P<part>{_PART_EN}) (?P<what>.+)$"),
        ("en", "part", rf"^change the (?P<part>{_PART_EN}) to (?P<what>.+)$"),
        (
            "en",
            "into",
            (
                rf"^(?:make|turn|change|replace) {_IT_EN}(?: in(?:to)?| to| with)? "
                rf"(?P<what>{_THING_EN})$"
            ),
        ),
        ("en", "to", rf"^(?:make|turn|paint|colou?r) {_IT_EN}(?: in(?:to)?)? (?P<what>.+)$"),
        ("en", "less", rf"(?:{_SAME_EN}|^)without (?P<what>.+)$"),
        (
            "en",
            "less",
            r"^(?:remove|take away|take off|leave out) (?P<what>(?:the|its|his|her) .+)$",
        ),
        ("en", "more", rf"{_SAME_EN}(?P<what>(?:with|on|in|as) .+)$"),
        ("en", "more", r"^add (?P<what>(?:an?|some|the|more) .+)$"),
        (
            "fr",
            "swap",
            (
                rf"^{_TURN_FR} {_SOMETHING_FR}(?P<part>.+?) (?:par|en|pour) "
                rf"(?P<what>{_THING_FR})$"
            ),
        ),
        (
            "fr",
            "part",
            rf"^(?:rend(s|ez)|met(s|tez)) {_SOMETHING_FR}(?P<part>{_PART_FR}) (en )?(?P<what>.+)$",
        ),
        ("fr", "part", rf"^change[zr]? {_SOMETHING_FR}(?P<part>{_PART_FR}) en (?P<what>.+)$"),
        (
            "fr",
            "into",
            (
                rf"^(?:{_TURN_FR}-(?:le|la|les) (?:par|en)|fai(?:s|tes)-en) "
                rf"(?P<what>{_THING_FR})$"
            ),
        ),
        (
            "fr",
            "to",
            r"^(?:rend(s|ez)|fai(s|tes)|met(s|tez)|coloriez?)-(?:le|la|les)(?: en)? (?P<what>.+)$",
        ),
        ("fr", "to", rf"{_SAME_FR}en (?P<what>.+)$"),
        ("fr", "less", rf"(?:{_SAME_FR}|^)sans (?P<what>.+)$"),
        (
            "fr",
            "less",
            rf"^(?:enl[èe]ve[zr]?|retire[zr]?|[ôo]te[zr]?)(?:-lui)? (?P<what>{_SOMETHING_FR}.+)$",
        ),
        ("fr", "more", rf"{_SAME_FR}(?P<what>(?:avec|sur|dans) .+)$"),
        ("fr", "more", r"^ajoute[zr]?(?:-lui)? (?P<what>(?:une?|des|du|le|la|les) .+)$"),
    )
)
_EN_COLOURS: Final = (
    "red|blue|green|yellow|orange|purple|violet|pink|brown|black|white|gr[ae]y|golden|gold|silver"
    "|turquoise|beige"
)
_FR_COLOURS: Final = (
    "rouges?|bleue?s?|verte?s?|jaunes?|oranges?|violette?s?|violets?|roses?|brune?s?|marron|noire?s?"
    "|blanc(?:he)?s?|grise?s?|dor[ée]e?s?|argent[ée]e?s?|turquoises?|beiges?"
)
_COLOURS: Final = {
    "en": re.compile(rf"\b(?:{_EN_COLOURS})\b", _I),
    "fr": re.compile(rf"\b(?:{_FR_COLOURS})\b", _I),
}
_TO_ENGLISH: Final = {
    "roug": "red", "bleu": "blue", "vert": "green", "jaun": "yellow", "oran": "orange",
    "viol": "purple", "rose": "pink", "brun": "brown", "marr": "brown", "noir": "black",
    "blan": "white", "gris": "grey", "dor": "golden", "arge": "silver", "turq": "turquoise",
    "beig": "beige",
}  # fmt: skip
"""By the first four letters, which all forms of a French colour share."""
_TO_FRENCH: Final = {
    "red": "rouge", "blue": "bleu", "green": "vert", "yellow": "jaune", "orange": "orange",
    "purple": "violet", "violet": "violet", "pink": "rose", "brown": "brun", "black": "noir",
    "white": "blanc", "gray": "gris", "grey": "gris", "golden": "doré", "gold": "doré",
    "silver": "argenté", "turquoise": "turquoise", "beige": "beige",
}  # fmt: skip
_ARTICLE: Final = re.compile(
    r"^(?:an?|the|some|two|three|une?|des|le|la|les|deux|trois)\s+|^l['’]", _I
)
_SETTING: Final = re.compile(
    r",|\b(?:on|in|with|over|under|sur|dans|avec|sous|à)\b|\b(?:background|fond)\b", _I
)


def change(text: str, before: str) -> Change | None:
    """Return how a text changes a picture that was made from the words ``before``, if it does."""
    text = _TAIL.sub("", _POLITE.sub("", _plain(text)))
    if not text or len(text) > LONGEST:
        return None
    if found := _VARY.match(text):
        return Change(before, "", "fr" if found["fr"] else "en", vary=True)
    for language, kind, order in _CHANGES:
        if not (found := order.match(text)):
            continue
        spoken: Language = "fr" if language == "fr" else "en"
        what = found["what"].strip()
        match kind:
            case "less":
                thing = _ARTICLE.sub("", re.sub(r"^(?:its|his|her|son|sa|ses)\s+", "", what))
                return Change(_without(before, thing), thing, spoken)
            case "part":
                return Change(_with_part(before, found["part"], what, spoken), "", spoken)
            case "swap":
                if (swapped := _swapped(before, found["part"], what)) is not None:
                    return Change(swapped, "", spoken)
            case "into" if not _MANNER.search(what):
                around = _SETTING.search(before)
                rest = before[around.start() :] if around else ""
                gap = " " if rest and not rest.startswith(",") else ""
                return Change(f"{what}{gap}{rest}", "", spoken)
            case "to" if _COLOURS[spoken].fullmatch(what):
                return Change(_coloured(before, _spoken(what, spoken, before)), "", spoken)
            case _:
                return Change(f"{before}, {what}", "", spoken)
    return None


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _coloured(before: str, colour: str) -> str:
    """Return the words with a colour for what is drawn, not for what is around it."""
    language = language_of(before)
    around = _SETTING.search(before)
    thing, rest = (before[: around.start()], before[around.start() :]) if around else (before, "")
    colours = _COLOURS[language]
    if colours.search(thing):
        return _fitting(colours.sub(colour, thing, count=1) + rest, language)
    if language == "fr":
        named = re.match(r"(?:(?:une?|des|le|la|les|deux|trois)\s+|l['’])?\S+", thing, _I)
        at = named.end() if named else len(thing.rstrip())
        return f"{thing[:at]} {colour}{thing[at:]}{rest}"
    article = _ARTICLE.match(thing)
    at = article.end() if article else 0
    return _fitting(f"{thing[:at]}{colour} {thing[at:]}{rest}", language)


def _spoken(colour: str, language: Language, before: str) -> str:
    """Return a colour in the language of the earlier words."""
    if language_of(before) == language:
        return colour
    if language == "en":
        return _TO_FRENCH[colour.lower()]
    stem = colour.lower()[:4]
    return _TO_ENGLISH[stem if stem in _TO_ENGLISH else "dor"]


def _fitting(text: str, language: Language) -> str:
    """Return English words whose first article fits the word after it."""
    found = re.match(r"(a)n?\s+(?=([a-z]))", text, _I) if language == "en" else None
    if found is None:
        return text
    article = found[1] + ("n" if found[2].lower() in "aeiou" else "")
    return f"{article} {text[found.end() :]}"


def _with_part(before: str, part: str, what: str, language: Language) -> str:
    """Return the words with what a part of the picture is to look like."""
    if language_of(before) == "fr" or language == "fr":
        said, there = f"{part} {what}", re.compile(rf"\b{re.escape(part)} \S+", _I)
    else:
        said, there = f"{what} {part}", re.compile(rf"\b(?:{_EN_COLOURS}) {re.escape(part)}\b", _I)
    return there.sub(said, before, count=1) if there.search(before) else f"{before}, {said}"


def _swapped(before: str, thing: str, instead: str) -> str | None:
    """Return the words with another thing for one that they name; ``None`` if they do not."""
    named = re.compile(
        rf"(?:\b(?:an?|the|some|une?|le|la|les|des)\s+|\bl['’])?\b{re.escape(thing)}\b", _I
    )
    return named.sub(lambda _: instead, before, count=1) if named.search(before) else None


def _without(before: str, thing: str) -> str:
    """Return the words without a thing, as far as they name it."""
    named = re.compile(
        r"[\s,]*\b(?:(?:wearing|with|and|in|avec|et|portant|dans)\s+)"
        rf"(?:(?:an?|the|its|une?|le|la|les|des|son|sa)\s+|l['’])?(?:\S+\s+)?{re.escape(thing)}\b"
        rf"(?:\s+(?:{_FR_COLOURS})\b)?",
        _I,
    )
    left = named.sub("", before).strip(" ,")
    return left or before
