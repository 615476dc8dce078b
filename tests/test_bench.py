"""Each run of `make bench` is one that the lab takes."""

from __future__ import annotations

import runpy

import pytest

from tests.conftest import ROOT
from vipalived.cli.main import run
from vipalived.lab import launch
from vipalived.lab.programme import Order

RUNS = runpy.run_path(str(ROOT / "tools" / "bench.py"), run_name="bench")["RUNS"]


@pytest.mark.parametrize("name", RUNS)
def test_the_lab_takes_each_run_of_the_bench(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[Order] = []

    def remember(order: Order, *_: object) -> int:
        ordered.append(order)
        return 0

    monkeypatch.setattr(launch, "launch", remember)
    chosen = RUNS[name]
    with pytest.raises(SystemExit) as ended:
        run(["lab", "run", *chosen.options(None)])
    assert ended.value.code == 0
    [order] = ordered
    assert order.repeat == chosen.repeat
    assert {case.engine.name.partition(">")[0] for case in order.programme()} >= set(chosen.engines)
