"""An engine under a hostile host and segment; the stories are in `hostile.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = pytest.mark.netns

OF_THE_HOST = ("new_mac", "replaced", "away_and_back", "overrun", "full_log", "early_signals", "mute")
OF_THE_SEGMENT = (
    *("storm_of_losers", "storm_of_bad_checksums", "storm_of_its_own", "storm_of_claims"),
    "storm_at_a_backup",
)


@pytest.mark.parametrize("story", [*OF_THE_HOST, *OF_THE_SEGMENT])
def test_under_a_hostile_host(story: str) -> None:
    tell("hostile.py", story)
