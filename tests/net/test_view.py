"""What the changes add up to."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from vipalived.net.view import AddressChange, LinkChange, View


def test_it_knows_the_source_address() -> None:
    view = View({}, {})
    vips = frozenset({ip_address("198.18.0.100"), ip_address("fe80::200:5eff:fe00:233")})
    for text, usable, primary in (
        ("198.18.0.100/24", True, True),
        ("198.18.0.5/24", True, False),
        ("198.18.0.1/24", True, True),
        ("2001:db8::1/64", True, True),
        ("fe80::200:5eff:fe00:233/64", True, True),
        ("fe80::2/64", False, True),
        ("fe80::1/64", True, True),
    ):
        view.apply(AddressChange(True, 7, ip_interface(text), usable, primary))
    assert view.source(7, 4, vips) == ip_address("198.18.0.1")
    assert view.source(7, 6, vips) == ip_address("fe80::1")
    assert view.source(8, 4, vips) is None
    view.apply(AddressChange(False, 7, ip_interface("198.18.0.1/24")))
    assert view.source(7, 4, vips) is None
    assert ip_interface("198.18.0.100/24") in view.on(7)


def test_it_forgets_a_link_that_is_gone() -> None:
    view = View({}, {})
    view.apply(LinkChange(True, 7, "eth0", True))
    assert view.link("eth0") is not None
    view.apply(LinkChange(False, 7, "eth0", False))
    assert view.link("eth0") is None
