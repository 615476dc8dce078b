"""`vipalived observe` on a segment of real speakers; the stories are in `observing.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


@pytest.mark.parametrize(
    "story", ["everybody", "takeovers", "collision", "wrong_packets", "permission", "streamed"]
)
def test_on_a_segment(story: str) -> None:
    tell("observing.py", story)
