"""What holds before anything runs inside."""

from __future__ import annotations

import json

import pytest

from vipalived.errors import MissingRequirement
from vipalived.lab import sandbox
from vipalived.lab.run import Order, describe


def test_the_tests_are_not_inside() -> None:
    assert not sandbox.inside()


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(MissingRequirement, match="`no-such-program` is not installed") as caught:
        sandbox.require_programs(["sh", "no-such-program"], "util-linux")
    assert caught.value.hint == "install the package `util-linux`, e.g. `apt-get install util-linux`"


def test_an_order_survives_its_journey() -> None:
    order = Order(
        {"keepalived": {"vrrpVersion": 2}}, ("keepalived",), ("stop", "crash"), repeat=2, nodes=5, json=7
    )
    assert Order.from_json(order.as_json()) == order
    assert json.loads(order.as_json())["nodes"] == 5


def test_a_report_keeps_the_password_to_itself() -> None:
    order = Order(
        {
            "keepalived": {"vrrpInstance": {"authentication": {"authPass": "hush", "authType": "AH"}}},
            "tolerations": [{}],
        },
        ("keepalived",),
        ("stop",),
    )
    assert describe(order, order.settings(), [])["values"] == {
        "keepalived": {"vrrpInstance": {"authentication": {"authPass": "***", "authType": "AH"}}},
        "tolerations": [{}],
    }


def test_engines_take_turns() -> None:
    order = Order({}, ("keepalived", "keepalived-0.2.3"), ("stop", "crash"), repeat=2)
    assert list(order.programme()) == [
        (1, "stop", "keepalived"),
        (1, "stop", "keepalived-0.2.3"),
        (1, "crash", "keepalived"),
        (1, "crash", "keepalived-0.2.3"),
        (2, "stop", "keepalived"),
        (2, "stop", "keepalived-0.2.3"),
        (2, "crash", "keepalived"),
        (2, "crash", "keepalived-0.2.3"),
    ]
