"""Histories in virtual time. At 1 s and priority 100 Master_Down_Interval is 3 + 156/256 = 3.609 s."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tests.observe.hearing import VIP, A, B, advert
from vipalived.observe.reading import Heard, Rubbish
from vipalived.observe.speakers import Fault, Refused, Speaker, Speakers, State
from vipalived.vrrp.packet import AuthType, Discard


def after(*packets: Heard | Rubbish) -> Speakers:
    speakers = Speakers()
    for packet in packets:
        speakers.hear(packet)
    return speakers


def only(speakers: Speakers, now: float) -> Speaker:
    [row] = speakers.rows(now)
    return row


def test_a_row_has_what_the_last_advertisement_said() -> None:
    row = only(
        after(
            advert(1.0, priority=50, authentication=AuthType.PASS, password=b"old", version=2),
            advert(2.0, priority=60, authentication=AuthType.PASS, password=b"new", version=2),
        ),
        2.25,
    )
    assert (row.vrid, row.family, row.version) == (51, 4, 2)
    assert (row.address, row.mac, row.ours) == (ip_address(A), "02:00:00:00:00:01", False)
    assert (row.state, row.priority, row.interval, row.vips) == (State.MASTER, 60, 1.0, (ip_address(VIP),))
    assert (row.authentication, row.password, row.ttl) == (AuthType.PASS, b"new", 255)
    assert (row.destination, row.adverts, row.age) == (ip_address("224.0.0.18"), 2, 0.25)
    assert (row.jitter, row.since, row.last, row.faults) == (0.0, 1.0, 2.0, ())
    assert "new" not in repr(row)


@pytest.mark.parametrize(
    ("priority", "interval", "version", "last", "state"),
    [
        (100, 1.0, 3, 3.60, State.MASTER),
        (100, 1.0, 3, 3.62, State.SILENT),
        (255, 1.0, 3, 3.01, State.SILENT),
        (100, 0.1, 3, 0.36, State.MASTER),
        (100, 0.1, 3, 0.37, State.SILENT),
        (100, 2.0, 2, 6.60, State.MASTER),
        (100, 2.0, 2, 6.62, State.SILENT),
        (0, 1.0, 3, 0.0, State.RESIGNED),
        (0, 1.0, 3, 500.0, State.RESIGNED),
        (100, 0.0, 3, 3.60, State.MASTER),  # an interval of 0 is nonsense, and taken for 1 s
    ],
)
def test_what_a_speaker_is(priority: int, interval: float, version: int, last: float, state: State) -> None:
    packet = advert(10.0, priority=priority, interval=interval, version=3 if version == 3 else 2)
    assert only(after(packet), 10.0 + last).state is state


def test_jitter_is_the_worst_of_the_last_ten_gaps() -> None:
    moments = [0.0, 1.25, 2.25, 3.125, 4.125]
    assert only(after(*map(advert, moments)), 4.2).jitter == 0.25
    # The tenth gap after the one of 1.25 s pushes it out; that of 0.875 s stays.
    moments += [float(n) + 0.125 for n in range(5, 13)]
    assert only(after(*map(advert, moments)), 12.2).jitter == 0.125


def test_the_measured_interval_is_the_median_of_the_last_ten_gaps() -> None:
    moments = [0.0, 2.0, 3.125, 4.25, 5.375]
    assert only(after(*map(advert, moments)), 5.5).measured == 1.125


def test_a_single_advertisement_has_no_gap() -> None:
    row = only(after(advert(0.0)), 0.5)
    assert (row.measured, row.jitter) == (None, None)


def test_answers_between_two_advertisements_are_no_jitter() -> None:
    """RFC 9568 section 6.4.3: a Master answers a worse one at once, and its timer runs on."""
    assert only(after(advert(0.0), advert(0.25), advert(1.0), advert(1.25), advert(2.0)), 2.1).jitter == 0.0


def test_a_lost_advertisement_is_jitter() -> None:
    assert only(after(advert(0.0), advert(1.0), advert(3.0)), 3.1).jitter == 1.0


def test_neither_a_pause_nor_a_resignation_nor_another_interval_is_jitter() -> None:
    row = only(after(advert(0.0), advert(1.0), advert(5.0), advert(6.0)), 6.1)
    assert (row.jitter, row.since) == (0.0, 5.0)
    resigned = (advert(0.0), advert(0.7, priority=0), advert(1.9), advert(2.9))
    row = only(after(*resigned), 3.0)
    assert (row.jitter, row.since) == (0.0, 1.9)
    changed = (advert(0.0), advert(1.0), advert(1.5, interval=0.5), advert(2.0, interval=0.5))
    assert only(after(*changed), 2.1).jitter == 0.0
    assert only(after(*changed), 2.1).since == 0.0


def test_priority_0_is_no_gap() -> None:
    assert only(after(advert(0.0), advert(1.0), advert(1.7, priority=0)), 1.8).jitter == 0.0


def test_a_node_in_two_virtual_routers_versions_or_with_two_macs_is_several_speakers() -> None:
    rows = after(
        advert(0.0, vrid=52),
        advert(0.1, version=2),
        advert(0.2),
        advert(0.3, mac="02:00:00:00:00:ff"),
        advert(0.4, "fe80::1", vips=("fe80::100",), to="ff02::12"),
        advert(0.5, B),
    ).rows(0.5)
    assert [(row.vrid, row.family, row.version, str(row.address), row.mac[-2:]) for row in rows] == [
        (51, 4, 2, A, "01"),
        (51, 4, 3, A, "01"),
        (51, 4, 3, A, "ff"),
        (51, 4, 3, B, "02"),
        (51, 6, 3, "fe80::1", "01"),
        (52, 4, 3, A, "01"),
    ]


def test_faults_are_counted_by_reason() -> None:
    bad = (Discard.CHECKSUM, Discard.TTL)
    row = only(after(advert(0.0), advert(1.0, faults=bad), advert(2.0, faults=(Discard.TTL,))), 2.5)
    assert row.faults == (Fault(Discard.CHECKSUM, 1, 1.5), Fault(Discard.TTL, 2, 0.5))
    assert row.adverts == 3


def test_rubbish_is_counted_by_sender_and_reason() -> None:
    source = ip_address(A)
    speakers = after(
        Rubbish(1.0, "02:00:00:00:00:01", source, Discard.LENGTH),
        Rubbish(2.0, "02:00:00:00:00:01", source, Discard.LENGTH),
        Rubbish(3.0, "02:00:00:00:00:01", source, Discard.VERSION),
        Rubbish(4.0, "02:00:00:00:00:00", None, Discard.IP_HEADER),
    )
    assert speakers.rows(4.0) == []
    assert speakers.refused(5.0) == [
        Refused("02:00:00:00:00:00", None, Discard.IP_HEADER, 1, 1.0),
        Refused("02:00:00:00:00:01", source, Discard.LENGTH, 2, 3.0),
        Refused("02:00:00:00:00:01", source, Discard.VERSION, 1, 2.0),
    ]


def test_to_hear_everybody_takes_three_of_the_longest_intervals() -> None:
    assert after().patience == 3.0
    assert after(advert(0.0, interval=0.03)).patience == 3.0
    assert after(advert(0.0), advert(0.1, B, interval=2.5)).patience == 7.5


def test_ten_minutes_of_silence_are_forgotten() -> None:
    speakers = after(advert(0.0), Rubbish(0.0, "02:00:00:00:00:01", None, Discard.PROTOCOL))
    assert (len(speakers.rows(600.0)), len(speakers.refused(600.0))) == (1, 1)
    assert (speakers.rows(600.1), speakers.refused(600.1)) == ([], [])


def test_made_up_senders_push_out_the_oldest_and_no_more() -> None:
    speakers = Speakers()
    for number in range(300):
        mac = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        speakers.hear(advert(float(number) / 1000, mac=mac))
        speakers.hear(Rubbish(float(number) / 1000, mac, None, Discard.PROTOCOL))
    assert len(speakers.rows(1.0)) == len(speakers.refused(1.0)) == 256
    assert speakers.rows(1.0)[0].mac == "02:00:00:00:00:2c"  # 300 - 256 = 44


def test_a_packet_of_this_moment_is_not_younger_than_now() -> None:
    speakers = after(
        advert(1.0, faults=(Discard.TTL,)), Rubbish(1.0, "02:00:00:00:00:01", None, Discard.PROTOCOL)
    )
    assert (
        only(speakers, 0.999).age
        == only(speakers, 0.999).faults[0].age
        == speakers.refused(0.999)[0].age
        == 0
    )
