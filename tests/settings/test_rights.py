"""What a quantity of Kubernetes stands for, kept against its documentation by hand."""

from __future__ import annotations

import math

import pytest

from vipalived.settings.rights import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", 0.1),
        ("0.1", 0.1),
        (0.1, 0.1),
        (2, 2),
        ("5.u", 5e-6),
        (".3n", 3e-10),
        ("1k", 1000),
        ("1Ki", 1024),
        ("64Mi", 67108864),
        ("1.5G", 1.5e9),
        ("2Ei", 2 * 1024**6),
        ("1E", 1e18),
        ("1E3", 1000),
        ("12e-1", 1.2),
        ("+1P", 1e15),
        ("-1Ti", -(1024**4)),
        ("1e9999999", math.inf),
        ("-1e99999999999999999999", -math.inf),
        ("1e-9999999", 0),
    ],
)
def test_a_quantity_is_a_number(text: str | float, number: float) -> None:
    assert quantity(text) == number
