"""The lines that the operator reads."""

from __future__ import annotations

import logging

import pytest

from vipalived.agent.log import Log
from vipalived.net import clock


def test_a_trouble_is_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    times = iter((1000.0, 1001.0, 1059.9, 1059.9, 1060.0))
    monkeypatch.setattr(clock, "now", lambda: next(times))
    log = Log("vrid=51 eth0")
    with caplog.at_level(logging.INFO, "vipalived"):
        for _ in range(3):
            log.trouble("ttl", "refused a packet")
        log.trouble("other", "something else")
        log.trouble("ttl", "refused a packet")
    assert caplog.messages == [
        "vrid=51 eth0 refused a packet",
        "vrid=51 eth0 something else",
        "vrid=51 eth0 refused a packet (2 more since then)",
    ]
