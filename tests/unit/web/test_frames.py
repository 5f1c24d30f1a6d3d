"""What models write runs in frames of no origin, which reach nothing."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from consigne.web import python_frame, static


def policy(response: httpx.Response) -> dict[str, str]:
    parts = response.headers["content-security-policy"].split("; ")
    return dict((part + " ").split(" ", 1) for part in parts)


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    folder = tmp_path / "1.2.3"
    folder.mkdir()
    for name in ("pyodide.mjs", "pyodide.asm.wasm", "secret.txt"):
        (folder / name).write_text(name)
    app = FastAPI()
    app.router.routes.extend([*static.routes(), *python_frame.routes(folder, "")])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://consigne.test")


@pytest.mark.parametrize("frame", ["artifact", "python"])
async def test_a_frame_has_no_origin_and_no_network(client: httpx.AsyncClient, frame: str):
    allowed = policy(await client.get(f"/frame/{frame}"))
    assert allowed["sandbox"].split() == ["allow-scripts"]
    assert allowed["default-src"].strip() == "'none'"
    assert allowed["frame-ancestors"].strip() == "'self'"
    assert allowed["form-action"].strip() == "'none'"
    own = "http://consigne.test/python/" if frame == "python" else ""
    assert allowed.get("connect-src", "").strip() == own


async def test_the_page_frames_nothing_but_its_own(client: httpx.AsyncClient):
    assert policy(await client.get("/"))["frame-src"].strip() == "'self'"


async def test_python_s_files_are_served_and_no_others(client: httpx.AsyncClient):
    wasm = await client.get("/python/1.2.3/pyodide.asm.wasm")
    assert wasm.headers["content-type"] == "application/wasm"
    assert wasm.headers["access-control-allow-origin"] == "*"
    for path in ("1.2.3/secret.txt", "1.2.4/pyodide.mjs", "1.2.3/..%2F..%2Fx", "1.2.3/none.mjs"):
        assert (await client.get(f"/python/{path}")).status_code == 404


def test_without_python_there_is_no_frame_for_it():
    assert python_frame.routes(None, "") == []
