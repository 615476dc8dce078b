"""The doctor in namespaces: each fault is made for real, and found; where nothing is wrong, nothing is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.netns.telling import NAMESPACES

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PATH": f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}
CANNOT = 77
"""The exit code of a story that cannot be told on this machine."""
STORIES = {
    "faults": "healthy healthy_master before interface address subnet stranger leftover stranger_ipv6 vrid refused"
    " unheard mute unicast rp_filter arp_ignore elsewhere",
    "faults_firewall": "firewall firewall_iptables firewall_legacy firewall_out",
    "faults_host": "capabilities kubelet certificate api_server daemons agents cpu_limit values",
}
MODULES = {story: module for module, stories in STORIES.items() for story in stories.split()}


def tell(story: str) -> subprocess.CompletedProcess[str]:
    """One of them, in namespaces of its own."""
    python = [sys.executable, "-P", "-m", f"tests.netns.{MODULES[story]}", story]
    command = [*NAMESPACES, *python]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[subprocess.CompletedProcess[str]]]]:
    """The stories that are to be told, several at a time: most of what they do is wait."""
    chosen = {item.name.partition("[")[2].rstrip("]") for item in request.session.items}
    with ThreadPoolExecutor(3) as pool:
        yield {story: pool.submit(tell, story) for story in MODULES if story in chosen}


@pytest.mark.parametrize("story", MODULES)
def test_the_doctor_finds_the_fault_and_no_other(
    story: str, told: Mapping[str, Future[subprocess.CompletedProcess[str]]]
) -> None:
    done = told[story].result()
    if done.returncode == CANNOT:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
