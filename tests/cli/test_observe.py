"""What `vipalived observe` draws: whole screens, at the widths that people have."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.observe.hearing import VIP, A, B, advert
from vipalived.cli.observe_screen import Screen, plain
from vipalived.observe.report import Report, report
from vipalived.observe.speakers import Speakers


def two_masters() -> Report:
    speakers = Speakers()
    for at in (1.0, 2.0, 3.0):
        speakers.hear(advert(at, A, 150))
        speakers.hear(advert(at + 0.25, B, 100))
    return report(speakers, "eth0", 3.5, 1_700_000_000.5, 3.0, complete=True)


def drawn(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(Screen(two_masters()), highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


WARNING = """\
warning: virtual router 51 (IPv4) has 2 Masters: 198.18.0.1 with priority 150 and 198.18.0.2 with priority 100
  hint: they do not hear or do not accept each other: look for a partition, a firewall that drops IP protocol 112, \
and for differing authentication or VIPs"""


def test_a_pipe_gets_each_speaker_on_a_line() -> None:
    assert plain(two_masters()) == (
        f"""\
eth0 at 22:13:20 UTC: 2 speakers of 1 virtual router heard in 3 s

VRID  FAMILY  VERSION  STATE   ADDRESS     MAC                PRIO  INTERVAL  MEASURED  JITTER  AGE    AUTH  VIPS
51    IPv4    v3       MASTER  198.18.0.1  02:00:00:00:00:01   150  1 s       1 s       0 ms    0.5 s  none  {VIP}
51    IPv4    v3       MASTER  198.18.0.2  02:00:00:00:00:02   100  1 s       1 s       0 ms    0.2 s  none  {VIP}

"""
        + WARNING
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_screen_of_80_columns_or_more(width: int) -> None:
    lines = drawn(width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[:8] == [
        "eth0 at 22:13:20 UTC: 2 speakers of 1 virtual router heard in 3 s",
        "",
        "ROUTER      SPEAKER            STATE     TIMING            VIPS",
        "51 IPv4 v3  198.18.0.1         MASTER    1 s (1 s ± 0 ms)  198.18.0.100",
        "auth none   02:00:00:00:00:01  prio 150  0.5 s ago",
        "51 IPv4 v3  198.18.0.2         MASTER    1 s (1 s ± 0 ms)  198.18.0.100",
        "auth none   02:00:00:00:00:02  prio 100  0.2 s ago",
        "",
    ]


def test_a_screen_of_60_columns() -> None:
    assert (
        drawn(60)
        == """\
eth0 at 22:13:20 UTC: 2 speakers of 1 virtual router heard
in 3 s

51 IPv4 v3, auth none, prio 150, MASTER
  198.18.0.1
  02:00:00:00:00:01
  1 s (1 s ± 0 ms), 0.5 s ago
  198.18.0.100
51 IPv4 v3, auth none, prio 100, MASTER
  198.18.0.2
  02:00:00:00:00:02
  1 s (1 s ± 0 ms), 0.2 s ago
  198.18.0.100

warning: virtual router 51 (IPv4) has 2 Masters: 198.18.0.1
with priority 150 and 198.18.0.2 with priority 100
  hint: they do not hear or do not accept each other: look
for a partition, a firewall that drops IP protocol 112, and
for differing authentication or VIPs"""
    )


@pytest.mark.parametrize("width", [40, 72, 110, 200])
def test_nothing_is_cut_off(width: int) -> None:
    shown = drawn(width)
    assert max(map(len, shown.splitlines())) <= width
    for said in ("198.18.0.1", "198.18.0.2", "02:00:00:00:00:02", "MASTER", "198.18.0.100", "warning:"):
        assert said in shown
