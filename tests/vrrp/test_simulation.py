"""The laws of the segment hold in every generated history, and break when a departure is switched off."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.vrrp.simulation import PLAIN, VIP, Broken, World, config, history
from vipalived.vrrp import model as m

pytestmark = pytest.mark.no_cover  # it is the whole that is put to the test, a thousand times


@pytest.mark.parametrize("block", range(8))
def test_native_routers_obey_the_laws(block):
    for seed in range(block * 100, block * 100 + 100):
        history(seed)


@pytest.mark.parametrize("block", range(2))
def test_native_routers_and_routers_by_the_letter_share_a_segment(block):
    for seed in range(block * 100, block * 100 + 100):
        history(1_000_000 + seed, plain=0.4)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(100))
def test_soak(block):
    for seed in range(block * 1000, block * 1000 + 1000):
        history(2_000_000 + seed, plain=0.4 if block % 5 == 0 else 0.0)


def five(**others: object) -> World:
    """The contract's defaults: five nodes of equal priority, advert 1 s, nobody preempts; node 4 holds."""
    others = {"preempt": False, **others}
    world = World([config(index, **others) for index in range(5)], seed=1)
    world.boot(4)
    world.run_until(1.0)
    for index in range(4):
        world.boot(index)
    world.run_until(12.0)
    assert world.holders() == [4]
    return world


def together(**others: object) -> World:
    """Five equal nodes whose timers expire at the very same time."""
    world = World([config(index, **others) for index in range(5)], seed=1)
    world.late = 0.0
    for index in range(5):
        world.boot(index)
    world.run_until(12.0)
    return world


def announcers(world: World) -> set[str]:
    return {line.split()[1] for line in world.trace if "Announce" in line}


def test_the_highest_address_wins_among_equals_and_nobody_else_touches_the_cache():
    world = together()
    assert world.holders() == [4]
    assert announcers(world) == {"4"}


def test_without_claiming_first_the_losers_touch_the_cache():
    assert announcers(together(claim_window=0.0)) == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize("seed", range(20))
def test_planned_stops_and_returns_lose_nothing(seed):
    world = World([config(index) for index in range(5)], seed)
    for index in range(5):
        world.boot(index)
    world.run_until(8.0)
    world.blackout = 0.0
    for _ in range(10):
        [holder] = world.holders()
        world.tell(holder, m.Shutdown())
        world.run_until(world.now + 1.0)
        assert holder not in world.holders()
        world.boot(holder)
        world.run_until(world.now + 5.0)
    assert world.blackout == 0.0


@pytest.mark.parametrize("preempt", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_a_loser_beside_a_resignation_costs_nothing(seed, preempt):
    """Whoever hears it when, before and after priority 0: nobody takes it for the Master, or for the successor."""
    world = World([config(index, preempt=preempt) for index in range(5)], seed)
    for index in range(5):
        world.boot(index)
    end = m.DEAF + 10.0
    world.run_until(end - 1.0)
    world.blackout = 0.0
    [holder] = world.holders()
    for before in (0.12, 0.04, 0.0):
        world.at(end - before, lambda: world.babble(50, 0.1))
    world.run_until(end)
    world.tell(holder, m.Shutdown())
    world.run_until(end + 0.2)
    assert holder not in world.holders()
    assert len(world.holders()) == 1
    world.run_until(end + 11.0)
    assert (len(world.holders()), world.blackout) == (1, 0.0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("before", "after"), [(10.0, 1.0), (1.0, 10.0), (2.0, 0.1)])
def test_another_interval_on_all_nodes_moves_nothing_and_counts_at_once(seed, before, after):
    world = World([config(index, interval=before, preempt=False) for index in range(4)], seed)
    for index in range(4):
        world.boot(index)
    world.run_until(5 * before)
    [holder] = world.holders()
    settled = len(world.changes)
    world.slowest = max(before, after)
    # The Master first: a Backup that expects more than it gets would take over.
    for index in sorted(range(4), key=lambda index: (index != holder) == (after < before)):
        world.reload(index, replace(world.nodes[index].config, interval=after))
        world.run_until(world.now + 0.01)
    world.run_until(world.now + 5 * after)
    assert (world.holders(), len(world.changes)) == ([holder], settled)
    began = world.now
    world.crash(holder)
    while not world.holders():
        world.run_until(world.now + 0.01)
    assert world.now - began <= 4 * after


@pytest.mark.parametrize("priorities", [(100, 150), (100, 255), (1, 100)])
def test_a_preempting_return_loses_nothing(priorities):
    world = World([config(i, priority) for i, priority in enumerate(priorities)], seed=3)
    world.boot(0)
    world.run_until(8.0)
    world.blackout = 0.0
    world.boot(1)
    world.run_until(16.0)
    assert world.holders() == [1]
    assert world.blackout == 0.0


def test_without_hitless_resignation_a_stop_is_a_gap():
    world = five(hitless=False)
    world.blackout = 0.0
    world.tell(4, m.Shutdown())
    world.run_until(20.0)
    assert 0.03 < world.blackout < 0.07


def test_without_prompt_succession_the_successor_comes_after_its_skew_time():
    world = five(prompt_succession=False)
    world.tell(4, m.Shutdown())
    world.run_until(12.6)
    assert world.holders() == [4]
    world.run_until(12.66)
    assert world.holders() not in ([], [4])


def test_a_crash_is_over_after_the_master_down_interval_and_has_no_tail():
    world = five()
    world.blackout = 0.0
    world.crash(4)
    world.run_until(30.0)
    assert world.holders() not in ([], [4])
    assert 2.6 < world.blackout < 3.609 + 0.05
    assert world.stale.longest < 0.01


@pytest.mark.parametrize("fault", ["freeze", "kill"])
def test_a_frozen_or_killed_holder_loses_the_address_to_the_kernel(fault):
    world = five()
    getattr(world, fault)(4)
    world.run_until(30.0)
    assert world.holders() not in ([], [4])
    assert world.two.longest < 1.0


def test_without_the_lease_a_frozen_holder_keeps_the_address():
    world = five(kernel_lease=False)
    world.lease = 3.0
    world.freeze(4)
    with pytest.raises(Broken, match="two holders"):
        world.run_until(30.0)


@pytest.mark.parametrize(("interval", "late"), [(1.0, 0.5), (0.1, 0.05), (0.03, 0.015)])
def test_ten_minutes_of_late_timers_change_nothing(interval, late):
    world = World([config(index, interval=interval, preempt=False) for index in range(3)], seed=6)
    for index in range(3):
        world.boot(index)
    world.run_until(5.0)
    world.late = late
    settled = len(world.changes)
    world.run_until(605.0)
    assert len(world.changes) == settled


def test_every_daemon_frozen_for_100_ms_changes_nothing():
    world = five()
    settled = len(world.changes)
    for index in range(5):
        world.freeze(index)
    world.run_until(12.1)
    for index in range(5):
        world.thaw(index)
    world.run_until(30.0)
    assert len(world.changes) == settled


def test_a_thawed_holder_under_nopreempt_leaves_the_address_where_it_is():
    world = five()
    world.freeze(4)
    world.run_until(22.0)
    [successor] = world.holders()
    assert successor != 4
    world.thaw(4)
    world.run_until(40.0)
    assert world.holders() == [successor]
    assert world.client == successor


def test_a_short_stall_that_nobody_used_costs_nothing():
    world = World([config(i, interval=0.1) for i in range(3)], seed=4)
    world.boot(2)
    world.run_until(3.0)
    world.blackout = 0.0
    world.freeze(2)
    world.run_until(3.6)
    world.thaw(2)
    world.run_until(5.0)
    assert world.holders() == [2]
    assert world.blackout == 0.0
    assert world.changes[-2][2].reason is m.Reason.STALLED


def split(**others: object) -> World:
    """Parted so that the client is with the loser; both sides hold; then the segment heals."""
    world = five(garp=m.Garp(refresh=0.0), **others)
    # By now nobody is taken for a latecomer.
    world.run_until(HEALED - 12.0)
    world.partition([0, 0, 0, 0, 1])
    world.run_until(HEALED)
    assert len(world.holders()) == 2
    assert world.client != 4
    world.partition([0, 0, 0, 0, 0])
    return world


HEALED = m.DEAF + 24.0


@pytest.mark.parametrize("preempt", [False, True])
def test_after_a_partition_the_winner_learns_of_the_loser_and_tells_the_clients(preempt: bool):
    world = split(preempt=preempt)
    world.run_until(HEALED + 2.2)
    assert world.holders() == [4]
    assert world.client == 4


@pytest.mark.parametrize("alone", [4.5, 10.0, 50.0])
@pytest.mark.parametrize("before", [10.0, m.DEAF])
def test_who_was_deaf_at_its_start_gives_the_address_back_to_who_had_it_all_along(
    alone: float, before: float
):
    """The best router's switch port passes nothing at first, so that it becomes Master by itself."""
    world = World([config(index, preempt=False) for index in range(5)], seed=3)
    for index in range(4):
        world.boot(index)
    world.run_until(before)
    [holder] = world.holders()
    world.partition([0, 0, 0, 0, 1])
    world.boot(4)
    world.run_until(before + alone)
    assert world.holders() == [holder, 4]
    world.blackout = 0.0
    world.partition([0, 0, 0, 0, 0])
    world.run_until(before + alone + 1.1)
    assert world.holders() == [holder]
    world.run_until(before + alone + 30.0)
    assert (world.holders(), world.client) == ([holder], holder)


def test_by_the_letter_the_better_one_has_it_from_then_on():
    world = World([config(index, preempt=False, incumbent_stays=False) for index in range(5)], seed=3)
    for index in range(4):
        world.boot(index)
    world.run_until(10.0)
    world.partition([0, 0, 0, 0, 1])
    world.boot(4)
    world.run_until(20.0)
    world.partition([0, 0, 0, 0, 0])
    world.run_until(25.0)
    assert world.holders() == [4]


def test_a_start_delay_keeps_who_is_deaf_from_taking_anything():
    world = World([config(index, preempt=False, start_delay=6.0) for index in range(5)], seed=3)
    for index in range(4):
        world.boot(index)
    world.run_until(15.0)
    [holder] = world.holders()
    world.partition([0, 0, 0, 0, 1])
    world.boot(4)
    world.run_until(24.0)
    assert world.holders() == [holder]
    world.partition([0, 0, 0, 0, 0])
    world.run_until(60.0)
    assert world.holders() == [holder]


def test_without_the_parting_advert_the_clients_stay_with_a_loser_that_steps_down_in_silence():
    def heal(start: int) -> None:
        # Nor an answer to the better router's first advertisement.
        world = split(parting_advert=False, incumbent_stays=False)
        # Shift the winner's beat so that in some runs it is the one that speaks first.
        master = world.nodes[4].state.role
        assert isinstance(master, m.Master)
        beat = replace(master, adver_at=world.now + 0.1 * start)
        world.nodes[4].state = replace(world.nodes[4].state, role=beat)
        world.arm(4)
        world.run_until(HEALED + 16.0)

    def every_phase() -> None:
        for start in range(10):
            heal(start)

    with pytest.raises(Broken, match="stale client"):
        every_phase()


def test_when_nobody_is_healthy_one_node_still_holds():
    world = five()
    for index in range(5):
        world.tell(index, m.Health(m.Standing.DEAD))
    world.run_until(30.0)
    assert len(world.holders()) == 1
    world.blackout = 0.0
    world.tell(0, m.Health(m.Standing.HEALTHY))
    world.run_until(32.0)
    assert world.holders() == [0]
    assert world.blackout == 0.0


def all_slow(seed: int, starts: list[float], length: float = 30.0) -> World:
    """Every API server answers late for a while, but not from the very same moment; node 4 holds."""
    world = five()
    world.random.seed(seed)
    for index, start in enumerate(starts):
        world.at(12.0 + start, lambda i=index: world.tell(i, m.Health(m.Standing.UNREADY)))
        world.at(12.0 + start + length, lambda i=index: world.tell(i, m.Health(m.Standing.HEALTHY)))
    world.blackout = 0.0
    world.run_until(60.0)
    return world


@pytest.mark.parametrize("seed", range(20))
def test_when_every_api_server_is_slow_the_address_stays(seed):
    starts = [2.0 * ((index * 3 + seed) % 5) / 4 for index in range(5)]
    world = all_slow(seed, starts)
    assert world.holders() == [4]
    assert world.blackout == 0.0


def test_a_holder_that_alone_is_unready_gives_way_to_a_healthy_node():
    world = five()
    world.blackout = 0.0
    world.tell(4, m.Health(m.Standing.UNREADY))
    world.run_until(14.9)
    assert world.holders() == [4]
    world.run_until(16.2)
    assert world.holders() not in ([], [4])
    assert world.blackout == 0.0


def test_the_first_to_become_healthy_gets_the_address_at_once():
    """Day 1: nobody has ever seen an API server, and nobody preempts."""
    world = World([config(index, preempt=False) for index in range(3)], seed=2)
    for index in range(3):
        world.tell(index, m.Health(m.Standing.UNPROVEN))
        world.boot(index)
    world.run_until(12.0)
    assert world.holders() == [2]
    world.blackout = 0.0
    world.tell(0, m.Health(m.Standing.HEALTHY))
    world.run_until(12.2)
    assert world.holders() == [0]
    assert world.blackout == 0.0


def test_without_the_last_resort_nobody_holds():
    world = five(last_resort=False)
    for index in range(5):
        world.tell(index, m.Health(m.Standing.DEAD))
    world.run_until(30.0)
    assert world.holders() == []


def test_a_router_by_the_letter_and_a_native_one_hand_over_both_ways():
    world = World([config(0), config(1, **PLAIN)], seed=5)
    world.boot(0)
    world.boot(1)
    world.run_until(8.0)
    for _ in range(3):
        [holder] = world.holders()
        world.tell(holder, m.Shutdown())
        world.run_until(world.now + 6.0)
        assert world.holders() == [1 - holder]
        world.boot(holder)
        world.run_until(world.now + 6.0)


def answer(world: World, until: float) -> None:
    """A host that is no router answers for the address, once a second, up to this moment."""
    while world.now < until:
        world.disturb("a stranger answers")
        for index in range(len(world.nodes)):
            world.feed(index, m.ForeignClaim(VIP))
        world.run_until(min(until, world.now + 1.0))


@pytest.mark.parametrize("seed", range(5))
def test_nobody_claims_what_a_stranger_has_and_one_does_when_it_is_gone(seed):
    world = World([config(index, preempt=False) for index in range(3)], seed)
    for index in range(3):
        world.boot(index)
    answer(world, 60.0)
    assert world.holders() == []
    assert world.packets == 0
    world.run_until(60.0 + 3.61 + 0.1)
    assert len(world.holders()) == 1


def test_the_address_of_a_node_without_a_daemon_is_claimed_whoever_answers_for_it():
    world = five(kernel_lease=False)
    world.kill(4)
    answer(world, 12.0 + 3.61 + 0.1)
    assert len(world.holders()) == 2
    assert 4 in world.holders()
