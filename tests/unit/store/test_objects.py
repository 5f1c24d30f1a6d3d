"""The object store: what was put is got, whole or in part; nothing is ever half there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import NotFound, OperatorError
from consigne.store.objects import Objects


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(objects: Objects, key: str, part: tuple[int, int] | None = None) -> bytes:
    return b"".join([chunk async for chunk in (await objects.get(key, part)).chunks])


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects.open("" if request.param == "folder" else "memory:///", tmp_path / "objects")


async def test_what_was_put_is_got(objects: Objects):
    assert await objects.put("files/a", pieces(b"ab", b"", b"cd")) == 4
    assert await read(objects, "files/a") == b"abcd"
    found = await objects.get("files/a", (1, 3))
    assert (found.size, found.start, found.end) == (4, 1, 3)
    assert await read(objects, "files/a", (1, 3)) == b"bc"
    await objects.put("files/a", pieces(b"new"))
    assert await read(objects, "files/a") == b"new"


async def test_an_empty_object_is_there_too(objects: Objects):
    assert await objects.put("files/empty", pieces()) == 0
    assert await read(objects, "files/empty") == b""


async def test_deleting_twice_is_the_same_as_once(objects: Objects):
    await objects.put("files/a", pieces(b"x"))
    await objects.delete("files/a")
    await objects.delete("files/a")
    with pytest.raises(NotFound):
        await objects.get("files/a")


async def test_a_copy_outlives_its_source(objects: Objects):
    await objects.put("files/a", pieces(b"x"))
    await objects.copy("files/a", "batches/b/input")
    await objects.delete("files/a")
    assert await read(objects, "batches/b/input") == b"x"


@pytest.mark.parametrize("size", [10, 12_000_000])
async def test_a_source_that_fails_leaves_nothing(tmp_path: Path, size: int):
    objects = Objects.open("", tmp_path)

    async def failing() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(size // 10)
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        await objects.put("files/a", failing())
    assert files_in(tmp_path) == []


async def test_cancelling_leaves_what_was_there_before(tmp_path: Path):
    objects = Objects.open("", tmp_path)
    await objects.put("files/a", pieces(b"old"))
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield bytes(1_000_000)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(objects.put("files/a", endless()))
    await begun.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert await read(objects, "files/a") == b"old"


@settings(max_examples=30)
@given(chunks=st.lists(st.binary(max_size=50), max_size=8), data=st.data())
def test_a_part_is_a_slice_of_the_whole(chunks: list[bytes], data: st.DataObject):
    whole = b"".join(chunks)
    if not whole:
        return
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole)))

    async def check() -> None:
        objects = Objects.open("memory:///", Path())
        await objects.put("a", pieces(*chunks))
        assert await read(objects, "a", (start, end)) == whole[start:end]

    asyncio.run(check())


@pytest.mark.parametrize("url", ["ftp://x/y", "nonsense", "s3:/"])
def test_a_wrong_url_is_one_clear_line(url: str, tmp_path: Path):
    with pytest.raises(OperatorError, match="store_url") as caught:
        Objects.open(url, tmp_path)
    assert "\n" not in caught.value.message


async def test_a_folder_that_cannot_be_written_is_the_operator_s(tmp_path: Path):
    blocked = tmp_path / "objects"
    blocked.write_text("a file is in the way")
    with pytest.raises(OperatorError, match="object store"):
        Objects.open("", blocked)
