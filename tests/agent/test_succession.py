"""Who waits for whom on one node, and whom the one that acts leaves its addresses."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress

import pytest
from msgspec.structs import replace

from tests.agent.story import MEMBER, MEMBER6
from vipalived.agent import process, succession
from vipalived.agent.plan import Plan
from vipalived.agent.succession import Claimant, Seat
from vipalived.vrrp.model import Standing

# Other tests may run beside these, in the same network namespace.
LINK = f"test{os.getpid()}"
PLAN = Plan(LINK, (), (MEMBER, MEMBER6))
LEADER = f"\0vipalived/{LINK}/51/ipv4"
WAITER = Claimant("role", Standing.HEALTHY, released=False)


def play(story: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def seat(claimant: Claimant = WAITER) -> Seat:
    return Seat(PLAN, lambda: claimant)


def fit(_: Claimant) -> None:
    return None


async def acting() -> Seat:
    found = seat()
    await found.take(lambda: pytest.fail("nobody is there"))
    return found


async def waiting(one: Seat) -> asyncio.Task[None]:
    """It waits, and is known to."""
    told = asyncio.Event()
    task = asyncio.ensure_future(one.take(told.set))
    await told.wait()
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("claimant", "unfit"),
    [
        (WAITER, None),
        (replace(WAITER, role="other"), "its engine or its addresses are others"),
        (replace(WAITER, role=""), "its engine or its addresses are others"),
        (replace(WAITER, released=True), "it is released"),
        (
            replace(WAITER, standing=Standing.UNREADY),
            "its API server is unready, and here it is unproven",
        ),
        (replace(WAITER, standing=Standing.UNPROVEN), None),
    ],
)
def test_who_is_fit(claimant: Claimant, unfit: str | None) -> None:
    assert claimant.unfit("role", Standing.UNPROVEN) == unfit


def test_an_heir_inherits_the_place_of_every_family() -> None:
    async def story() -> None:
        first, second = await acting(), seat()
        task = await waiting(second)
        assert await first.find_heir(lambda one: None if one == WAITER else pytest.fail(f"{one}")) is None
        assert first.has_heir
        assert not task.done()
        first.leave()
        await task
        assert second.inherited
        second.leave()

    play(story)


def test_who_is_unfit_inherits_nothing_and_takes_the_place() -> None:
    async def story() -> None:
        first, second = await acting(), seat()
        task = await waiting(second)
        assert await first.find_heir(lambda _: "it is released") == "it is released"
        assert not first.has_heir
        first.leave()
        await task
        assert not second.inherited
        second.leave()

    play(story)


def test_after_one_that_dies_nothing_is_inherited() -> None:
    async def story() -> None:
        first, second = await acting(), seat()
        task = await waiting(second)
        first.leave()
        await task
        assert not second.inherited
        second.leave()

    play(story)


def test_where_nobody_waits_there_is_no_heir() -> None:
    async def story() -> None:
        first = await acting()
        assert await first.find_heir(fit) is None
        assert not first.has_heir
        first.leave()

    play(story)


def test_the_first_one_that_is_fit_is_the_heir_and_the_others_wait_on() -> None:
    async def story() -> None:
        first, rests = await acting(), replace(WAITER, released=True)
        others = [seat(rests), seat(), seat()]
        tasks = [await waiting(one) for one in others]
        assert await first.find_heir(lambda one: one.unfit("role", Standing.HEALTHY)) is None
        first.leave()
        # Whoever comes first has the place; the other two wait anew.
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for one in others:
            one.leave()

    play(story)


@pytest.mark.parametrize(
    "answer", [b"", b"\n", b"[]\n", b'{"role": "role", "standing": "well", "released": false}\n', b"x" * 2000]
)
def test_who_gives_no_proper_answer_is_no_heir(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(succession, "_PATIENCE", 0.05)

    async def story() -> None:
        first = await acting()
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(LEADER)
            other.sendall(answer)
            assert await first.find_heir(fit) == "it does not answer"
        first.leave()

    play(story)


def test_who_is_gone_is_no_heir() -> None:
    async def story() -> None:
        first = await acting()
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(LEADER)
        assert await first.find_heir(fit) == "it does not answer"
        first.leave()

    play(story)


def test_another_user_is_no_heir(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        first = await acting()
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(LEADER)
            monkeypatch.setattr(process.os, "geteuid", lambda: 4321)
            assert await first.find_heir(fit) is None
            assert not first.has_heir
            # It waits all the same.
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.recv(1)
        first.leave()

    play(story)


def test_who_has_waited_and_gone_leaves_room_for_others_however_many_there_were() -> None:
    """The tenth one used to stand still in `connect`."""

    async def story() -> None:
        first = await acting()
        for _ in range(20):
            one = seat()
            task = await waiting(one)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            one.leave()
        last = seat()
        task = await waiting(last)
        assert len(first._waiting) <= 2
        first.leave()
        await task
        last.leave()

    play(story)


def test_where_there_is_no_room_to_wait_one_tries_again() -> None:
    async def story() -> None:
        place = process.Place(LINK, 51, 4)
        assert place.take() is None
        crowd: list[socket.socket | None] = []

        def queue_up() -> None:
            for _ in range(50):
                crowd.append(process.Place(LINK, 51, 4).take())  # noqa: PERF401 - it ends by raising

        with pytest.raises(process.Crowded):
            queue_up()
        one = seat()
        assert not one.take_free()
        task = await waiting(one)
        place.leave()
        for other in crowd:
            other.close()  # type: ignore[union-attr]  # they wait
        await task
        one.leave()

    play(story)


def test_two_with_their_families_in_different_order_do_not_wait_for_each_other() -> None:
    async def story() -> None:
        lone = Seat(Plan(LINK, (), (MEMBER,)), lambda: WAITER)
        await lone.take(lambda: pytest.fail("nobody is there"))
        others = [seat(), Seat(Plan(LINK, (), (MEMBER6, MEMBER)), lambda: WAITER)]
        tasks = [await waiting(one) for one in others]
        lone.leave()
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        others[tasks.index(done.pop())].leave()
        await left.pop()
        for one in others:
            one.leave()

    play(story)


def test_what_is_free_is_taken_at_once_and_the_rest_is_waited_for() -> None:
    async def story() -> None:
        lone = Seat(Plan(LINK, (), (MEMBER6,)), lambda: WAITER)
        assert lone.take_free()
        both = seat()
        assert not both.take_free()
        assert not Seat(Plan(LINK, (), (MEMBER,)), lambda: WAITER).take_free()
        for one in (lone, both):
            one._admit(one._places[0])
            assert not one._waiting  # the doctor would count whoever is connected
        task = await waiting(both)
        assert not task.done()
        lone.leave()
        await task
        both.leave()

    play(story)
