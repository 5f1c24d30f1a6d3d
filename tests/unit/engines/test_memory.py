"""The memory that models may take: the machine's, or what a container allows."""

import os
from pathlib import Path

import pytest

from consigne.engines import memory
from consigne.settings import EngineSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       8388608 kB\nMemFree:  1 kB\n")
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)
    return tmp_path


def test_a_machine_without_limits_is_all_there(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert memory.machine_bytes(root) == 8 * 2**30


def test_a_container_s_limit_counts_in_both_forms(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text(f"{2**31}\n")
    assert memory.machine_bytes(root) == 2**31
    (root / "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text(f"{2**30}\n")
    assert memory.machine_bytes(root) == 2**30


def test_an_unknown_machine_is_taken_for_a_small_one(tmp_path: Path) -> None:
    assert memory.machine_bytes(tmp_path) == 8 * 2**30


def test_the_budget_is_what_the_settings_say_else_a_share() -> None:
    assert memory.budget(EngineSettings(memory=123)) == 123
    assert memory.budget(EngineSettings()) == int(memory.machine_bytes() * 0.7)


def test_a_process_s_memory_can_be_read() -> None:
    assert memory.resident_bytes(os.getpid()) > 10 * 2**20
    assert memory.resident_bytes(2**30) == 0
