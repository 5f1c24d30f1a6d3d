"""Files in both dialects: what is refused, and how; ranges, limits, lists in pages."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.business.files import ABANDONED_AFTER, Kind, Paging, clean_name
from consigne.domain import sources
from support.clock import held_clock
from support.storage import Storage, storage

DIALECTS = ("anthropic", "openai")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Storage]:
    async with storage(tmp_path, max_bytes=1000, max_upload_bytes=5000) as opened:
        yield opened


def client(site: Storage, dialect: str, who: str = "owner") -> httpx.AsyncClient:
    return site.claude(who) if dialect == "anthropic" else site.client(who)


async def give(http: httpx.AsyncClient, content: bytes = b"0123456789", **fields: str) -> Any:
    sent = fields or {"purpose": "user_data"}
    if "anthropic-version" in http.headers:
        sent = fields
    response = await http.post("/v1/files", files={"file": ("a.txt", content)}, data=sent)
    assert response.status_code == 200, response.text
    return response.json()


def objects(site: Storage) -> list[str]:
    """Return the names of all contents that are stored."""
    folder: Path = site.services.settings.objects_dir
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_a_file_belongs_to_both_dialects(site: Storage):
    given_here = await give(site.client())
    seen = (await site.claude().get(f"/v1/files/{given_here['id']}")).json()
    assert seen["size_bytes"] == given_here["bytes"] == 10
    assert (seen["type"], given_here["object"]) == ("file", "file")


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-99", 206, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=4-2", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
    ],
)
async def test_ranges(site: Storage, wanted: str, status: int, body: bytes):
    file = await give(site.client())
    found = await site.client().get(f"/v1/files/{file['id']}/content", headers={"range": wanted})
    assert (found.status_code, found.content) == (status, body)
    if status != 416:
        assert found.headers["content-length"] == str(len(body))
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-disposition"].startswith("attachment")


async def test_an_empty_file_is_a_file(site: Storage):
    file = await give(site.client(), b"")
    found = await site.client().get(f"/v1/files/{file['id']}/content")
    assert (found.status_code, found.content) == (200, b"")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(site: Storage, dialect: str):
    http = client(site, dialect)
    sent = {"file": ("a.txt", b"x" * 1001)}
    refused = await http.post("/v1/files", files=sent, data={"purpose": "user_data"})
    assert refused.status_code == 413, refused.text
    assert "1,000 bytes" in refused.json()["error"]["message"]
    assert objects(site) == []
    assert (await http.get("/v1/files")).json()["data"] == []


@pytest.mark.parametrize("declared", [True, False])
async def test_files_and_batches_have_limits_of_their_own(tmp_path: Path, declared: bool):
    limits = {"server": {"max_body_bytes": 500}, "batches": {"max_body_bytes": 2000}}
    async with storage(tmp_path, max_bytes=1000, **limits) as site:
        await give(site.client(), b"x" * 900)
        for path, size, status in (
            ("/v1/batches", 501, 413),
            ("/v1/messages/batches", 501, 400),
            ("/v1/messages/batches", 2001, 413),
            ("/v1/files", 3 * 2**20, 413),
        ):
            body = b"x" * size
            headers = {"content-type": "application/json"}
            if path == "/v1/files":
                headers = {"content-type": "multipart/form-data; boundary=b"}
                body = b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n' + body
            content = body if declared else _in_pieces(body)
            refused = await site.client().post(path, content=content, headers=headers)
            assert refused.status_code == status, (path, size, refused.text)


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "purpose"),
        ({"purpose": "fun"}, "purpose"),
        ({"purpose": "batch", "colour": "red"}, "colour"),
        ({"purpose": "batch", "expires_after[anchor]": "now"}, "expires_after"),
        (
            {
                "purpose": "batch",
                "expires_after[anchor]": "created_at",
                "expires_after[seconds]": "9",
            },
            "expires_after.seconds",
        ),
        (
            {
                "purpose": "batch",
                "expires_after[anchor]": "created_at",
                "expires_after[seconds]": "soon",
            },
            "expires_after.seconds",
        ),
    ],
)
async def test_openai_fields_are_checked_and_nothing_stays(
    site: Storage, fields: dict[str, str], param: str
):
    refused = await site.client().post("/v1/files", files={"file": ("a", b"x")}, data=fields)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"].startswith(param)
    assert objects(site) == []


@pytest.mark.parametrize(
    "fields",
    [{"expires_in_seconds": "10"}, {"expires_in_seconds": "x"}, {"purpose": "batch"}],
)
async def test_anthropic_fields_are_checked_and_nothing_stays(
    site: Storage, fields: dict[str, str]
):
    refused = await site.claude().post("/v1/files", files={"file": ("a", b"x")}, data=fields)
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert next(iter(fields)) in refused.json()["error"]["message"]
    assert objects(site) == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/files?limit=0", 400),
        ("GET", "/v1/files?limit=x", 400),
        ("GET", "/v1/files/file-nope", 404),
        ("GET", "/v1/files/%00", 404),
        ("GET", "/v1/files/file_01jd0000000000000000000000/content", 404),
        ("DELETE", "/v1/files/file_01jd0000000000000000000000", 404),
        ("PUT", "/v1/files", 405),
        ("POST", "/v1/files", 415),
    ],
)
async def test_rubbish_is_refused_in_the_dialect_s_shape(
    site: Storage, dialect: str, method: str, path: str, status: int
):
    response = await client(site, dialect).request(method, path)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["message"]
    assert ("param" in error) == (dialect == "openai")


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("openai", "after=x"),
        ("openai", "order=up"),
        ("openai", "colour=red"),
        ("anthropic", "after_id=file_x"),
        ("anthropic", "before_id=x"),
        ("anthropic", "page=x"),
        ("anthropic", "page=page_x"),
        ("anthropic", "ids=a&limit=3"),
    ],
)
async def test_wrong_cursors_are_refused(site: Storage, dialect: str, query: str):
    response = await client(site, dialect).get(f"/v1/files?{query}")
    assert response.status_code == 400, response.text


async def test_an_expired_file_is_gone_and_later_swept(site: Storage):
    with held_clock() as clock:
        fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
        file = await give(site.client(), purpose="user_data", **fields)
        clock.move(seconds=3601)
        refused = await site.claude().get(f"/v1/files/{file['id']}")
        assert refused.status_code == 404
        assert refused.json()["error"]["details"] == {"error_code": "file_expired"}
        assert (await site.client().get("/v1/files")).json()["data"] == []
        clock.move(days=2)
        assert await site.services.files.sweep() == 1
        assert objects(site) == []


async def test_files_for_batches_expire_after_thirty_days(site: Storage):
    file = await give(site.client(), purpose="batch")
    assert file["expires_at"] - file["created_at"] == 30 * 24 * 3600
    assert (await give(site.client()))["expires_at"] is None


async def test_what_a_crash_left_half_written_is_swept(site: Storage):
    files, caller = site.services.files, await site.caller()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    with held_clock() as clock:
        await files.receive(caller, "a.txt", "", chunks(), 10)
        assert await files.sweep() == 0
        assert len(objects(site)) == 1
        clock.move(seconds=ABANDONED_AFTER.total_seconds() + 1)
        assert await files.sweep() == 1
    assert objects(site) == []


@settings(max_examples=12)
@given(count=st.integers(0, 9), limit=st.integers(1, 5), oldest_first=st.booleans())
async def test_pages_hold_every_file_once_and_in_order(
    site: Storage, count: int, limit: int, oldest_first: bool
):
    files, caller = site.services.files, await site.caller()
    for file in (await files.list(caller, Paging(1000)))[0]:
        await files.delete(caller, file.id)
    made = []
    for i in range(count):
        with sources.use(sources.Sources(clock=lambda i=i: START + timedelta(seconds=i))):
            draft = await files.receive(caller, "a", "", _nothing(), 9)
            made.append((await files.show(draft, Kind("evals"))).id)
    wanted = made if oldest_first else made[::-1]
    forward = await _walk(site.client(), limit, "asc" if oldest_first else "desc")
    assert forward == wanted
    by_page, backward = await _walk_anthropic(site.claude(), limit)
    assert by_page == made[::-1]
    assert backward == made[::-1][:-1]


START = sources.now()


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in ():
        yield chunk


async def _walk(http: httpx.AsyncClient, limit: int, order: str) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        query = f"limit={limit}&order={order}" + (f"&after={after}" if after else "")
        page = (await http.get(f"/v1/files?{query}")).json()
        assert len(page["data"]) <= limit
        found += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            return found
        after = page["last_id"]


async def _walk_anthropic(http: httpx.AsyncClient, limit: int) -> tuple[list[str], list[str]]:
    """Return the files by ``next_page``, then those before the last one, by ``before_id``."""
    found: list[str] = []
    page: Any = {"next_page": ""}
    while page["next_page"] is not None:
        query = f"limit={limit}" + (f"&page={page['next_page']}" if page["next_page"] else "")
        page = (await http.get(f"/v1/files?{query}")).json()
        found += [each["id"] for each in page["data"]]
    before: list[str] = []
    cursor = found[-1] if found else ""
    while cursor:
        page = (await http.get(f"/v1/files?limit={limit}&before_id={cursor}")).json()
        before = [each["id"] for each in page["data"]] + before
        cursor = page["first_id"] if page["has_more"] else ""
    return found, before


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("a.txt", "a.txt"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\y.pdf", "y.pdf"),
        ("a\x00b\n.txt", "a_b_.txt"),
        ("", "unnamed.pdf"),
        ("dir/", "unnamed.pdf"),
        ("x" * 300 + ".txt", "x" * 251 + ".txt"),
    ],
)
def test_names_are_made_harmless(given_name: str, kept: str):
    assert clean_name(given_name, "application/pdf") == kept


async def begin(site: Storage, size: int = 6) -> str:
    body = {"bytes": size, "filename": "a.bin", "mime_type": "text/plain", "purpose": "evals"}
    response = await site.client().post("/v1/uploads", json=body)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "pending"
    return str(response.json()["id"])


async def add(site: Storage, upload: str, data: bytes) -> str:
    sent = {"data": ("part", data)}
    response = await site.client().post(f"/v1/uploads/{upload}/parts", files=sent)
    assert response.status_code == 200, response.text
    assert response.json()["object"] == "upload.part"
    return str(response.json()["id"])


async def complete(site: Storage, upload: str, **body: Any) -> httpx.Response:
    return await site.client().post(f"/v1/uploads/{upload}/complete", json=body)


async def test_parts_are_joined_in_the_order_asked_for(site: Storage):
    upload = await begin(site)
    second, first = await add(site, upload, b"def"), await add(site, upload, b"abc")
    done = await complete(
        site, upload, part_ids=[first, second], md5=hashlib.md5(b"abcdef").hexdigest().upper()
    )
    assert done.json()["status"] == "completed"
    file = done.json()["file"]
    assert (file["bytes"], file["purpose"]) == (6, "evals")
    found = await site.client().get(f"/v1/files/{file['id']}/content")
    assert found.content == b"abcdef"
    assert objects(site) == [file["id"]]
    again = await complete(site, upload, part_ids=[first, second])
    assert again.status_code == 400
    assert "completed" in again.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"part_ids": []}, "part_ids"),
        ({"part_ids": ["part_x"]}, "part_ids[0]"),
        ({"part_ids": ["FIRST"]}, "part_ids"),
        ({"part_ids": ["FIRST", "FIRST"]}, "part_ids"),
        ({"part_ids": ["FIRST", "SECOND"], "md5": "0" * 32}, "md5"),
        ({"part_ids": ["FIRST", "SECOND"], "md5": "x"}, "md5"),
        ({}, "part_ids"),
    ],
)
async def test_wrong_completions_are_refused_and_the_upload_stays_open(
    site: Storage, body: dict[str, Any], param: str
):
    upload = await begin(site)
    names = {"FIRST": await add(site, upload, b"abc"), "SECOND": await add(site, upload, b"def")}
    if "part_ids" in body:
        body = body | {"part_ids": [names.get(each, each) for each in body["part_ids"]]}
    refused = await complete(site, upload, **body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param
    assert (await complete(site, upload, part_ids=list(names.values()))).status_code == 200


async def test_a_cancelled_or_late_upload_takes_nothing_more(site: Storage):
    upload = await begin(site)
    await add(site, upload, b"abc")
    cancelled = await site.client().post(f"/v1/uploads/{upload}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    assert objects(site) == []
    with held_clock() as clock:
        late = await begin(site)
        await add(site, late, b"abc")
        clock.move(hours=1)
        for path, sent in (("parts", {"files": {"data": ("p", b"x")}}), ("cancel", {})):
            for each in (upload, late):
                refused = await site.client().post(f"/v1/uploads/{each}/{path}", **sent)
                assert refused.status_code == 400, refused.text
        clock.move(hours=2)
        assert await site.services.uploads.sweep() == 1
    assert objects(site) == []


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": 0},
        {"bytes": 5001},
        {"bytes": "6"},
        {"purpose": "x"},
        {"filename": ""},
        {"colour": "red"},
        {"expires_after": {"anchor": "created_at", "seconds": 1}},
    ],
)
async def test_wrong_uploads_are_refused(site: Storage, change: dict[str, Any]):
    body = {"bytes": 6, "filename": "a", "mime_type": "text/plain", "purpose": "evals"} | change
    refused = await site.client().post("/v1/uploads", json=body)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"].startswith(next(iter(change)))
