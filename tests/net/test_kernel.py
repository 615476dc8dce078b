"""What the kernel tells everybody: nothing here needs a permission or changes anything."""

from __future__ import annotations

from vipalived.net import clock
from vipalived.net.kernel import Kernel


def test_the_loopback_interface_is_there() -> None:
    kernel = Kernel()
    try:
        view = kernel.view()
    finally:
        kernel.close()
    loopback = view.link("lo")
    assert loopback is not None
    assert loopback.index == 1


def test_the_clock_only_goes_forward_and_the_past_is_never_negative() -> None:
    first = clock.now()
    assert clock.now() >= first
    assert clock.age(4_000_000_000.0) == 0.0  # the year 2096: the wall clock was set back
