"""A release with an end is known to the next process, and no other one is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from vipalived.agent import absence


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"clock": 100.0, "wall": 1_700_000_000.0}
    monkeypatch.setattr("vipalived.net.clock.now", lambda: now["clock"])
    monkeypatch.setattr("time.time", lambda: now["wall"])
    return now


def test_a_release_with_an_end_is_remembered_until_then(tmp_path: Path, moments: dict[str, float]) -> None:
    absence.remember(tmp_path, 160.0)
    # Another process, another clock.
    moments["clock"], moments["wall"] = 7.0, 1_700_000_020.0
    assert absence.remembered(tmp_path) == pytest.approx(47.0)
    moments["wall"] += 40.0
    assert absence.remembered(tmp_path) is None
    assert [file.name for file in tmp_path.iterdir()] == ["released-until"]


@pytest.mark.parametrize("until", [None, math.inf])
def test_one_without_an_end_is_not(tmp_path: Path, moments: dict[str, float], until: float | None) -> None:
    absence.remember(tmp_path, until)
    absence.remember(tmp_path, 160.0)
    absence.remember(tmp_path, until)
    assert absence.remembered(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e300"])
def test_what_is_no_moment_is_no_release(tmp_path: Path, moments: dict[str, float], text: str) -> None:
    (tmp_path / "released-until").write_text(text)
    assert absence.remembered(tmp_path) is None


def test_where_nothing_can_be_written_it_lasts_as_long_as_the_process(
    tmp_path: Path, moments: dict[str, float]
) -> None:
    absence.remember(tmp_path / "missing", 160.0)
    assert absence.remembered(tmp_path / "missing") is None
