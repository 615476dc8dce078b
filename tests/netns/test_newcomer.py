"""An agent's first moments beside strangers, and an interface that it chooses; the stories are in `newcomer.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


@pytest.mark.parametrize(
    "story",
    [
        "answering",
        "from_another_daemon",
        "other_vips",
        "stranger",
        "known_master",
        "restarted",
        "switched_off",
        "automatic",
    ],
)
def test_with_another_host_on_the_link(story: str) -> None:
    tell("newcomer.py", story)
