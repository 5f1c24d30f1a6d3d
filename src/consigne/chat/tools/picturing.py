"""Answers that are pictures: for a question of the mode ``picture``, or one that plainly asks.

A model that can use tools is offered the tool and decides for itself; with any other, and where
the reader chose the mode, the run calls the tool directly and no text model is asked.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from consigne.business.caller import Caller
from consigne.business.pictures import Picture, Pictures
from consigne.chat.tools.base import Words
from consigne.chat.tools.picture_parts import Part, part_of
from consigne.chat.tools.picture_tool import TELL, last_picture
from consigne.chat.tools.picture_words import change, wish
from consigne.chat.values import Mode, StoredMessage
from consigne.domain.errors import NotFound
from consigne.domain.languages import Language, language_of
from consigne.domain.messages import Json, TextBlock, ToolResultBlock

_VARIED: Final = 0.6
"""Share of a picture that another one like it gives up."""
_FAILED: Final = Words("No picture could be made.", "L’image n’a pas pu être produite.")


class Order(msgspec.Struct, frozen=True):
    """A call of the tool that answers a question."""

    input: Json
    language: Language


class Picturing:
    """Finds out which questions are answered by a picture, and by which."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    async def order(
        self, person: Caller, branch: Sequence[StoredMessage], mode: Mode
    ) -> Order | None:
        """Return what a branch's last question wants drawn.

        A plain wish is drawn anew; where the answer before it has a picture, a change changes
        that one. In the mode ``picture`` any other text says what is to be seen.
        """
        asked = [message for message in branch if message.role == "user"][-1]
        if (part := part_of(asked.content)) is not None:
            return await self._anew(person, part, asked.text)
        if wanted := wish(asked.text):
            return Order({"prompt": wanted.prompt}, wanted.language)
        before = next((each for each in branch if each.id == asked.parent_id), None)
        last = await self._last(person, before) if before is not None else None
        if last is not None and (changed := change(asked.text, last.prompt)):
            found: Json = {"prompt": changed.prompt, "picture_id": last.id}
            if changed.vary:
                found["strength"] = _VARIED
            if changed.without:
                found["without"] = changed.without
            return Order(found, changed.language)
        if mode != "picture":
            return None
        return Order({"prompt": asked.text.strip()[:2000]}, language_of(asked.text))

    async def _anew(self, person: Caller, part: Part, text: str) -> Order:
        """Return the order to draw a part of a picture anew, as the text wants it."""
        known = await self._pictures.get(person, part.picture_id)
        changed, wanted = change(text, known.prompt), wish(text)
        prompt = changed.prompt if changed else wanted.prompt if wanted else text.strip()[:2000]
        found: Json = {
            "prompt": prompt,
            "picture_id": part.picture_id,
            "part": part.cells,
            "strength": 1.0,
        }
        if changed and changed.without:
            found["without"] = changed.without
        return Order(found, language_of(text))

    async def _last(self, person: Caller, answer: StoredMessage) -> Picture | None:
        picture_id = last_picture(answer.content)
        if picture_id is None:
            return None
        try:
            return await self._pictures.get(person, picture_id)
        except NotFound:  # deleted meanwhile
            return None


def closing(results: Sequence[ToolResultBlock], language: Language) -> str:
    """Return the sentence that must stand under the pictures; mostly none."""
    texts = [
        block.text for each in results for block in each.content if isinstance(block, TextBlock)
    ]
    if any(each.is_error for each in results):
        return " ".join([getattr(_FAILED, language), *texts])
    told = (text.removeprefix(TELL) for text in texts if text.startswith(TELL))
    return next(told, "")
