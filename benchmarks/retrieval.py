"""Recall@5 of retrieval: by words, by meaning, and both fused, on a set of real questions.

The set is the Perl FAQ (Artistic License or GPL; Debian's package ``perl-doc``): the questions are
its headings, as people put them; the text that is searched is its answers without the headings.
A question counts as found when one of the first five passages is of its answer. The fusion's two
numbers were chosen on the questions of even place; those of odd place are held out.

    python benchmarks/retrieval.py --models-dir ~/.local/share/consigne/models
"""

import argparse
import asyncio
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import select

from consigne.business.caller import Caller
from consigne.business.identity import Identity
from consigne.documents.library import Documents
from consigne.documents.reading import Part, Reader, Reading
from consigne.documents.retrieval import Retrieval, fused
from consigne.domain.models import Modality, Model
from consigne.engines.base import Embeddings
from consigne.engines.embedding import EmbeddingRunner
from consigne.jobs.runtime import Jobs, Kind
from consigne.store.db import Database
from consigne.store.documents_tables import PassageRow
from consigne.store.objects import Objects

MODEL = "all-minilm-l6-v2"
_POD = re.compile(r"[A-Z]<+\s?([^<>]*?)\s?>+")
_QUESTION = re.compile(r"^=head2\s+", re.MULTILINE)
_DIRECTIVE = re.compile(r"^=\w+.*$|X<[^>]*>", re.MULTILINE)
BEST = 5


class Here:
    """The embedding model, in this process."""

    def __init__(self, folder: Path) -> None:
        self._runner = EmbeddingRunner(folder)

    def default_model(self, modality: Modality = "text") -> Model:
        """Return it."""
        return Model(MODEL, MODEL, modality, 0, 256)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text."""
        vectors, counts = self._runner.embed(texts)
        return Embeddings(tuple(tuple(map(float, vector)) for vector in vectors), sum(counts))


class Now(Jobs):
    """Does each job where it is submitted."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    async def submit(self, kind: str, subject: str) -> None:
        """Do it."""
        for _, work in self._kinds[kind].steps:
            await work(subject)


class Given(Reader):
    """Gives the answers of one FAQ as a file's parts, a page each."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = answers

    async def read(self, path: Path, filename: str, media_type: str) -> Reading:
        """Return them."""
        return Reading("text", tuple(Part(text, n) for n, text in enumerate(self._answers)))


def faqs(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each FAQ's name, its questions and its answers."""
    subprocess.run(["apt-get", "download", "-qq", "perl-doc"], cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "x")], check=True)
    for path in sorted((folder / "x").rglob("perlfaq[1-9].pod")):
        questions: list[str] = []
        answers: list[str] = []
        for part in _QUESTION.split(path.read_text("utf-8", "replace"))[1:]:
            heading, _, body = part.partition("\n\n")
            body = _DIRECTIVE.sub("", body.split("\n=head1")[0]).strip()
            if body:
                questions.append(_POD.sub(r"\1", " ".join(heading.split())))
                answers.append(_POD.sub(r"\1", body))
        yield path.stem, questions, answers


async def measure(models_dir: Path, folder: Path) -> None:
    """Index the set, ask all questions in each of the three ways, and print what they found."""
    db = await Database.open(folder / "consigne.db")
    identity = Identity(db)
    caller = (await identity.sign_in(await identity.create_login_link())).caller
    here, objects = Here(models_dir / MODEL), Objects.open("", folder / "objects")
    asked: list[tuple[str, str, int]] = []
    began = time.perf_counter()
    for name, questions, answers in faqs(folder):
        documents = Documents(db, objects, here, Now(), Given(answers))
        added = await documents.add(caller, f"{name}.txt", "text/plain", _bytes())
        asked += [(question, added.id, n) for n, question in enumerate(questions)]
    async with db.reading() as session:
        rows = await session.execute(select(PassageRow.id, PassageRow.document_id, PassageRow.page))
        where = {row.id: (row.document_id, row.page) for row in rows}
    spent = time.perf_counter() - began
    print(f"{len(asked)} questions, {len(where)} passages, read and indexed in {spent:.0f} s")
    await _ask(Retrieval(db, here), caller, asked, where)
    await db.close()


async def _ask(
    retrieval: Retrieval,
    caller: Caller,
    asked: Sequence[tuple[str, str, int]],
    where: dict[int, tuple[str, int]],
) -> None:
    ids = sorted({document_id for _, document_id, _ in asked})
    org = caller.organisation_id
    words = [await retrieval.by_words(org, ids, question) for question, _, _ in asked]
    began = time.perf_counter()
    meaning = [await retrieval.by_meaning(org, ids, question) for question, _, _ in asked]
    spent = (time.perf_counter() - began) / len(asked)
    ways: dict[str, Callable[[int], Sequence[int]]] = {
        "by words": lambda at: words[at],
        "by meaning": lambda at: meaning[at],
        "fused": lambda at: fused(words[at], meaning[at]),
    }
    for name, ranking in ways.items():
        hits = [
            any(where[passage] == (document_id, page) for passage in ranking(at)[:BEST])
            for at, (_, document_id, page) in enumerate(asked)
        ]
        held_out = hits[1::2]
        print(
            f"{name:<12} recall@{BEST} {sum(hits) / len(hits):.3f} ({sum(hits)} of {len(hits)}), "
            f"held out {sum(held_out) / len(held_out):.3f}"
        )
    print(f"by meaning: {1000 * spent:.1f} ms a question, its embedding included")


async def _bytes():
    yield b"-"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models-dir", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(arguments.models_dir, Path(folder)))


if __name__ == "__main__":
    main()
