"""The language of a short text, of the two that the service speaks."""

import re
from typing import Final, Literal

Language = Literal["en", "fr"]

_FRENCH: Final = frozenset(
    ("un", "une", "le", "la", "les", "des", "du", "de", "sur", "avec", "dans", "et", "fond", "sans")
)
_ENGLISH: Final = frozenset(
    ("a", "an", "the", "of", "on", "with", "in", "and", "background", "without")
)


def language_of(text: str) -> Language:
    """Return French where a text has more of its small words and accents, else English."""
    lower = text.lower()
    words = set(re.findall(r"[a-zàâçéèêëîïôûùœ]+", lower.replace("’", "'")))
    accents = bool(re.search(r"[àâçéèêëîïôûùœ]", lower))
    return "fr" if len(words & _FRENCH) + accents > len(words & _ENGLISH) else "en"
