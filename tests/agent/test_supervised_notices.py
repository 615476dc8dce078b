"""Lines out of a FIFO, as keepalived writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vipalived.agent.supervised.notices import Notice, Notices

GROUP, INSTANCE = 'GROUP "VI_CONTROL_PLANE_GROUP"', 'INSTANCE "VI_CONTROL_PLANE"'


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


@pytest.fixture
def notices(fifo: Path) -> Iterator[Notices]:
    opened = Notices(fifo)
    yield opened
    opened.close()


def write(fifo: Path, text: str) -> None:
    """Opens and closes it, as keepalived does at each reload."""
    with fifo.open("w") as file:
        file.write(text)


def test_several_lines_come_at_once_and_the_fifo_is_never_at_its_end(fifo: Path, notices: Notices) -> None:
    assert list(notices.read()) == []
    write(fifo, f"{GROUP} BACKUP 0\n{INSTANCE} BACKUP 100\n")
    assert list(notices.read()) == [Notice(GROUP, "BACKUP"), Notice(INSTANCE, "BACKUP")]
    write(fifo, f"{INSTANCE} MASTER_RX_LOWER_PRI 100\n")
    assert list(notices.read()) == [Notice(INSTANCE, "MASTER_RX_LOWER_PRI")]


def test_half_a_line_waits_for_its_other_half(fifo: Path, notices: Notices) -> None:
    write(fifo, f"{INSTANCE} MAS")
    assert list(notices.read()) == []
    write(fifo, "TER 100\nINSTANCE")
    assert list(notices.read()) == [Notice(INSTANCE, "MASTER")]


def test_what_is_no_notice_is_passed_over(fifo: Path, notices: Notices) -> None:
    write(
        fifo,
        f"\n\udcff\n{INSTANCE} MASTER\n{INSTANCE} FAULT 2\n".encode(errors="surrogateescape").decode(
            "latin1"
        ),
    )
    assert list(notices.read()) == [Notice(INSTANCE, "FAULT")]
