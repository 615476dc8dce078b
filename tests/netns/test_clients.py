"""Clients that behave badly; the story is in `clients.py`."""

from __future__ import annotations

import pytest

from tests.netns.telling import tell

pytestmark = [pytest.mark.netns, pytest.mark.untimed]


def test_ten_thousand_bad_clients_move_nothing() -> None:
    tell("clients.py", seconds=240)
