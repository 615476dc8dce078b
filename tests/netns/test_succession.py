"""Two agents on one node, while a client asks for the VIP; the stories are in `succession.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = pytest.mark.netns


@pytest.mark.parametrize(
    "story", ["handed_over", "others_values", "standing_still", "changed_meanwhile", "by_another_name"]
)
def test_two_on_one_node(story: str) -> None:
    tell("succession.py", story)
