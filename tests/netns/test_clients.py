"""Clients that behave badly, or never stop; the stories are in `clients.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


def test_ten_thousand_bad_clients_move_nothing() -> None:
    tell("clients.py", "assailed", seconds=240)


@pytest.mark.parametrize("seconds", [8, pytest.param(600, marks=pytest.mark.soak)])
def test_scraping_each_second_moves_nothing(seconds: int) -> None:
    tell("clients.py", "scraped", str(seconds), seconds=seconds + 60)
