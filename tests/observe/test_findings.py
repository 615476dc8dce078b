"""What is wrong, in whole sentences; and what only looks like it, in histories of ordinary takeovers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.observe.hearing import VIP, A, B, C, advert, every
from vipalived.observe.findings import Finding, Kind, find
from vipalived.observe.reading import Heard, Rubbish
from vipalived.observe.speakers import Speakers
from vipalived.vrrp.packet import AuthType, Discard


def found(packets: Iterable[Heard | Rubbish], now: float) -> list[Finding]:
    speakers = Speakers()
    for packet in sorted(packets, key=lambda packet: packet.arrived):
        speakers.hear(packet)
    return find(speakers.rows(now), speakers.refused(now))


def sentences(packets: Iterable[Heard | Rubbish], now: float) -> list[tuple[str, str]]:
    return [(one.kind, one.message) for one in found(packets, now)]


def master(
    source: str, first: float, until: float, priority: int = 100, interval: float = 1.0
) -> list[Heard]:
    return [advert(at, source, priority, interval=interval) for at in every(interval, first, until)]


def test_one_master_is_well() -> None:
    assert found(master(A, 0.0, 9.0), 9.5) == []


def test_nobody() -> None:
    [one] = found([], 3.0)
    assert (one.kind, one.message, one.vrid, one.addresses) == (Kind.NOBODY, "nobody advertises", None, ())
    assert one.hint.startswith("is this the right interface")


def test_two_masters() -> None:
    [one] = found([*master(A, 0.0, 3.0), *master(B, 0.5, 3.0, priority=90)], 3.0)
    assert one.kind is Kind.TWO_MASTERS
    assert one.message == (
        "virtual router 51 (IPv4) has 2 Masters: 198.18.0.1 with priority 100 and 198.18.0.2 with priority 90"
    )
    assert (one.vrid, one.family, one.addresses) == (51, 4, (ip_address(A), ip_address(B)))


def test_three_masters_are_one_warning_and_a_fourth_that_is_gone_is_not_among_them() -> None:
    packets = [
        *master("198.18.0.4", 0.0, 2.0),
        advert(2.1, "198.18.0.4", 0),
        *(packet for source in (A, B, C) for packet in master(source, 2.2, 6.2)),
    ]
    [one] = found(packets, 6.5)
    assert one.message.startswith("virtual router 51 (IPv4) has 3 Masters: 198.18.0.1 ")
    assert len(one.addresses) == 3


def test_two_hosts_with_one_address_are_told_apart_by_their_macs() -> None:
    packets = master(A, 0.0, 3.0)
    packets += [replace(packet, arrived=packet.arrived + 0.1, mac="02:00:00:00:00:ff") for packet in packets]
    [(kind, message)] = sentences(packets, 3.2)
    assert kind == Kind.TWO_MASTERS
    assert "198.18.0.1 (02:00:00:00:00:01) with" in message
    assert "198.18.0.1 (02:00:00:00:00:ff) with" in message


def test_two_masters_of_two_families_or_virtual_routers_are_well() -> None:
    v6 = [
        advert(packet.arrived, "fe80::1", vips=("fe80::100",), to="ff02::12")
        for packet in master(A, 0.0, 3.0)
    ]
    other = [advert(packet.arrived, B, vrid=52, vips=("198.18.0.101",)) for packet in master(A, 0.0, 3.0)]
    assert found([*master(A, 0.0, 3.0), *v6, *other], 3.1) == []


def test_the_warning_ends_with_the_second_master() -> None:
    packets = [*master(A, 0.0, 20.0), *master(B, 0.5, 4.5)]
    assert [one.kind for one in found([p for p in packets if p.arrived <= 8.0], 8.0)] == [Kind.TWO_MASTERS]
    assert found([p for p in packets if p.arrived <= 8.2], 8.2) == []  # 4.5 + 3.609 < 8.2


def handover(kind: str, at: float, interval: float, skew: float) -> tuple[list[Heard], list[Heard]]:
    """The last words of the old Master (198.18.0.1) and the first one of the new one."""
    match kind:
        case "resigns":  # keepalived, and the native engine
            return [advert(at, A, 0, interval=interval)], [advert(at + skew, B, 101, interval=interval)]
        case "displaced":  # with the parting advertisement of the native engine, in answer to the claim
            return (
                [advert(at + 0.02, A, 100, interval=interval)],
                [advert(at, B, 101, interval=interval)],
            )
        case "defends":  # a claim that is answered, and the answer heeded
            return (
                [advert(at + 0.02, A, 100, interval=interval)],
                [advert(at, B, 99, interval=interval)],
            )
        case _:  # it crashes
            return [], [advert(at + 3 * interval + skew, B, 101, interval=interval)]


@given(
    st.sampled_from(["resigns", "displaced", "crashes"]),
    st.sampled_from([0.1, 1.0, 5.0]),
    st.floats(0, 0.99),
    st.floats(0, 0.6),
)
def test_no_takeover_is_two_masters(kind: str, interval: float, phase: float, skew: float) -> None:
    end = (5 + phase) * interval
    last, first = handover(kind, end, interval, skew * interval)
    packets = [*master(A, 0.0, end, interval=interval), *last]
    begins = first[0].arrived
    packets += [*first, *master(B, begins + interval, begins + 9 * interval, 101, interval)]
    for now in every(interval / 4, 0.0, begins + 9 * interval):
        heard = [packet for packet in packets if packet.arrived <= now]
        assert [one for one in found(heard, now) if one.kind is not Kind.NO_MASTER] == []


def test_a_claim_that_is_defended_is_not_two_masters() -> None:
    last, first = handover("defends", 4.3, 1.0, 0.0)
    packets = [*master(A, 0.0, 20.0), *last, *first]
    for now in every(0.25, 0.0, 20.0):
        assert found([packet for packet in packets if packet.arrived <= now], now) == []


@given(
    st.sampled_from([0.03, 1.0, 5.0]),
    st.sampled_from([1.0, 2.0]),
    st.floats(0, 7),
    st.floats(0, 0.999),
    st.lists(st.floats(-0.05, 0.05), min_size=24, max_size=24),
)
def test_two_masters_are_found_within_two_intervals(
    interval: float, ratio: float, begins: float, phase: float, jitter: list[float]
) -> None:
    """Of the slower one, after the later one has begun, however busy their hosts are within a twentieth."""
    slow = interval * ratio
    packets = [
        *master(A, 0.0, 12 * interval, interval=interval),
        *(advert(at, B, interval=slow) for at in every(slow, (begins + phase) * interval, 12 * interval)),
    ]
    packets = [
        replace(packet, arrived=packet.arrived + off * interval)
        for packet, off in zip(packets, jitter, strict=False)
    ]
    start = max(
        min(packet.arrived for packet in packets if packet.source == ip_address(source)) for source in (A, B)
    )
    now = start + 2.1 * slow
    kinds = [one.kind for one in found([packet for packet in packets if packet.arrived <= now], now)]
    assert Kind.TWO_MASTERS in kinds


def test_a_crash_is_told_of_until_there_is_a_successor() -> None:
    packets = master(A, 0.0, 4.0)
    assert found(packets, 7.6) == []
    assert sentences(packets, 7.7) == [
        (Kind.NO_MASTER, "virtual router 51 (IPv4) has no Master: 198.18.0.1 was the last one, 3.7 s ago")
    ]
    assert found([*packets, advert(7.8, B)], 7.9) == []


def test_a_resignation_that_nobody_follows_is_told_of_after_three_intervals() -> None:
    packets = [*master(A, 0.0, 4.0), advert(4.5, A, 0)]
    assert found(packets, 7.4) == []
    assert [one.kind for one in found(packets, 7.6)] == [Kind.NO_MASTER]


def test_a_vrid_of_two_clusters() -> None:
    packets = [
        *master(A, 0.0, 3.0),
        *(advert(at, B, vips=("198.18.0.200", "198.18.0.201")) for at in every(1, 0.5, 3.0)),
    ]
    [one] = found(packets, 3.1)
    assert one.kind is Kind.COLLISION
    assert one.message == (
        "virtual router 51 (IPv4) is used in 2 ways: by 198.18.0.1 (VRRPv3, 198.18.0.100), "
        "198.18.0.2 (VRRPv3, 198.18.0.200 198.18.0.201)"
    )
    assert "virtualRouterId" in one.hint


def test_a_vrid_of_two_versions() -> None:
    packets = [*master(A, 0.0, 3.0), *(advert(at, B, version=2) for at in every(1, 0.5, 3.0))]
    assert [(one.kind, one.message) for one in found(packets, 3.1)] == [
        (
            Kind.COLLISION,
            (
                "virtual router 51 (IPv4) is used in 2 ways: by 198.18.0.2 (VRRPv2, 198.18.0.100), "
                "198.18.0.1 (VRRPv3, 198.18.0.100)"
            ),
        )
    ]


def test_a_node_that_changed_its_version_does_not_collide_with_itself() -> None:
    packets = [*(advert(at, A, version=2) for at in every(1, 0.0, 3.0)), *master(A, 4.0, 12.0)]
    assert found(packets, 12.1) == []


def test_differing_vips_and_intervals() -> None:
    packets = [
        advert(0.0, A, 0, vips=(VIP, "198.18.0.101")),
        advert(0.6, B, interval=0.5, vips=("198.18.0.101", VIP)),
        advert(0.9, C, 0, vips=(VIP,)),
    ]
    assert sentences(packets, 1.0) == [
        (
            Kind.VIPS,
            (
                "the VIPs of virtual router 51 (IPv4) differ: 198.18.0.1 and 198.18.0.2 (198.18.0.100 198.18.0.101), "
                "198.18.0.3 (198.18.0.100)"
            ),
        ),
        (
            Kind.INTERVALS,
            "the intervals of virtual router 51 (IPv4) differ: 198.18.0.1 and 198.18.0.3 (1 s), 198.18.0.2 (0.5 s)",
        ),
    ]


def test_long_lists_of_vips_are_cut() -> None:
    many = [f"198.18.1.{number}" for number in range(1, 7)]
    [(_, message)] = sentences([advert(0.0, A), advert(0.1, B, vips=many)], 0.2)
    assert message.endswith("198.18.0.2 (VRRPv3, 198.18.1.1 198.18.1.2 198.18.1.3 198.18.1.4 2 more)")


def test_vips_in_common_by_way_of_a_third_node_are_no_collision() -> None:
    packets = [
        advert(0.0, A, vips=("198.18.0.100",)),
        advert(0.1, B, vips=("198.18.0.101",)),
        advert(0.2, C, vips=("198.18.0.100", "198.18.0.101")),
    ]
    assert [one.kind for one in found(packets, 0.3)] == [Kind.VIPS]


def test_differing_authentication_and_passwords() -> None:
    def speaks(source: str, kind: AuthType | None, password: bytes) -> Heard:
        return advert(0.0, source, version=2, authentication=kind, password=password)

    said = [
        ([speaks(A, AuthType.PASS, b"a"), speaks(B, AuthType.PASS, b"a")], []),
        (
            [speaks(A, AuthType.PASS, b"a"), speaks(B, AuthType.AH, b""), speaks(C, None, b"")],
            [
                (
                    "the kinds of authentication of virtual router 51 (IPv4) differ: "
                    "198.18.0.1 (PASS), 198.18.0.2 (AH), 198.18.0.3 (none)"
                )
            ],
        ),
        (
            [speaks(A, AuthType.PASS, b"secret"), speaks(B, AuthType.PASS, b"other")],
            ["the passwords of virtual router 51 (IPv4) differ: 198.18.0.1, 198.18.0.2"],
        ),
    ]
    for packets, messages in said:
        assert sentences(packets, 0.5) == [(Kind.AUTHENTICATION, message) for message in messages]


def test_what_a_node_had_a_minute_ago_is_not_held_against_it() -> None:
    packets = [advert(0.0, A, 0, vips=(VIP, "198.18.0.101")), *master(B, 0.6, 70.6)]
    assert [one.kind for one in found(packets[:60], 59.8)] == [Kind.VIPS]
    assert found(packets, 70.7) == []


def test_a_vip_of_two_virtual_routers() -> None:
    both = [*master(A, 0.0, 3.0), *(advert(at, B, vrid=52) for at in every(1, 0.5, 3.0))]
    [one] = found(both, 3.1)
    assert (one.kind, one.vrid) == (Kind.TWO_VRIDS, None)
    assert one.message == "198.18.0.100 is a VIP of 2 virtual routers: 51 (198.18.0.1), 52 (198.18.0.2)"
    assert one.addresses == (ip_address(A), ip_address(B))
    assert (
        found(
            [*master(A, 0.0, 1.0), advert(1.1, A, 0), *(advert(at, B, vrid=52) for at in every(1, 2, 9))], 2.1
        )
        == []
    )


@pytest.mark.parametrize(
    ("packet", "how"),
    [
        (advert(0.0, faults=(Discard.CHECKSUM,)), "have a wrong checksum"),
        (advert(0.0, faults=(Discard.TTL,), ttl=254), "arrive with TTL 254 instead of 255"),
        (
            advert(0.0, "fe80::1", vips=("fe80::100",), faults=(Discard.TTL,), ttl=1, to="ff02::12"),
            "arrive with hop limit 1 instead of 255",
        ),
        (
            advert(0.0, faults=(Discard.DESTINATION,), to="224.0.0.19"),
            "go to 224.0.0.19, which is no group of VRRP",
        ),
        (advert(0.0, faults=(Discard.AUTH_TYPE,)), "name an authentication that they do not have"),
        (
            advert(0.0, faults=(Discard.SPI,)),
            "have another security parameter index than the sender's address",
        ),
        (advert(0.0, faults=(Discard.INTERVAL_ZERO,), interval=0.0), "have an interval of 0"),
    ],
)
def test_faulty_packets(packet: Heard, how: str) -> None:
    [one] = found([packet], 0.5)
    family = packet.source.version
    assert (one.kind, one.vrid, one.family, one.addresses) == (Kind.FAULT, 51, family, (packet.source,))
    who = f"1 of 1 advertisements of {packet.source} for virtual router 51 (IPv{family})"
    assert one.message == f"{who} {how}"


def test_faults_and_rubbish_are_told_of_for_a_minute() -> None:
    source = ip_address(B)
    packets = [
        advert(0.0, faults=(Discard.CHECKSUM,)),
        Rubbish(1.0, "02:00:00:00:00:02", source, Discard.LENGTH),
        Rubbish(1.0, "02:00:00:00:00:03", None, Discard.IP_HEADER),
        *master(A, 1.0, 61.5),
    ]
    [fault, one, other] = found(packets[:-2], 60.0)
    assert fault.message.startswith("1 of 60 advertisements of 198.18.0.1 for")
    assert one == Finding(
        Kind.RUBBISH,
        "198.18.0.2 (02:00:00:00:00:02) sent 1 x what is no advertisement: length",
        "find the sender; CARP (pf, ucarp) has the same protocol number",
        addresses=(source,),
    )
    assert (other.message, other.addresses) == (
        "02:00:00:00:00:03 sent 1 x what is no advertisement: ip-header",
        (),
    )
    assert found(packets, 61.5) == []
