"""Installed models: whole or absent, seen across processes, removed without a trace."""

import os
from pathlib import Path

import msgspec
import pytest

from consigne.domain.errors import ModelNotFound, OperatorError
from consigne.engines.base import InstalledModel, Manifest
from consigne.engines.library import MANIFEST_NAME, ModelLibrary


def manifest(model_id: str, created: int = 1) -> Manifest:
    return Manifest(
        id=model_id,
        name=model_id,
        modality="text",
        context=512,
        size_bytes=3,
        created=created,
        source="path",
    )


def install(library: ModelLibrary, model_id: str, created: int = 1, body: str = "abc") -> None:
    staging = library.work_dir(f"staging-{model_id}")
    (staging / "openvino_model.bin").write_text(body)
    library.install(staging, manifest(model_id, created))


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models")


def test_no_folder_is_no_models(library: ModelLibrary) -> None:
    assert library.list() == []
    assert library.get("a") is None
    assert library.faults() == {}


def test_installed_models_are_listed_oldest_first(library: ModelLibrary) -> None:
    install(library, "younger", created=20)
    install(library, "older", created=10)
    assert [model.id for model in library.list()] == ["older", "younger"]
    found = library.get("older")
    assert found == InstalledModel(library.models_dir / "older", manifest("older", 10))


def test_another_process_s_changes_are_seen(library: ModelLibrary) -> None:
    install(library, "a")
    other = ModelLibrary(library.models_dir)
    assert [model.id for model in other.list()] == ["a"]
    install(library, "b")
    assert [model.id for model in other.list()] == ["a", "b"]
    library.remove("a")
    assert [model.id for model in other.list()] == ["b"]


def test_an_unchanged_folder_is_not_read_again(library: ModelLibrary) -> None:
    install(library, "a")
    os.utime(library.models_dir, (1, 1))
    library.list()
    (library.models_dir / "a" / MANIFEST_NAME).unlink()
    os.utime(library.models_dir, (1, 1))
    assert library.get("a") is not None


def test_a_model_of_the_same_name_is_replaced_whole(library: ModelLibrary) -> None:
    install(library, "a", body="old")
    (library.models_dir / "a" / "left-over").write_text("x")
    install(library, "a", created=5, body="new")
    found = library.get("a")
    assert found is not None
    assert found.manifest.created == 5
    assert (found.path / "openvino_model.bin").read_text() == "new"
    assert not (found.path / "left-over").exists()
    assert list((library.models_dir / ".work").iterdir()) == []


def test_work_in_progress_is_no_model(library: ModelLibrary) -> None:
    staging = library.work_dir("half")
    (staging / MANIFEST_NAME).write_bytes(msgspec.json.encode(manifest("half")))
    assert library.list() == []


def test_a_broken_folder_is_reported_and_does_not_hide_the_others(library: ModelLibrary) -> None:
    install(library, "good")
    (library.models_dir / "no-manifest").mkdir()
    (library.models_dir / "renamed").mkdir()
    (library.models_dir / "renamed" / MANIFEST_NAME).write_bytes(
        msgspec.json.encode(manifest("something-else"))
    )
    assert [model.id for model in library.list()] == ["good"]
    assert set(library.faults()) == {"no-manifest", "renamed"}


def test_removing_frees_the_disk_and_the_name(library: ModelLibrary) -> None:
    install(library, "a")
    library.remove("a")
    assert library.get("a") is None
    assert not (library.models_dir / "a").exists()
    assert list((library.models_dir / ".work").iterdir()) == []
    with pytest.raises(ModelNotFound, match="models list"):
        library.remove("a")


@pytest.mark.parametrize("name", ["", "..", "../x", "A", "a b", ".work", "a/b", "x" * 97])
def test_names_that_could_leave_the_folder_are_refused(library: ModelLibrary, name: str) -> None:
    staging = library.work_dir("s")
    with pytest.raises(OperatorError, match="can't be a model's name"):
        library.install(staging, manifest(name))
    with pytest.raises(ModelNotFound):
        library.remove(name)


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(OperatorError, match="--data-dir"):
        ModelLibrary(blocked / "models").work_dir("x")
