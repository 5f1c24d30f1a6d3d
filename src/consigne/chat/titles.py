"""Titles of conversations: by rule at once, by the model once it writes."""

import re
import unicodedata

from consigne.domain.messages import Message, Request, Sampling, TextBlock

LONGEST = 60
TITLE_TOKENS = 24

_FENCE = re.compile(r"^\s*(```|~~~)")
_LEAD = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+]\s+|\d+[.)]\s+)+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"(\*\*|__|~~|`+)")
_SENTENCE = re.compile(r"^.*?[.!?…。！？](?=\s|$)")
_QUOTES = "\"'“”‘’«»„*_`#\u00a0\u202f "


def by_rule(text: str) -> str:
    """Return a title for a conversation that begins with ``text``: its first sentence.

    Markdown is taken off; what is longer than 60 characters ends with an ellipsis at a word.
    """
    lines = [line for line in text.splitlines() if line.strip() and not _FENCE.match(line)]
    plain = next((found for line in lines if (found := _plain(line))), "")
    sentence = _SENTENCE.match(plain)
    return _shortened(_without_full_stop(sentence.group() if sentence else plain))


def from_model(answer: str) -> str:
    """Return the title in a model's answer; empty if there is none."""
    lines = [plain for line in answer.splitlines() if (plain := _plain(line))]
    title = re.sub(r"^(?:title|titre)\s*:\s*", "", lines[0] if lines else "", flags=re.IGNORECASE)
    return _shortened(_without_full_stop(title.strip(_QUOTES)))


def request(model: str, question: str) -> Request:
    """Return the request that asks a model for a conversation's title."""
    asked = (
        "Write a title of at most six words for a conversation that begins with the message "
        "below, in the language of the message. Answer with the title alone.\n\n"
        f"<message>\n{question[:1000]}\n</message>"
    )
    return Request(
        model=model,
        messages=(Message("user", (TextBlock(asked),)),),
        sampling=Sampling(temperature=0.0),
        max_tokens=TITLE_TOKENS,
        thinking=False,
    )


def folded(text: str) -> str:
    """Return the text as searches compare it: without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _plain(line: str) -> str:
    line = _LINK.sub(r"\1", _LEAD.sub("", line))
    printable = "".join(c if c.isprintable() else " " for c in _MARKS.sub("", line))
    return " ".join(printable.split())


def _without_full_stop(text: str) -> str:
    return text[:-1].rstrip() if text.endswith((".", "。")) and not text.endswith("..") else text


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    cut = text[: LONGEST - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > LONGEST // 2 else cut).rstrip(" ,;:-–—") + "…"
