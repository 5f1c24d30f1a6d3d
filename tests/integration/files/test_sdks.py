"""The vendors' own SDKs store, list, read and delete files over real HTTP."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from doubles.scripted import ScriptedGateway
from support.storage import Storage, served_storage

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Storage]]:
    with served_storage(tmp_path_factory.mktemp("data"), ScriptedGateway()) as found:
        yield found


@pytest.fixture
def gpt(served: tuple[str, Storage]) -> Iterator[openai.OpenAI]:
    url, storage = served
    options: Any = {"api_key": storage.secrets["owner"], "max_retries": 0}
    with openai.OpenAI(base_url=f"{url}/v1", **options) as client:
        yield client


@pytest.fixture
def claude(served: tuple[str, Storage]) -> Iterator[anthropic.Anthropic]:
    url, storage = served
    with anthropic.Anthropic(
        base_url=url, api_key=storage.secrets["owner"], max_retries=0
    ) as client:
        yield client


def test_openai_file_life(gpt: openai.OpenAI):
    content = b'{"a": 1}\n' * 1000
    made = gpt.files.create(
        file=("data.jsonl", content),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (made.bytes, made.filename, made.purpose) == (9000, "data.jsonl", "user_data")
    assert made.expires_at == made.created_at + 3600
    assert gpt.files.retrieve(made.id) == made
    assert gpt.files.content(made.id).read() == content
    assert made in list(gpt.files.list(purpose="user_data"))
    assert gpt.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=made.id):
        gpt.files.retrieve(made.id)


def test_openai_lists_in_pages_in_both_orders(gpt: openai.OpenAI):
    ids = [gpt.files.create(file=(f"{i}.txt", b"x"), purpose="evals").id for i in range(5)]
    listed = [each.id for each in gpt.files.list(purpose="evals", limit=2)]
    assert sorted(listed) == sorted(ids)
    assert listed == sorted(ids, reverse=True)
    assert [each.id for each in gpt.files.list(purpose="evals", limit=2, order="asc")] == sorted(
        ids
    )


async def test_openai_async_upload_in_parts(served: tuple[str, Storage]):
    url, storage = served
    content = bytes(range(256)) * 4096
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=storage.secrets["owner"]) as client:
        done = await client.uploads.upload_file_chunked(
            file=content,
            filename="big.bin",
            bytes=len(content),
            mime_type="application/octet-stream",
            purpose="user_data",
            part_size=300_000,
            md5=hashlib.md5(content).hexdigest(),
        )
        assert done.status == "completed"
        assert done.file is not None
        assert (await client.files.content(done.file.id)).read() == content


def test_anthropic_file_life(claude: anthropic.Anthropic):
    made = claude.files.upload(file=("notes.txt", b"Hello", "text/plain"), expires_in_seconds=7200)
    assert (made.size_bytes, made.mime_type, made.type) == (5, "text/plain", "file")
    assert made.expires_at is not None
    assert (made.expires_at - made.created_at).total_seconds() == 7200
    assert claude.files.retrieve_metadata(made.id) == made
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.files.download(made.id)
    assert refused.value.error_code == "file_not_downloadable"
    assert claude.files.delete(made.id).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        claude.files.retrieve_metadata(made.id)


def test_anthropic_lists_in_pages(claude: anthropic.Anthropic):
    ids = [claude.beta.files.upload(file=(f"{i}.txt", b"x")).id for i in range(5)]
    listed = [each.id for each in claude.files.list(limit=2)]
    assert listed[:5] == sorted(ids, reverse=True)
    assert {each.id for each in claude.beta.files.list(ids=ids[:2])} == set(ids[:2])
    assert list(claude.beta.files.list(scope_id="sesn_1")) == []


async def test_anthropic_async(served: tuple[str, Storage]):
    url, storage = served
    async with anthropic.AsyncAnthropic(base_url=url, api_key=storage.secrets["owner"]) as client:
        made = await client.files.upload(file=("é.pdf", b"%PDF", "application/pdf"))
        assert made.filename == "é.pdf"
        assert made.id in [each.id async for each in client.files.list(limit=1)]


def test_a_large_file_is_never_held_in_memory(served: tuple[str, Storage]):
    url, storage = served
    size = 64 * MEBIBYTE
    head = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
    )

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // MEBIBYTE):
            yield bytes(MEBIBYTE)
        yield b"\r\n--b--\r\n"

    headers = {
        "authorization": f"Bearer {storage.secrets['owner']}",
        "content-type": "multipart/form-data; boundary=b",
    }
    tracemalloc.start()
    made = httpx.post(f"{url}/v1/files", content=body(), headers=headers, timeout=60)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.json()["bytes"] == size
    assert peak < 24 * MEBIBYTE, peak
