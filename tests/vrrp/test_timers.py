"""The two intervals, with the reference values of the RFC's formulas worked out by hand."""

from __future__ import annotations

import pytest

from vipalived.vrrp.timers import master_down_interval, skew_time


@pytest.mark.parametrize(
    ("priority", "skew"),
    [(1, 0.9961), (50, 0.8047), (100, 0.6094), (200, 0.2188), (254, 0.0078), (255, 0.0039)],
)
@pytest.mark.parametrize("version", [2, 3])
def test_one_second(priority, skew, version):
    assert skew_time(priority, 1.0, version) == pytest.approx(skew, abs=5e-5)
    assert master_down_interval(priority, 1.0, version) == pytest.approx(3 + skew, abs=5e-5)


def test_only_v3_skews_by_the_interval():
    """(256 - 100) / 256 = 0.609375, of 0.1 s and of 1 s."""
    assert skew_time(100, 0.1, 3) == pytest.approx(0.0609375, abs=1e-12)
    assert skew_time(100, 10.0, 2) == 0.609375
    assert master_down_interval(100, 10.0, 2) == 30.609375
