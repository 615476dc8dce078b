"""Where on this host: the interface that `auto` means now, what one is called, and where the default route goes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from vipalived.interfaces import Choice, choose
from vipalived.net.kernel import Kernel
from vipalived.vrrp.packet import IPAddress


def automatic(vips: Sequence[IPAddress]) -> Choice:
    """The interface for a virtual router with these VIPs, and why; raises Undecided."""
    with closing(Kernel()) as kernel:
        return choose(vips, kernel.view().devices(), kernel.default_routes())


def primary_name(name: str) -> str:
    """The interface's own name, where this is another one of it; the same where there is no such interface."""
    with closing(Kernel()) as kernel:
        link = kernel.view().link(name)
    return link.name if link is not None else name


def default_interface() -> str | None:
    """The interface of the default route with the lowest metric, IPv4's before IPv6's; None without any."""
    with closing(Kernel()) as kernel:
        links = kernel.view().links
        routes = [route for route in kernel.default_routes() if route.index in links]
    best = min(routes, key=lambda route: (route.family, route.metric, route.index), default=None)
    return links[best.index].name if best is not None else None
