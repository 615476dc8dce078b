"""Only one instance on a host, and what the kernel refuses is said."""

from __future__ import annotations

import os

import pytest

from vipalived.agent import process
from vipalived.agent.process import Place


def test_the_second_waits_until_the_first_has_left() -> None:
    first, second = Place("test0", 51, 4), Place("test0", 51, 4)
    assert first.take() is None
    waiting = second.take()
    assert waiting is not None
    with waiting:
        with pytest.raises(BlockingIOError):
            waiting.recv(1)
        first.leave()
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    assert second.take() is None
    second.leave()


def test_another_virtual_router_family_or_interface_is_another_place() -> None:
    places = [Place("test0", 51, 4), Place("test0", 52, 4), Place("test0", 51, 6), Place("test1", 51, 4)]
    assert [place.take() for place in places] == [None] * 4
    for place in places:
        place.leave()


def test_every_missing_capability_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_missing", lambda: iter(["one thing (A)", "another (B)"]))
    with pytest.raises(process.PermissionMissing) as caught:
        process.require_permissions()
    assert caught.value.message == "the kernel refuses one thing (A) and another (B)"
    assert caught.value.exit_code == 4


def test_what_is_refused_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def mlockall(self, _flags: int) -> int:
            return -1

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(process.ctypes, "CDLL", lambda *_, **__: Libc())
    assert process.be_prompt() == (
        "running without real-time scheduling (SYS_NICE) and locked memory (IPC_LOCK): a busy machine may delay it"
    )
