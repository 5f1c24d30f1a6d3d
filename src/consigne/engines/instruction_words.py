"""The small words of instructions for pictures, in lower case and without accents."""

from typing import Final

Rgb = tuple[int, int, int]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOURS: Final[dict[str, Rgb]] = {
    "red": (220, 40, 40), "blue": (45, 95, 230), "green": (50, 170, 75), "yellow": (250, 205, 50),
    "orange": (250, 140, 30), "purple": (140, 70, 200), "violet": (140, 70, 200),
    "pink": (250, 140, 195), "brown": (125, 80, 45), "black": (45, 45, 45),
    "white": (240, 240, 240), "grey": (140, 140, 140), "gray": (140, 140, 140),
    "golden": (225, 175, 50), "turquoise": (50, 190, 190),
    "rouge": (220, 40, 40), "bleu": (45, 95, 230), "vert": (50, 170, 75), "jaune": (250, 205, 50),
    "violette": (140, 70, 200), "rose": (250, 140, 195), "brun": (125, 80, 45),
    "marron": (125, 80, 45), "noir": (45, 45, 45), "blanc": (240, 240, 240),
    "gris": (140, 140, 140), "dore": (225, 175, 50),
}  # fmt: skip
FEMININE: Final = {
    "bleue": "bleu", "verte": "vert", "brune": "brun", "noire": "noir", "blanche": "blanc",
    "grise": "gris", "doree": "dore", "rouges": "rouge", "jaunes": "jaune", "roses": "rose",
}  # fmt: skip
NUMBERS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "sept": 7,
    "huit": 8, "neuf": 9, "dix": 10, "douze": 12,
}  # fmt: skip
ARTICLES: Final = _words(
    "a an the some un une le la les l des du d de my your his her mon ma mes son sa"
)
WITH_ACCENT: Final = _words("dé dés")
"""Names of things that would be articles without their accents."""
ONLY_IN: Final = {"lit": True, "pin": True, "car": False}
"""Names that are common words of the other language; whether they are French."""
LINKS: Final = _words(
    "and et & + , plus with avec next to beside near by side cote pres a ainsi que together"
)
NOT: Final = _words("no not without sans pas aucun aucune except sauf")
SMALL: Final = _words(
    "nice cute little small big pretty simple plain beautiful joli jolie petit petite petits"
    " petites grand grande gros grosse beau belle simple mignon mignonne"
)
FILLERS: Final = (
    ARTICLES
    | LINKS
    | SMALL
    | _words(
        "please draw drawing paint me us make made create generate show give i want would like need"
        " can could you have see image picture icon emoji sticker illustration of in on over for it"
        " is it's style background backdrop colour color logo thanks thank now hello hi"
        " dessine dessiner dessinez moi nous fais faire faites cree creer genere generer montre"
        " je veux voudrais souhaite peux tu pouvez vous icone autocollant dessin fond arriere uni"
        " couleur en sur dans pour est stp svp s il te plait merci bonjour qui avec . : ; ! ?"
        " against behind around front something unie derriere entoure"
    )
)
