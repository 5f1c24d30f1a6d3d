"""What ``consigne serve`` arranges before it listens."""

import resource
import subprocess
import sys

import pytest

ASK = """
import resource
from consigne.cli.serve import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_connections()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard", "left"), [(256, 900, 900), (900, 900, 900)])
def test_as_many_connections_as_the_system_grants(soft: int, hard: int, left: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= hard
    program = ASK.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) == left
