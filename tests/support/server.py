"""The real server as a subprocess, as an operator starts it."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from consigne.domain.errors import ConsigneError

DEADLINE_S = 120.0


class ServerProcess:
    """``consigne serve`` on a free loopback port, with a data folder of its own."""

    def __init__(
        self, data_dir: Path, *, port: int = 0, environ: dict[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        self.log_path = data_dir / "server.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--data-dir", str(data_dir), "serve", "--port", str(port)],
                bufsize=0,  # select sees no line that waits in a buffer
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environ,
            )
        self.url = self._read(r"Consigne is at (\S+)")
        self.login_token = self._read(r"#token=(\S+)")
        self._key = ""

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def key(self) -> str:
        """An API key of this server."""
        if not self._key:
            printed = self.run("keys", "create", "tests").stdout
            found = re.search(r"sk-csn-\S+", printed)
            assert found, printed
            self._key = found.group()
        return self._key

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another ``consigne`` command on the same data folder."""
        return subprocess.run(
            [*COMMAND, "--data-dir", str(self.data_dir), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            env=self.environ,
        )

    def piped(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run another command with bytes on its standard input; return those of its output."""
        return subprocess.run(
            [*COMMAND, "--data-dir", str(self.data_dir), *arguments],
            check=True,
            input=given,
            stdout=subprocess.PIPE,
            timeout=DEADLINE_S,
            env=self.environ,
        ).stdout

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self._ended(None)

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended(DEADLINE_S)

    def _ended(self, timeout: float | None) -> int:
        code = self.process.wait(timeout)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _read(self, pattern: str) -> str:
        assert self.process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.process.stdout], [], [], 1.0)
            line = self.process.stdout.readline().decode() if ready else ""
            if found := re.search(pattern, line):
                return found.group(1)
            if ready and not line:
                break
        self.kill()
        raise ConsigneError(f"the server did not start:\n{self.log_path.read_text()}")


COMMAND = (sys.executable, "-m", "consigne")
