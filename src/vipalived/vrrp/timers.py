"""The two intervals that every VRRP router computes (RFC 9568 section 6.1, RFC 3768 section 6.1).

All times are seconds; wire units exist only in the packet module.
"""

from __future__ import annotations

from typing import Final, Literal

Version = Literal[2, 3]

PARTING: Final = 20.0
"""A resigning router that nobody succeeds lets go after so long: kubelet waits 30 s for a pod's end, systemd 90 s."""


def skew_time(priority: int, advertisement_interval: float, version: Version) -> float:
    """Skew_Time in seconds: the higher the priority (0..255), the shorter.

    Under VRRPv3 it grows with the interval (RFC 9568 section 6.1), under VRRPv2 it does not
    (RFC 3768 section 6.1).
    """
    unit = advertisement_interval if version == 3 else 1.0
    return (256 - priority) * unit / 256


def master_down_interval(priority: int, advertisement_interval: float, version: Version) -> float:
    """Master_Down_Interval in seconds: how long a Backup hears nothing before it takes over.

    `advertisement_interval` is the Master's: under VRRPv3 the learned one (RFC 9568 section 6.1).
    """
    return 3 * advertisement_interval + skew_time(priority, advertisement_interval, version)
