"""The node's own addresses outlive whatever the engine does; the histories are in `addresses.py`."""

from __future__ import annotations

import re

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


def run(seeds: range) -> None:
    said = tell("addresses.py", *map(str, seeds), seconds=5 * len(seeds))
    found = re.fullmatch(r"(\d+) histories, Master in (\d+)\n", said)
    assert found is not None
    # Else nothing has been put to the test.
    assert (int(found[1]), int(found[2]) > len(seeds) / 4) == (len(seeds), True)


def test_no_history_costs_the_node_an_address_a_route_or_its_source() -> None:
    run(range(1, 33))


@pytest.mark.soak
def test_no_history_of_many_does() -> None:
    run(range(33, 1000))
