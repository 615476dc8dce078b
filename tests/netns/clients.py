"""An agent whose clients behave badly, told by `test_clients.py`: run inside namespaces of its own.

The Master is on v0, its Backup on v1 in the namespace of another host: at an interval of 0.5 s it takes over when it
has heard nothing for 1.8 s. (At 0.1 s a busy machine, on which everything stands still for half a second now and then,
would be taken for what the clients did.)
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
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


def story(place: Path) -> None:
    """The VIP does not move, and nothing leaks."""
    host = Host(place)
    engine = f"engine=native,agent.endpoint.port={PORT},keepalived.vrrpInstance.advertInt=0.5"
    agent = Agent(place, engine=("--set", engine)).master()
    (place / "backup").mkdir()
    enter = ("nsenter", f"--net=/proc/{host.shell.pid}/ns/net")
    on_v1 = f"{engine},keepalived.vrrpInstance.interface=v1"
    backup = Agent(place / "backup", *enter, engine=("--set", on_v1))
    backup.until("INITIALIZE -> BACKUP")
    wait(lambda: backup.status()["master"] is not None, START, "the Master to be known")
    path = place / "run" / SOCKET

    def all_of_it() -> None:
        assail(http, HTTP)
        assail(lambda: control(path), CONTROL)

    all_of_it()  # what is loaded and allocated once
    before = agent.status()
    descriptors, memory = agent.usage()
    all_of_it()
    wait(lambda: agent.usage()[0] == descriptors, 2 * START, "the descriptors to be given back")
    assert agent.usage()[1] <= memory + ROOM, (agent.usage(), memory)
    after = agent.status()
    assert (after["state"], after["transitions"]) == ("MASTER", before["transitions"]), after
    assert held()
    assert not backup.said("-> MASTER"), backup.log.read_text()
    assert not agent.said("bug"), agent.log.read_text()
    for one in (agent, backup):
        one.process.kill()
        one.process.wait()


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    alone.link()
    with tempfile.TemporaryDirectory() as directory:
        story(Path(directory))
