"""What stands in the way of starting is one clear line and exit code 2, never a traceback."""

import os
import select
import signal
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from support.server import COMMAND, ServerProcess
from support.waiting import lasting_port


def serve(
    data_dir: Path, *options: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--data-dir", str(data_dir), "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        cwd=cwd,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("consigne: ")
    for words in said:
        assert words in last


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve(tmp_path, "--port", str(port))
    assert_one_line(done, f"127.0.0.1:{port}", "in use", "--port")


def test_ctrl_c_while_it_opens_ends_it_quietly(tmp_path: Path) -> None:
    port = lasting_port()
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(tmp_path), "serve", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    for _ in range(3000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).close()
            break
        except urllib.error.URLError:
            select.select([], [], [], 0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)  # it served already, or not yet


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("I am not a folder")
    assert_one_line(serve(file), str(file), "--data-dir")


def test_a_data_folder_that_cannot_be_written() -> None:
    # Root may write anywhere but here, so that this holds for every user.
    assert_one_line(serve(Path("/proc/consigne")), "/proc/consigne", "--data-dir")


def test_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "consigne.toml").write_text("[server]\nprot = 8000\n")
    assert_one_line(serve(tmp_path, cwd=tmp_path), "prot", "consigne.toml")


def test_a_database_that_is_not_one(make_data_dir: Callable[[], Path]) -> None:
    data_dir = make_data_dir()
    (data_dir / "consigne.db").write_bytes(b"this is not a database, it only has its name" * 99)
    assert_one_line(serve(data_dir), "consigne.db")


def test_a_postgresql_that_is_not_there(make_data_dir: Callable[[], Path], tmp_path: Path) -> None:
    data_dir = make_data_dir()
    config = tmp_path / "consigne.toml"
    config.write_text(f'[database]\nurl = "postgresql://ann:secret@/far?host={tmp_path}"\n')
    done = serve(data_dir, cwd=tmp_path)
    assert_one_line(done, "far", "Can't reach")
    assert "secret" not in done.stderr
    config.write_text('[database]\nurl = "mysql://far"\n')
    assert_one_line(serve(data_dir, cwd=tmp_path), "postgresql://")


def test_an_address_that_others_reach_needs_an_owner_first(
    make_data_dir: Callable[[], Path],
) -> None:
    assert_one_line(serve(make_data_dir(), "--host", "0.0.0.0"), "owner", "users create")


@pytest.mark.slow
def test_a_server_says_where_it_is_stops_when_asked_and_leaves_no_trace(
    make_data_dir: Callable[[], Path],
) -> None:
    server = ServerProcess(make_data_dir())
    found = server.data_dir / "server.json"
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert server.stop() == 0
    assert not found.exists()
    assert "Traceback" not in server.log_path.read_text()
