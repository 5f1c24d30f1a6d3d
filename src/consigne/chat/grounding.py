"""What a model is shown of the files on a branch: whole where they fit, else what answers best."""

from collections.abc import Collection, Sequence

import msgspec

from consigne.chat.citing import HOW_TO_CITE, Shown, citation, numbered, numbers
from consigne.chat.guidance import Guidance
from consigne.chat.values import Citation, StoredMessage
from consigne.documents.library import Documents
from consigne.documents.retrieval import Retrieval
from consigne.documents.values import Passage
from consigne.domain.messages import ContentBlock, ImageBlock, TextBlock
from consigne.domain.models import Model

TOKEN_BYTES = 3
"""Fewer than a token has on average in most texts: what is thought to fit does."""
PASSAGE_BYTES = 900
LEAST, MOST = 4, 12
"""Passages that are shown of what does not fit."""
SHORT_QUERY = 60
"""A question this short is searched for together with the one before it."""


class Grounded(msgspec.Struct, frozen=True):
    """A branch with its files."""

    branch: tuple[StoredMessage, ...]
    """The questions hold what the model is shown of their files."""
    shown: Shown = Shown()
    """The passages that it is shown."""
    known: tuple[TextBlock, ...] = ()
    """What it is shown of the assistant's and the project's knowledge, for the system text."""

    def told(self, guidance: Guidance) -> Guidance:
        """Return the guidance of an answer that stands on what is shown."""
        if not self.shown.passages:
            return guidance
        system = (*guidance.system, *self.known, TextBlock(HOW_TO_CITE))
        return msgspec.structs.replace(guidance, system=system)


class Known(msgspec.Struct, frozen=True):
    """What an assistant's documents bring to a question."""

    system: tuple[TextBlock, ...]
    """Documents that are shown whole, and how to cite."""
    found: TextBlock | None
    """Passages of the others, for the question."""
    shown: dict[int, Citation]


class Grounding:
    """Puts files into branches."""

    def __init__(self, documents: Documents, retrieval: Retrieval) -> None:
        self._documents = documents
        self._retrieval = retrieval

    async def ground(
        self,
        model: Model,
        organisation_id: str,
        branch: Sequence[StoredMessage],
        knowledge: Sequence[str] = (),
    ) -> Grounded:
        """Return a branch (root first) with the files of its questions.

        Files are read whole, in the order they came, into half of the model's context; documents
        that an assistant or a project knows come first. From the others the passages that fit the
        last question best are shown with it; their numbers come after all that earlier answers
        cite. Numbers that the answer has given to pages of the web are left to them.
        """
        if not knowledge and not any(message.attachments for message in branch):
            return Grounded(tuple(branch))
        left = (model.context - min(1024, model.context // 4)) // 2 * TOKEN_BYTES
        shown: dict[int, Citation] = {}
        before: dict[str, list[ContentBlock]] = {}
        searched: list[str] = []
        known: list[TextBlock] = []
        taken = {source.number for source in branch[-1].sources}
        for document_id in knowledge:
            passages = await self._documents.whole(organisation_id, document_id)
            size = _size(passages)
            if size > left:
                searched.append(document_id)
            elif passages:
                left -= size
                known.append(_show(passages, shown, taken=taken))
        for message in branch:
            blocks = before.setdefault(message.id, [])
            for attached in message.attachments:
                if attached.kind == "image":
                    blocks.append(await self._image(model, organisation_id, attached.id))
                    continue
                passages = await self._documents.whole(organisation_id, attached.id)
                size = _size(passages)
                if size > left:
                    searched.append(attached.id)
                    continue
                left -= size
                blocks.append(_show(passages, shown, taken=taken))
        last = next(message for message in reversed(branch) if message.role == "user")
        whole = set(shown)
        if searched:
            most = max(LEAST, min(MOST, left // PASSAGE_BYTES))
            query = _query(branch, last)
            found = await self._retrieval.find(organisation_id, searched, query, most)
            before[last.id].append(_show(found, shown, _last_cited(branch) + 1, taken))
        with_files = tuple(_with(message, before[message.id]) for message in branch)
        best = tuple(number for number in shown if number not in whole)
        return Grounded(with_files, Shown(shown, best, last.text), tuple(known))

    async def known(
        self,
        model: Model,
        organisation_id: str,
        knowledge: Sequence[str],
        asked: Sequence[str],
        taken: Collection[int] = (),
    ) -> Known:
        """Return what documents bring to the last of the questions asked.

        They are shown whole, in their order, as far as half of the model's context holds them; of
        the others those passages that fit the question best. Their numbers are not among those
        taken.
        """
        left = (model.context - min(1024, model.context // 4)) // 2 * TOKEN_BYTES
        shown: dict[int, Citation] = {}
        searched: list[str] = []
        system: list[TextBlock] = []
        for document_id in knowledge:
            passages = await self._documents.whole(organisation_id, document_id)
            if (size := _size(passages)) > left:
                searched.append(document_id)
            elif passages:
                left -= size
                system.append(_show(passages, shown, taken=taken))
        found = None
        if searched and asked:
            most = max(LEAST, min(MOST, left // PASSAGE_BYTES))
            best = await self._retrieval.find(organisation_id, searched, _searched(asked), most)
            found = _show(best, shown, taken=taken)
        if shown:
            system.append(TextBlock(HOW_TO_CITE))
        return Known(tuple(system), found, shown)

    async def _image(self, model: Model, organisation_id: str, document_id: str) -> ContentBlock:
        if not model.capabilities.images_in:
            return TextBlock("(A picture that this model can't see.)")
        found = await self._documents.picture(organisation_id, document_id)
        if found is None:
            return TextBlock("(A picture that was deleted.)")
        return ImageBlock(media_type=found[0], data=found[1])


def _size(passages: Sequence[Passage]) -> int:
    return sum(len(passage.text.encode()) for passage in passages)


def _show(
    passages: Sequence[Passage],
    shown: dict[int, Citation],
    first: int = 1,
    taken: Collection[int] = (),
) -> TextBlock:
    """Give the passages the next numbers, from ``first`` at least, and return them to be read."""
    given = numbers(len(passages), max(first, max(shown, default=0) + 1), taken)
    shown |= {number: citation(number, each) for number, each in zip(given, passages, strict=True)}
    return TextBlock(numbered(passages, given) + "\n\n" if passages else "")


def _last_cited(branch: Sequence[StoredMessage]) -> int:
    """Return the highest number that the branch's answers cite anything by."""
    cited = [each.number for message in branch for each in message.citations if each.cited]
    pages = [source.number for message in branch for source in message.sources]
    return max([0, *cited, *pages])


def _with(message: StoredMessage, blocks: Sequence[ContentBlock]) -> StoredMessage:
    if not blocks:
        return message
    return msgspec.structs.replace(message, content=(*blocks, *message.content))


def _query(branch: Sequence[StoredMessage], last: StoredMessage) -> str:
    if len(last.text) > SHORT_QUERY:
        return last.text
    return _searched([message.text for message in branch if message.role == "user"])


def _searched(asked: Sequence[str]) -> str:
    """Return what is searched for: the last question, with the one before it where it is short."""
    return asked[-1] if len(asked[-1]) > SHORT_QUERY else "\n".join(asked[-2:])
