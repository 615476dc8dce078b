"""Settings read in real child processes: the newest is followed, and nothing is waited for without end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vipalived.agent import reader
from vipalived.agent.reader import Reader
from vipalived.errors import CheckFailed, InvalidSettings, Problem

PATIENCE = 10.0


class Told:
    """What the reader said; a plan is a text here."""

    def __init__(self) -> None:
        self.followed: list[str] = []
        self.refused: list[list[str]] = []

    def reader(self, read: Callable[[], Any]) -> Reader:
        return Reader(read, self.followed.append, self.refused.append)  # type: ignore[arg-type]

    async def until(self, plans: int = 0, refusals: int = 0) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.followed) < plans or len(self.refused) < refusals:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def test_a_reading_that_began_before_a_change_is_not_the_last(tmp_path: Path) -> None:
    """The first reading has opened its first file already when that changes and is asked for anew."""
    values, gate, told = tmp_path / "values", tmp_path / "gate", Told()
    values.write_text("old")
    os.mkfifo(gate)

    def read() -> str:
        text = values.read_text()
        gate.read_text()
        return text

    async def main() -> None:
        one = told.reader(read)
        one.request()
        writing = await asyncio.to_thread(gate.open, "w")  # the child has read the values by now
        values.write_text("new")
        one.request()
        one.request()
        writing.close()
        await told.until(plans=1)
        (await asyncio.to_thread(gate.open, "w")).close()
        await told.until(plans=2)
        one.close()

    asyncio.run(main())
    assert told.followed == ["old", "new"]


def test_a_reading_that_hangs_is_given_up_and_the_next_request_is_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reader, "LIMIT", 0.2)
    flag, told = tmp_path / "flag", Told()

    def read() -> str:
        if not flag.exists():
            time.sleep(1000)
        return "new"

    async def main() -> None:
        one = told.reader(read)
        one.request()
        await told.until(refusals=1)
        flag.touch()
        one.request()
        await told.until(plans=1)

    asyncio.run(main())
    assert told.refused == [["the values were not read within 0.2 s"]]
    assert told.followed == ["new"]


def test_each_reason_for_a_refusal_is_told() -> None:
    told = Told()
    reasons = [
        InvalidSettings((Problem("a.b", "expected 2 or 3, found 4"), Problem("", "too long"))),
        CheckFailed("`x` cannot be read"),
    ]

    async def main() -> None:
        for number, reason in enumerate(reasons, start=1):

            def read(reason: Exception = reason) -> str:
                raise reason

            told.reader(read).request()
            await told.until(refusals=number)

    asyncio.run(main())
    assert told.refused == [["a.b: expected 2 or 3, found 4", "too long"], ["`x` cannot be read"]]


def test_a_plan_that_cannot_be_followed_does_not_swallow_the_next_request(tmp_path: Path) -> None:
    """The bug is the loop's, see `Service`; what was asked for meanwhile is read all the same."""
    told, escaped, count = Told(), [], tmp_path / "count"
    count.write_text("")

    def read() -> str:
        with count.open("a") as file:
            file.write("x")
        return count.read_text()

    def follow(text: str) -> None:
        told.followed.append(text)
        if text == "x":
            raise ZeroDivisionError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: escaped.append(context["exception"])
        )
        one = Reader(read, follow, told.refused.append)  # type: ignore[arg-type]
        one.request()
        one.request()
        await told.until(plans=2)

    asyncio.run(main())
    assert told.followed == ["x", "xx"]
    assert [type(error) for error in escaped] == [ZeroDivisionError]
