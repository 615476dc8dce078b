"""Time as the kernel's stamps have it."""

from __future__ import annotations

from vipalived.net import clock


def test_the_clock_only_goes_forward_and_the_past_is_never_negative() -> None:
    first = clock.now()
    assert clock.now() >= first
    assert clock.age(4_000_000_000.0) == 0.0  # the year 2096: the wall clock was set back
