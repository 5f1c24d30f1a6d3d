"""Which reader a file needs, told by its first bytes and then by its name. Runs in the child."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from consigne.documents.reading import office, pictures, plain
from consigne.documents.reading.values import Part, Reading, Unreadable

MOST_CHARACTERS = 5_000_000
MOST_UNPACKED = 400 * 2**20
"""Most bytes that an Office file's parts may unpack to."""
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = (".html", ".htm", ".xhtml")
_MARKDOWN = (".md", ".markdown", ".mdown")
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"BZh")


def read(path: Path, filename: str, media_type: str) -> Reading:
    """Return what is in a file.

    Raises:
        Unreadable: See ``reader``.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Unreadable("empty")
    suffix = Path(filename).suffix.lower()
    if picture := pictures.kind_of(head):
        return pictures.read(path, picture)
    pages = None
    if head[:1024].lstrip().startswith(b"%PDF-"):
        pages, parts = _pdf(path)
    elif head.startswith(_OLD_OFFICE):
        parts = _old_office(path)
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        parts = _packed(path)
    elif head.startswith(_ARCHIVES):
        raise Unreadable("unknown")
    else:
        parts = _text(path, suffix, media_type)
    return _reading(parts, pages)


def _reading(parts: Iterator[Part], pages: int | None) -> Reading:
    kept: list[Part] = []
    left, cut = MOST_CHARACTERS, False
    for part in parts:
        text = part.text.replace("\x00", "").strip("\n")
        if not text.strip():
            continue
        kept.append(Part(text[:left], part.page, part.section[:200]))
        left -= len(text)
        if left <= 0:
            cut = True
            break
    if not kept:
        raise Unreadable("no_text")
    return Reading("text", tuple(kept), pages, cut=cut)


def _text(path: Path, suffix: str, media_type: str) -> Iterator[Part]:
    text = plain.decoded(path.read_bytes())
    if suffix in _HTML or media_type == "text/html":
        return plain.html(text)
    if suffix in _MARKDOWN or media_type == "text/markdown":
        return plain.markdown(text)
    return iter((Part(text),))


def _pdf(path: Path) -> tuple[int, Iterator[Part]]:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("encrypted" if "password" in str(error).lower() else "damaged") from None

    def parts() -> Iterator[Part]:
        for number, page in enumerate(pdf, 1):
            text = page.get_textpage().get_text_bounded()
            yield Part(text.replace("\r\n", "\n").replace("\r", "\n"), number)
            page.close()

    return len(pdf), parts()


def _old_office(path: Path) -> Iterator[Part]:
    # An Office file with a password is packed into the old format too.
    name = "EncryptedPackage".encode("utf-16-le")
    raise Unreadable("encrypted" if name in path.read_bytes() else "old_office")


def _packed(path: Path) -> Iterator[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except zipfile.BadZipFile:
        raise Unreadable("damaged") from None
    if sum(info.file_size for info in infos) > MOST_UNPACKED:
        raise Unreadable("too_large")
    names = {info.filename for info in infos}
    readers: dict[str, Callable[[Path], Iterator[Part]]] = {
        "word/document.xml": office.docx,
        "xl/workbook.xml": office.xlsx,
        "ppt/presentation.xml": office.pptx,
    }
    for name, reader in readers.items():
        if name in names:
            return reader(path)
    raise Unreadable("unknown")
