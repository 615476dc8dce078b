"""A host and values that change under an agent; the stories are in `changes.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


@pytest.mark.parametrize("story", ["mtu", "taken_back", "promoted", "no_ethernet", "crowd", "many"])
def test_what_changes_under_an_agent(story: str) -> None:
    tell("changes.py", story, seconds=240)
