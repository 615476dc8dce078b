"""The address follows the API servers in every generated history, and in the plainest of them within these times."""

from __future__ import annotations

import pytest

from tests.vrrp.api_servers import CHECKS, Cluster, Mode, flap, history, stall
from tests.vrrp.simulation import Broken, config
from vipalived.vrrp import model as m

pytestmark = pytest.mark.no_cover  # it is the whole that is put to the test, a thousand times


def plain(seed: int) -> float:
    """Every fifth cluster has routers by the letter among the native ones."""
    return 0.4 if seed % 5 == 0 else 0.0


@pytest.mark.parametrize("block", range(4))
def test_the_laws_hold_whatever_becomes_of_the_api_servers(block):
    for seed in range(block * 12, block * 12 + 12):
        history(seed, plain=plain(seed))
        stall(seed, plain=plain(seed))
        flap(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(70))
def test_soak(block):
    for seed in range(1_000_000 + block * 100, 1_000_000 + block * 100 + 100):
        history(seed, plain=plain(seed))
        stall(seed, plain=plain(seed))
        flap(seed)


def five(seed: int = 1, **others: object) -> Cluster:
    """The contract's defaults on five nodes, node 4 holds; nobody preempts."""
    configs = [config(index, preempt=False, **others) for index in range(5)]
    world = Cluster(configs, seed, CHECKS[0], plain_asks=True)
    world.boot(4)
    world.run_until(5.0)
    for index in range(4):
        world.boot(index)
    world.run_until(12.0)
    assert world.holders() == [4]
    world.blackout, world.arrivals = 0.0, 0
    return world


def moved(world: Cluster, before: float) -> float:
    """How long it takes until another node alone has the address."""
    began = world.now
    while world.holders() == [4] or len(world.holders()) != 1:
        assert world.now - began < before
        world.run_until(world.now + 0.005)
    assert world.blackout == 0.0
    return world.now - began


@pytest.mark.parametrize("seed", range(10))
def test_a_dead_one_loses_the_address_within_150_ms(seed):
    world = five(seed)
    world.becomes(4, Mode.GONE)
    assert moved(world, 0.15) > 0.02


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("mode", "before"), [(Mode.STOPPING, 0.65), (Mode.HANGING, 3.15)])
def test_one_that_stops_or_hangs_loses_it_as_soon_as_that_is_known(seed, mode, before):
    """A question every half second; a hang takes four of them, and a second for the last to fail."""
    world = five(seed)
    world.becomes(4, mode)
    moved(world, before)


def test_a_stall_of_all_moves_nothing():
    world = five()
    for index in range(5):
        world.at(world.now + 0.5 * index, lambda index=index: world.becomes(index, Mode.SLOW))
    world.run_until(60.0)
    assert (world.holders(), world.arrivals, world.blackout) == ([4], 0, 0.0)
    assert {server.state.standing for server in world.servers} == {m.Standing.UNREADY}


def test_when_all_are_gone_one_node_holds_and_the_first_that_answers_has_it_within_a_second():
    world = five()
    for index in range(5):
        world.becomes(index, Mode.GONE)
    world.run_until(30.0)
    [holder] = world.holders()
    back = (holder + 1) % 5
    world.becomes(back, Mode.OK)
    world.run_until(31.0)
    assert (world.holders(), world.blackout) == ([back], 0.0)


def test_on_the_first_day_it_goes_to_the_first_api_server_there_is():
    world = Cluster([config(index, preempt=False) for index in range(3)], 2, CHECKS[0], plain_asks=True)
    for index in range(3):
        world.servers[index].mode = Mode.GONE
        world.boot(index)
    world.run_until(3.61 + 1.0)
    assert len(world.holders()) == 1
    [holder] = world.holders()
    first = (holder + 1) % 3
    world.becomes(first, Mode.STARTING)
    world.run_until(world.now + 2.5 + 1.0)
    assert (world.holders(), world.blackout) == ([first], 0.0)


def test_without_ranks_an_address_stays_on_a_dead_api_server_for_ever():
    """The law bites: where nobody asks what a standing is, a dead API server keeps the address."""
    world = five()
    world.feed = lambda index, event: (  # type: ignore[method-assign]
        None if isinstance(event, m.Health) else Cluster.feed(world, index, event)
    )
    world.becomes(4, Mode.GONE)
    with pytest.raises(Broken, match="not healthy"):
        world.run_until(60.0)


@pytest.mark.parametrize("delay", [0.0, 5.0])
def test_a_better_node_comes_back_after_three_good_answers_and_the_delay(delay):
    configs = [config(0), config(1), config(2, 150, preempt_delay=delay)]
    world = Cluster(configs, 3, CHECKS[0], plain_asks=True)
    for index in range(3):
        world.boot(index)
    world.run_until(20.0)
    assert world.holders() == [2]
    world.becomes(2, Mode.GONE)
    world.run_until(30.0)
    assert world.holders() == [1]
    world.becomes(2, Mode.OK)
    world.run_until(30.0 + delay)
    assert world.holders() == [1]
    world.run_until(30.0 + delay + 0.7 + 3.42)
    assert (world.holders(), world.blackout) == ([2], 0.0)
