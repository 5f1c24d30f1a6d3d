"""The text of Office files, in the order in which one reads it. Runs in the child."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consigne.documents.reading.values import Part


def docx(path: Path) -> Iterator[Part]:
    """Yield a Word document's text, section by section; tables become rows with bars."""
    import docx as word
    from docx.table import Table

    section, lines = "", list[str]()
    for block in word.Document(str(path)).iter_inner_content():
        if isinstance(block, Table):
            lines += _rows(block)
            continue
        style = block.style.name if block.style is not None else ""
        if style and style.startswith(("Heading", "Title")) and block.text.strip():
            yield Part("\n".join(lines), section=section)
            section, lines = block.text.strip(), [block.text]
        else:
            lines.append(block.text)
    yield Part("\n".join(lines), section=section)


def _rows(table: Any) -> Iterator[str]:
    for row in table.rows:
        cells: list[str] = []
        seen = None
        for cell in row.cells:
            if cell._tc is seen:  # a merged cell comes once for each column that it covers
                continue
            seen = cell._tc
            cells.append(" ".join(cell.text.split()))
        yield " | ".join(cells)


def xlsx(path: Path) -> Iterator[Part]:
    """Yield a workbook's sheets; each row is a line, its values parted by bars."""
    import openpyxl

    book = openpyxl.load_workbook(path.open("rb"), read_only=True, data_only=True)
    for sheet in book.worksheets:
        lines: list[str] = []
        for row in sheet.iter_rows(values_only=True):
            values = ["" if value is None else str(value).strip() for value in row]
            while values and not values[-1]:
                values.pop()
            if values:
                lines.append(" | ".join(values))
            if len(lines) >= 500:
                yield Part("\n".join(lines), section=sheet.title)
                lines = []
        yield Part("\n".join(lines), section=sheet.title)


def pptx(path: Path) -> Iterator[Part]:
    """Yield a presentation's slides with their notes."""
    import pptx as powerpoint

    for number, slide in enumerate(powerpoint.Presentation(str(path)).slides, 1):
        title = slide.shapes.title.text_frame.text if slide.shapes.title is not None else ""
        lines = [line for shape in slide.shapes for line in _shape(shape)]
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
            lines.append(notes.text)
        yield Part("\n".join(lines), number, " ".join(title.split()))


def _shape(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        yield shape.text_frame.text
    elif getattr(shape, "has_table", False) and shape.has_table:
        for row in shape.table.rows:
            yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
    elif hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape(inner)
