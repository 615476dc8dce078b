"""Reports as programs get them, and when one is news."""

from __future__ import annotations

import json
from ipaddress import ip_address

from tests.observe.hearing import A, B, advert
from vipalived.observe.reading import Heard, Rubbish
from vipalived.observe.report import Report, report
from vipalived.observe.speakers import Speakers
from vipalived.vrrp.packet import AuthType, Discard


def after(now: float, *packets: Heard | Rubbish, complete: bool = True) -> Report:
    speakers = Speakers()
    for packet in packets:
        speakers.hear(packet)
    return report(speakers, "eth0", now, 1_700_000_000.5, 3.0004, complete=complete)


def test_json_in_full() -> None:
    now = after(
        2.5,
        advert(
            1.0, version=2, authentication=AuthType.PASS, password=b"s3cret", faults=(Discard.TTL,), ttl=7
        ),
        advert(2.125, version=2, authentication=AuthType.PASS, password=b"s3cret"),
        Rubbish(2.25, "02:00:00:00:00:02", ip_address(B), Discard.LENGTH),
        Rubbish(2.25, "02:00:00:00:00:03", None, Discard.IP_HEADER),
    )
    text = json.dumps(now.to_json())
    assert "s3cret" not in text
    assert json.loads(text) == {
        "interface": "eth0",
        "time": 1_700_000_000.5,
        "listened": 3.0,
        "speakers": [
            {
                "vrid": 51,
                "family": 4,
                "version": 2,
                "address": "198.18.0.1",
                "mac": "02:00:00:00:00:01",
                "this_host": False,
                "state": "MASTER",
                "priority": 100,
                "interval": 1.0,
                "measured_interval": 1.125,
                "vips": ["198.18.0.100"],
                "authentication": "PASS",
                "destination": "224.0.0.18",
                "ttl": 255,
                "adverts": 2,
                "age": 0.375,
                "jitter": 0.125,
                "faults": {"ttl": 1},
            }
        ],
        "rubbish": [
            {
                "address": "198.18.0.2",
                "mac": "02:00:00:00:00:02",
                "reason": "length",
                "count": 1,
                "age": 0.25,
            },
            {"address": None, "mac": "02:00:00:00:00:03", "reason": "ip-header", "count": 1, "age": 0.25},
        ],
        "warnings": [
            {
                "kind": "faulty-packets",
                "vrid": 51,
                "family": 4,
                "addresses": ["198.18.0.1"],
                "message": "1 of 2 advertisements of 198.18.0.1 for virtual router 51 (IPv4) arrive with "
                "TTL 255 instead of 255",
                "hint": "other routers refuse these packets, and take over from their sender",
            },
            {
                "kind": "rubbish",
                "vrid": None,
                "family": None,
                "addresses": ["198.18.0.2"],
                "message": "198.18.0.2 (02:00:00:00:00:02) sent 1 x what is no advertisement: length",
                "hint": "find the sender; CARP (pf, ucarp) has the same protocol number",
            },
            {
                "kind": "rubbish",
                "vrid": None,
                "family": None,
                "addresses": [],
                "message": "02:00:00:00:00:03 sent 1 x what is no advertisement: ip-header",
                "hint": "find the sender; CARP (pf, ucarp) has the same protocol number",
            },
        ],
    }


def test_without_authentication_or_a_second_advertisement() -> None:
    [row] = after(1.5, advert(1.0)).to_json()["speakers"]
    assert (row["authentication"], row["jitter"], row["faults"]) == ("none", None, {})


def test_nobody_is_a_warning_only_when_everybody_has_had_the_time_to_speak() -> None:
    assert [found.kind for found in after(3.0).findings] == ["nobody"]
    assert after(1.0, complete=False).findings == ()
    rubbish = Rubbish(0.5, "02:00:00:00:00:02", None, Discard.LENGTH)
    assert [found.kind for found in after(1.0, rubbish, complete=False).findings] == ["rubbish"]


def test_time_and_more_of_the_same_are_no_news() -> None:
    before = after(1.5, advert(1.0)).gist
    assert after(2.5, advert(1.0), advert(2.0)).gist == before


def test_everything_else_is() -> None:
    first = advert(1.0)
    gists = [
        after(1.5).gist,
        after(1.5, first).gist,
        after(9.5, first).gist,
        after(2.5, first, advert(2.0, priority=0)).gist,
        after(2.5, first, advert(2.0, priority=99)).gist,
        after(2.5, first, advert(2.0, interval=2.0)).gist,
        after(2.5, first, advert(2.0, vips=("198.18.0.101",))).gist,
        after(2.5, first, advert(2.0, authentication=AuthType.PASS)).gist,
        after(2.5, first, advert(2.0, faults=(Discard.TTL,))).gist,
        after(2.5, first, advert(2.0, B)).gist,
        after(2.5, first, Rubbish(2.0, "02:00:00:00:00:02", None, Discard.TYPE)).gist,
    ]
    assert len(set(map(repr, gists))) == len(gists)
    assert after(1.5, first).gist == after(1.5, advert(1.0, A)).gist
