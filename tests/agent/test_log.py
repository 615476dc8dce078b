"""The lines that the operator reads, and those that a program reads."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator

import pytest

from vipalived.agent import log
from vipalived.agent.log import Form, Log
from vipalived.net import clock


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """The process's logging is as before afterwards."""
    ours = logging.getLogger("vipalived")
    level = ours.level
    yield
    ours.setLevel(level)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, log._Text):
            root.removeHandler(handler)


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


def test_who_does_not_read_the_log_stops_nobody_and_is_told_what_was_lost() -> None:
    """Standard error is a pipe that is full; then somebody reads again."""
    reading, writing = os.pipe()
    saved = os.dup(2)
    os.dup2(writing, 2)
    try:
        log.to_stderr()
        for number in range(3000):
            Log("agent").say(f"line {number:04}")
        kept = os.read(reading, 1 << 20).decode().splitlines()
        Log("agent").say("the next")
        later = os.read(reading, 1 << 20).decode().splitlines()
    finally:
        os.dup2(saved, 2)
        for descriptor in (saved, reading, writing):
            os.close(descriptor)
    assert [line.rpartition(" ")[2] for line in kept] == [f"{number:04}" for number in range(len(kept))]
    assert [line.partition(" ")[2] for line in later] == [
        f"warning: {3000 - len(kept)} lines were lost, as nobody read them",
        "agent the next",
    ]


def events() -> None:
    """One line of each kind."""
    router = Log.of_router(51, "eth0")
    router.changed("BACKUP", "MASTER", "master-down-expired")
    router.warn("second holder", who="02:00:00:00:00:07")
    Log("agent").say("reloaded\nas asked")
    logging.getLogger("asyncio").error("Task was destroyed")


def test_text_has_the_time_and_what_is_not_usual(capfd: pytest.CaptureFixture[str]) -> None:
    log.to_stderr("text")
    events()
    lines = capfd.readouterr().err.splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    assert [line[25:] for line in lines] == [
        "vrid=51 eth0 BACKUP -> MASTER (master-down-expired)",
        "warning: vrid=51 eth0 second holder",
        "agent reloaded as asked",
        "error: Task was destroyed",
    ]


def test_json_is_one_object_per_line(capfd: pytest.CaptureFixture[str]) -> None:
    log.to_stderr("json")
    events()
    objects = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one.pop("time")) for one in objects)
    router = {"vrid": 51, "interface": "eth0"}
    assert objects == [
        {
            "level": "info",
            **router,
            "message": "BACKUP -> MASTER (master-down-expired)",
            "from": "BACKUP",
            "to": "MASTER",
            "reason": "master-down-expired",
        },
        {"level": "warning", **router, "message": "second holder", "who": "02:00:00:00:00:07"},
        {"level": "info", "subject": "agent", "message": "reloaded as asked"},
        {"level": "error", "subject": "asyncio", "message": "Task was destroyed"},
    ]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_bug_is_told_with_its_traceback(form: Form, capfd: pytest.CaptureFixture[str]) -> None:
    log.to_stderr(form)
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        logging.getLogger("asyncio").exception("it failed")
    said = capfd.readouterr().err
    assert "ZeroDivisionError: a bug" in said
    assert form == "text" or "ZeroDivisionError: a bug" in json.loads(said)["exception"]


def test_lines_below_the_level_are_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    log.to_stderr("text", "warning")
    Log("agent").say("one")
    Log("agent").warn("two")
    log.set_level("error")
    Log("agent").warn("three")
    log.set_level("info")
    Log("agent").say("four")
    assert [line[25:] for line in capfd.readouterr().err.splitlines()] == [
        "warning: agent two",
        "agent four",
    ]
