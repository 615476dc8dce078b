"""Advertisements as an observer hears them, for histories in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Literal

from vipalived.observe.reading import Heard
from vipalived.vrrp.packet import Advertisement, AuthType, Discard

A, B, C = "198.18.0.1", "198.18.0.2", "198.18.0.3"
VIP = "198.18.0.100"


def advert(
    at: float,
    source: str = A,
    priority: int = 100,
    *,
    vrid: int = 51,
    version: Literal[2, 3] = 3,
    interval: float = 1.0,
    vips: Sequence[str] = (VIP,),
    mac: str | None = None,
    authentication: AuthType | None = None,
    password: bytes = b"",
    faults: tuple[Discard, ...] = (),
    ttl: int = 255,
    to: str = "224.0.0.18",
) -> Heard:
    """From `source`, whose MAC address ends like its address unless told otherwise."""
    return Heard(
        arrived=at,
        mac=mac or f"02:00:00:00:00:{ip_address(source).packed[-1]:02x}",
        source=ip_address(source),
        destination=ip_address(to),
        ttl=ttl,
        advertisement=Advertisement(
            version=version,
            vrid=vrid,
            priority=priority,
            interval=interval,
            addresses=tuple(map(ip_address, vips)),
        ),
        authentication=authentication,
        password=password,
        faults=faults,
    )


def every(interval: float, first: float, until: float) -> list[float]:
    """The moments of regular advertisements."""
    return [first + number * interval for number in range(int((until - first) / interval) + 1)]
