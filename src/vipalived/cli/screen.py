"""What `vipalived status` shows a human: what matters at 3 am first, then what is wrong, then, wide, the details."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import click

from vipalived.agent.snapshot import Snapshot

_COLOURS = {"healthy": "green", "unproven": "yellow", "unready": "red", "dead": "red"}


def screen(now: Snapshot, *, wide: bool) -> str:
    """The lines, with the terminal's colours in them."""
    lines = [_headline(now), "", *_rows(_matters(now))]
    if now.problems:
        lines += ["", *(click.style(f"! {problem}", fg="red") for problem in now.problems)]
    if wide:
        lines += _details(now)
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """With the two largest units: `2 h 14 min`; fractions only where they matter."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    largest = next(index for index, (_, size) in enumerate(units) if whole >= size)
    said = []
    for unit, size in units[largest : largest + 2]:
        count, whole = divmod(whole, size)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said)


def clock(now: Snapshot, moment: float) -> str:
    """The time of day in UTC, as in the log; with the date if that is another one."""
    there, here = time.gmtime(moment), time.gmtime(now.time)
    form = "%H:%M:%S UTC" if there[:3] == here[:3] else "%Y-%m-%d %H:%M:%S UTC"
    return time.strftime(form, there)


def _headline(now: Snapshot) -> str:
    colour = "green" if now.good else "red"
    state = click.style(now.state, fg=colour, bold=True)
    ago = duration(now.time - now.since)
    node = click.style(now.node, bold=True)
    return f"{node} is {state} since {clock(now, now.since)}, for {ago} ({now.reason})"


def _rows(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"  {name:<{width}}  {value}"


def _matters(now: Snapshot) -> list[tuple[str, str]]:
    return [
        *(("VIP", _vip(now, vip.address, held=vip.held)) for vip in now.vips),
        ("Master", _master(now)),
        ("Priority", _priority(now)),
        ("API server", _health(now)),
        ("Failovers", _failovers(now)),
        ("Agent", _agent(now)),
    ]


def _vip(now: Snapshot, address: str, *, held: bool) -> str:
    if now.state == "WAITING":
        return f"{address} is for the other instance on this node"
    if held:
        return f"{address} {click.style('held', fg='green')} on {now.interface}"
    return f"{address} not on this node"


def _master(now: Snapshot) -> str:
    master = now.master
    if now.state == "WAITING":
        return "known to the other instance on this node"
    if master is None:
        return click.style("not known", fg="yellow" if now.released else "red")
    address = master.address or "its address is not known"
    if master.ours:
        return f"this node, {address}, priority {master.priority}"
    return f"{address}, priority {master.priority}, heard {duration(master.age)} ago"


def _priority(now: Snapshot) -> str:
    if now.priority == now.effective_priority:
        return str(now.priority)
    return f"{click.style(str(now.effective_priority), fg='yellow')} instead of {now.priority}"


def _health(now: Snapshot) -> str:
    health = now.health
    if not health.checked:
        return "not checked"
    standing = click.style(health.standing, fg=_COLOURS[health.standing])
    said = f"{standing} for {duration(now.time - health.since)}"
    if health.error_at is None:
        return said
    return f"{said}; last error {duration(now.time - health.error_at)} ago: {health.error}"


def _failovers(now: Snapshot) -> str:
    failovers = now.failovers
    if failovers.last is None or failovers.last_at is None:
        return "none to this node"
    ago = duration(now.time - failovers.last_at)
    return f"{failovers.count} to this node, the last took {duration(failovers.last)}, {ago} ago"


def _agent(now: Snapshot) -> str:
    said = f"{now.version}, virtual router {now.vrid} on {now.interface}"
    said += f" ({now.interface_chosen})" if now.interface_chosen else ""
    said += f", up {duration(now.time - now.started)}"
    return f"{said}, engine restarted {now.restarts} x" if now.restarts else said


def _details(now: Snapshot) -> Iterator[str]:
    yield from _section(
        "Peers", [_peer(peer.priority, peer.address, peer.interval, peer.age) for peer in now.peers]
    )
    changes = [
        (f"{one.count} x", f"{one.from_state} -> {one.to_state} ({one.reason})") for one in now.transitions
    ]
    yield from _section("Transitions", changes)
    refused = [(f"{one.count} x", f"{one.reason}, the last from {one.source}") for one in now.discards]
    yield from _section("Refused packets", refused)
    yield from _section("Counters", list(_counters(now)))
    troubles = [
        (f"{one.count} x", f"{one.sentence}, the last {duration(now.time - one.at)} ago")
        for one in now.troubles
    ]
    yield from _section("Troubles", troubles)


def _peer(priority: int, address: str, interval: float, age: float) -> tuple[str, str]:
    return address, f"priority {priority}, every {duration(interval)}, last heard {duration(age)} ago"


def _counters(now: Snapshot) -> Iterator[tuple[str, str]]:
    yield "Adverts", f"{now.adverts_sent} sent, {now.adverts_received} received"
    yield "Late timers", f"{now.late_timers}, the worst by {duration(now.worst_lateness)}"
    generation = f"generation {now.configuration_generation}"
    yield "Settings", f"{generation}, for {duration(now.time - now.configuration_since)}"
    seconds = duration(now.second_holder_seconds)
    yield "Second holders", f"{now.second_holder_episodes}, for {seconds} in all"


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    return ["", click.style(title, bold=True), *_rows(rows)] if rows else []
