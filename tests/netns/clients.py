"""An agent whose clients behave badly, or never stop, told by `test_clients.py`: run inside namespaces of its own.

The Master is on v0, its Backup on v1 in the namespace of another host: at an interval of 0.5 s it takes over when it
has heard nothing for 1.8 s. (At 0.1 s a busy machine, on which everything stands still for half a second now and then,
would be taken for what the clients did.)
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone  # the script beside this one
from alone import START, Agent, held, wait
from newcomer import Host  # and this one

from vipalived.agent.client import SOCKET

PORT = 9951
CONNECTIONS = 10_000
AT_ONCE = 50
"""So many are open at a time: more than the agent serves, and no more than wait in the kernel."""
ROOM = 2048
"""KiB that the agent may have grown by after all of them."""
HTTP = (
    b"",
    b"GET /metrics HT",
    b"\x00\xff\x16\x03\x01 rubbish\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 50,  # and never reads
    b"POST /status HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 5000,
)
SCRAPED = ("metrics", "status", "livez", "readyz")
CONTROL = (
    b"",
    b'{"command": "sta',
    b"\x00\xff rubbish\n",
    b'{"command": "status"}\n' * 50,
    b"[" * 4000 + b"\n",
    b"x" * 10_000,
)


def http() -> socket.socket:
    """A connection to the endpoint."""
    return socket.create_connection(("127.0.0.1", PORT), START)


def control(path: Path) -> socket.socket:
    """A connection to the control socket."""
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(path))
    return one


def assail(connect: Callable[[], socket.socket], words: tuple[bytes, ...]) -> None:
    """Many clients that say this, one or the other, and read nothing."""
    opened: list[socket.socket] = []
    for count in range(CONNECTIONS):
        one = connect()
        opened.append(one)
        with suppress(ConnectionError, BlockingIOError):  # it is too many for the agent, or has said too much
            one.setblocking(False)
            one.send(words[count % len(words)])
        if len(opened) == AT_ONCE:
            noticed(opened[-1])
            while opened:
                opened.pop().close()


def noticed(last: socket.socket) -> None:
    """Waits until the agent has accepted it and those before, and dropped it; else the kernel refuses the next ones."""
    last.settimeout(2 * START)
    with suppress(ConnectionError):
        while last.recv(65536):
            pass


def pair(place: Path, interval: float) -> tuple[Agent, Agent]:
    """A Master that serves on `PORT`, and its Backup, which has heard of it."""
    host = Host(place)
    engine = f"engine=native,agent.endpoint.port={PORT},keepalived.vrrpInstance.advertInt={interval}"
    agent = Agent(place, engine=("--set", engine)).master(START + 4 * interval)
    (place / "backup").mkdir()
    on_v1 = f"{engine},keepalived.vrrpInstance.interface=v1"
    backup = Agent(place / "backup", *host.enter, engine=("--set", on_v1))
    backup.until("INITIALIZE -> BACKUP")
    wait(lambda: backup.status()["master"] is not None, START, "the Master to be known")
    return agent, backup


@contextmanager
def nothing_moves(agent: Agent, backup: Agent) -> Iterator[None]:
    """Neither the VIP nor its holder, and the agent is as large as before at the end."""
    before = agent.status()
    descriptors, memory = agent.usage()
    yield
    wait(lambda: agent.usage()[0] == descriptors, 2 * START, "the descriptors to be given back")
    assert agent.usage()[1] <= memory + ROOM, (agent.usage(), memory)
    after = agent.status()
    assert (after["state"], after["transitions"]) == ("MASTER", before["transitions"]), after
    assert held()
    assert not backup.said("-> MASTER"), backup.log.read_text()
    assert not agent.said("bug"), agent.log.read_text()


def assailed(place: Path) -> None:
    """Twenty thousand that behave badly."""
    agent, backup = pair(place, 0.5)
    path = place / "run" / SOCKET

    def all_of_it() -> None:
        assail(http, HTTP)
        assail(lambda: control(path), CONTROL)

    all_of_it()  # what is loaded and allocated once
    with nothing_moves(agent, backup):
        all_of_it()
    end(agent, backup)


def scrape() -> None:
    """Everything that the endpoint has."""
    for what in SCRAPED:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{what}", timeout=START) as answer:
            answer.read()


def scraped(place: Path, seconds: str) -> None:
    """All of it asked for each second, on a machine where each core is busy with something else."""
    agent, backup = pair(place, 1.0)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        for _ in range(5):
            scrape()
        with nothing_moves(agent, backup):
            begin = time.monotonic()
            for second in range(int(seconds)):
                time.sleep(max(0.0, begin + second - time.monotonic()))
                scrape()
    finally:
        for one in busy:
            one.kill()
            one.wait()
    late = agent.status()
    sys.stdout.write(f"{late['late_timers']} late timers, the worst by {late['worst_lateness']:.3f} s\n")
    end(agent, backup)


def end(agent: Agent, backup: Agent) -> None:
    """Both are killed."""
    for one in (agent, backup):
        one.process.kill()
        one.process.wait()


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    alone.link()
    with tempfile.TemporaryDirectory() as directory:
        {story.__name__: story for story in (assailed, scraped)}[sys.argv[1]](Path(directory), *sys.argv[2:])
