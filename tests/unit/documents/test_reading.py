"""What files hold, by the real readers in the real child process."""

import io
import random
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from PIL import Image

from consigne.documents.reading import Reader, Reading, UnreadableFile
from support.files import pdf

pytestmark = pytest.mark.slow


async def read(folder: Path, name: str, content: bytes, media_type: str = "") -> Reading:
    path = folder / "content"
    path.write_bytes(content)
    return await Reader().read(path, name, media_type)


async def refused(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(UnreadableFile) as raised:
        await read(folder, name, content)
    assert raised.value.message
    return raised.value.reason


async def test_pages_of_a_pdf(tmp_path: Path) -> None:
    found = await read(tmp_path, "lease.pdf", pdf("The rent is 900 euros.", "Notice: 3 months."))
    assert found.pages == 2
    assert [(part.page, part.text) for part in found.parts] == [
        (1, "The rent is 900 euros."),
        (2, "Notice: 3 months."),
    ]


async def test_sections_and_tables_of_a_word_document(tmp_path: Path) -> None:
    made, target = docx.Document(), io.BytesIO()
    made.add_heading("Opening hours", 1)
    made.add_paragraph("From six to ten.")
    table = made.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Sunday", "closed"
    made.save(target)
    (part,) = (await read(tmp_path, "hours.docx", target.getvalue())).parts
    assert part.section == "Opening hours"
    assert part.text == "Opening hours\nFrom six to ten.\nSunday | closed"


async def test_sheets_and_slides(tmp_path: Path) -> None:
    book, target = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Prices"
    book.active.append(["Locker", 5.5])
    book.save(target)
    (sheet,) = (await read(tmp_path, "prices.xlsx", target.getvalue())).parts
    assert (sheet.section, sheet.text) == ("Prices", "Locker | 5.5")
    show, target = pptx.Presentation(), io.BytesIO()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Plan"
    show.save(target)
    (part,) = (await read(tmp_path, "plan.pptx", target.getvalue())).parts
    assert (part.page, part.section, part.text) == (1, "Plan", "Plan")


async def test_html_says_what_its_page_shows(tmp_path: Path) -> None:
    page = b"<title>no</title><h1>Rules</h1><p>Keep <b>your</b> ticket.</p><script>bad()</script>"
    (part,) = (await read(tmp_path, "rules.html", page)).parts
    assert (part.section, part.text) == ("Rules", "Rules\nKeep your ticket.")


async def test_text_in_any_encoding(tmp_path: Path) -> None:
    french = "Déposé à l’été, rendu à Noël. " * 20
    for content in (french.encode(), french.encode("utf-16"), french.encode("cp1252")):
        (part,) = (await read(tmp_path, "note.txt", content)).parts
        assert part.text == french


async def test_markdown_headings_but_not_those_in_code(tmp_path: Path) -> None:
    text = "intro\n\n# One\na\n```\n# no\n```\n## Two\nb\n"
    parts = (await read(tmp_path, "a.md", text.encode())).parts
    assert [part.section for part in parts] == ["", "One", "Two"]
    assert "# no" in parts[1].text


async def test_a_picture_is_made_small_and_loses_where_it_was_taken(tmp_path: Path) -> None:
    target, exif = io.BytesIO(), Image.Exif()
    exif[0x8825] = {1: "N"}
    Image.new("RGB", (4000, 1000), "red").save(target, "JPEG", exif=exif)
    found = await read(tmp_path, "photo.jpg", target.getvalue())
    with Image.open(io.BytesIO(found.picture)) as picture:
        assert (picture.size, dict(picture.getexif())) == ((1568, 392), {})
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert thumbnail.width == 320


async def test_what_can_t_be_read_is_told_plainly(tmp_path: Path) -> None:
    rubbish = random.Random(1).randbytes(5000)
    assert await refused(tmp_path, "a.txt", b"") == "empty"
    assert await refused(tmp_path, "a.bin", rubbish) == "unknown"
    assert await refused(tmp_path, "a.pdf", b"%PDF-1.7\n" + rubbish) == "damaged"
    assert await refused(tmp_path, "a.docx", b"PK\x03\x04" + rubbish) == "damaged"
    assert await refused(tmp_path, "a.png", b"\x89PNG\r\n\x1a\n" + rubbish) == "damaged"
    assert await refused(tmp_path, "a.pdf", pdf("")) == "no_text"
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
    assert await refused(tmp_path, "a.doc", old) == "old_office"
    locked = old + "EncryptedPackage".encode("utf-16-le")
    assert await refused(tmp_path, "a.docx", locked) == "encrypted"


async def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(500 * 2**20))
    assert await refused(tmp_path, "bomb.docx", target.getvalue()) == "too_large"


async def test_a_reader_that_hangs_or_fills_the_memory_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(b"fine")
    with pytest.raises(UnreadableFile) as slow:
        await Reader(timeout_s=0.001).read(path, "a.txt", "")
    assert slow.value.reason == "too_slow"
    path.write_bytes(b"word " * 60_000_000)
    with pytest.raises(UnreadableFile) as large:
        await Reader(memory_bytes=400 * 2**20).read(path, "a.txt", "")
    assert large.value.reason in ("too_large", "damaged")
