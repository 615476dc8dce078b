"""The node's own addresses outlive whatever the engine does; the histories are in `addresses.py`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

HISTORIES = Path(__file__).with_name("addresses.py")
NAMESPACES = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")


def run(seeds: range) -> None:
    words = ("unshare", *NAMESPACES, "--mount-proc", "--", sys.executable, "-P", str(HISTORIES))
    done = subprocess.run(
        [*words, *map(str, seeds)], capture_output=True, text=True, timeout=5 * len(seeds), check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = re.fullmatch(r"(\d+) histories, Master in (\d+)\n", done.stdout)
    assert found is not None
    # Else nothing has been put to the test.
    assert (int(found[1]), int(found[2]) > len(seeds) / 4) == (len(seeds), True)


def test_no_history_costs_the_node_an_address_a_route_or_its_source() -> None:
    run(range(1, 33))


@pytest.mark.soak
def test_no_history_of_many_does() -> None:
    run(range(33, 1000))
