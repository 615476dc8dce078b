"""What a report says of its run."""

from __future__ import annotations

from vipalived.lab.programme import Order
from vipalived.lab.results import Report, Trial
from vipalived.lab.run import describe, failures


def test_a_report_keeps_the_password_to_itself() -> None:
    secret = {"vrrpInstance": {"authentication": {"authPass": "hush", "authType": "AH"}}}
    order = Order({"keepalived": secret, "tolerations": [{}]}, ("keepalived",), ("stop",))
    assert describe(order, [])["values"] == {
        "keepalived": {"vrrpInstance": {"authentication": {"authPass": "***", "authType": "AH"}}},
        "tolerations": [{}],
    }


def test_a_baselines_miss_fails_no_run() -> None:
    order = Order({}, ("native", "keepalived-0.2.3"), ("stop",))
    late = [Trial(name, "stop", 1, 20.0, blackout_ms=5510.0) for name in order.engines]
    assert failures(Report({}, late), order) == late[:1]
