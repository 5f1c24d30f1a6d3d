"""What a reader is told beside a picture: what is not in it, and which model knows more."""

from typing import Final

from consigne.domain.images import ImagesStart
from consigne.domain.languages import Language
from consigne.engines.instructions import THE_REST
from consigne.gateway.image_catalogue import larger

_MOST_NAMED: Final = 4
_MOST_CHARACTERS: Final = 60

_UNKNOWN: Final = {
    "en": "{model} does not seem to know what was asked for, so the picture may be of something "
    "else.",
    "fr": "{model} ne semble pas connaître ce qui est demandé : l’image peut montrer autre chose.",
}
_BY_ITSELF: Final = {
    "en": "{model} draws one thing at a time: each was drawn by itself, and they were set side by "
    "side.",
    "fr": "{model} dessine une chose à la fois : chacune a été dessinée à part, puis placée à côté "
    "des autres.",
}
_LEFT_OUT: Final = {
    "en": "{model} draws things it knows on a plain background; left out: {what}.",
    "fr": "{model} dessine des choses qu’il connaît sur un fond uni ; laissé de côté : {what}.",
}
_LEFT_OUT_BESIDE: Final = {"en": "Left out: {what}.", "fr": "Laissé de côté : {what}."}
_THE_REST: Final = {
    "en": "all else that the instruction says",
    "fr": "tout le reste de la consigne",
}
_QUOTED: Final = {"en": "“{}”", "fr": "« {} »"}
_PULL: Final = {
    "en": "A larger model can be installed: consigne models pull {name} (all of them: consigne "
    "models suggest --images).",
    "fr": "Un modèle plus grand peut être installé : consigne models pull {name} (tous : consigne "
    "models suggest --images).",
}


def notice(start: ImagesStart, language: Language) -> str | None:
    """Return what to tell the reader of a picture; mostly nothing."""
    said = []
    if not start.known:
        said.append(_UNKNOWN[language])
    else:
        if start.cells > 1:
            said.append(_BY_ITSELF[language])
        if start.left_out:
            said.append((_LEFT_OUT_BESIDE if said else _LEFT_OUT)[language])
    if not start.known or start.left_out:
        said.append(_PULL[language])
    if not said:
        return None
    what = ", ".join(_told(each, language) for each in start.left_out[:_MOST_NAMED])
    return " ".join(said).format(model=start.model, what=what, name=larger().id)


def _told(left_out: str, language: Language) -> str:
    if left_out == THE_REST:
        return _THE_REST[language]
    brief = " ".join(left_out.split())
    if len(brief) > _MOST_CHARACTERS:
        brief = brief[: _MOST_CHARACTERS - 1] + "…"
    return _QUOTED[language].format(brief)
