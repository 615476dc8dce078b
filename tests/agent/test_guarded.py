"""What a bug ends is started again, and not too often."""

from __future__ import annotations

import asyncio

import pytest

from vipalived.agent import guarded
from vipalived.agent.guarded import BackOff


def test_the_rests_grow_and_a_good_run_begins_anew() -> None:
    back_off = BackOff()
    assert [back_off.rest(1.0) for _ in range(8)] == [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 30.0]
    assert [back_off.rest(ran) for ran in (30.0, 29.9)] == [0.0, 0.5]


def test_work_that_fails_is_told_and_begins_anew_until_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "RESTS", (0.0,))
    told, left = [], [ZeroDivisionError("one"), OSError("two")]

    async def work() -> None:
        if left:
            raise left.pop(0)

    asyncio.run(guarded.guarded("endpoint", work, lambda *bug: told.append(bug)))
    assert [(name, str(error), rest) for name, error, rest in told] == [
        ("endpoint", "one", 0.0),
        ("endpoint", "two", 0.0),
    ]


def test_it_ends_when_it_is_cancelled() -> None:
    told: list[object] = []

    async def main() -> None:
        task = asyncio.create_task(
            guarded.guarded("watch", asyncio.Event().wait, lambda *bug: told.append(bug))  # type: ignore[arg-type]
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not told
