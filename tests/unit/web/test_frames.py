"""What models write runs in frames of no origin, which reach nothing."""

import json
import subprocess
import sys
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


async def test_the_list_of_packages_holds_those_that_are_here(tmp_path: Path):
    folder = tmp_path / "1.2.3"
    folder.mkdir()
    wheels = {
        name: {"name": name, "file_name": f"{name}.whl", "sha256": "", "depends": needs}
        for name, needs in (("one", ["two"]), ("two", []), ("three", ["four"]), ("four", []))
    }
    (folder / "pyodide-lock.json").write_text(json.dumps({"info": {"a": 1}, "packages": wheels}))
    for name in ("one", "two", "three"):
        (folder / f"{name}.whl").write_bytes(b"wheel")
    app = FastAPI()
    app.router.routes.extend(python_frame.routes(folder, ""))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://consigne.test") as client:
        told = await client.get("/python/1.2.3/packages.json")
        wheel = await client.get("/python/1.2.3/one.whl")
    assert told.json() == {"info": {"a": 1}, "packages": {n: wheels[n] for n in ("one", "two")}}
    assert told.headers["cache-control"] == "no-cache"
    assert (wheel.content, wheel.headers["access-control-allow-origin"]) == (b"wheel", "*")


@pytest.mark.slow
def test_figures_that_are_shown_become_files(tmp_path: Path):
    frames = Path(python_frame.__file__).parent / "frames"
    program = """
from matplotlib import pyplot
pyplot.plot([1, 2, 3])
pyplot.figure()
pyplot.bar(["a", "b"], [1, 2])
pyplot.show()
pyplot.plot([3, 2, 1])
pyplot.show()
pyplot.show()
"""
    env = {"PATH": "", "MPLBACKEND": "module://figures", "PYTHONPATH": str(frames)}
    env |= {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "config")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True)
    figures = sorted(tmp_path.glob("*.png"))
    assert [path.name for path in figures] == ["figure-1.png", "figure-2.png", "figure-3.png"]
    assert len({path.read_bytes() for path in figures}) == 3


def test_without_python_there_is_no_frame_for_it():
    assert python_frame.routes(None, "") == []
