"""Runs on a node: answers every datagram from the address it was asked on, with the node's name.

    python -m vipalived.lab.responder FAMILY PORT NAME

It stands for the node, not for the VRRP daemon, and lives on when that one stops.
"""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress

IP_PKTINFO = 8  # linux/in.h; the socket module has no name for it before Python 3.14
SEQUENCE = struct.Struct("!Q")


def main() -> None:
    """Answers until killed."""
    family, port, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
    asked = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    if family == 4:
        asked.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        asked.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    asked.bind(("", port))
    print("listening", flush=True)  # noqa: T201 - the lab waits for this line
    while True:
        data, control, _, client = asked.recvmsg(64, 128)
        # Handed back as it came, the control message makes the address asked the source of the answer.
        with suppress(OSError):  # the VIP may have left the node meanwhile
            asked.sendmsg([data[: SEQUENCE.size], name], control, 0, client)


if __name__ == "__main__":
    main()
