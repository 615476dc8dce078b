"""What holds before anything runs inside."""

from __future__ import annotations

import pytest

from vipalived.errors import MissingRequirement
from vipalived.lab import sandbox


def test_the_tests_are_not_inside() -> None:
    assert not sandbox.inside()


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(MissingRequirement, match="`no-such-program` is not installed") as caught:
        sandbox.require_programs(["sh", "no-such-program"], "util-linux")
    assert caught.value.hint == "install the package `util-linux`, e.g. `apt-get install util-linux`"
