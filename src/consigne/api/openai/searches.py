"""What searches of the web have in common in the dialect's answers."""

from collections.abc import Iterable
from typing import Any, Final

from consigne.chat.citing import marks
from consigne.domain.events import Cited

RESULTS: Final = {"low": 3, "high": 20}
"""Results of a search, by how much of the context they may take; else the operator's number."""


def places(text: str, cited: Iterable[Cited], start: int = 0) -> Iterable[dict[str, Any]]:
    """Yield each place where a text names a page, as ``url_citation`` tells it.

    Args:
        text: The text.
        cited: The passages that it rests on.
        start: Where it begins in its answer.
    """
    pages = {each.number: each for each in cited if each.url is not None}
    for begin, end, number in marks(text):
        if (page := pages.get(number)) is not None:
            yield {
                "start_index": start + begin,
                "end_index": start + end,
                "url": page.url,
                "title": page.filename,
            }
