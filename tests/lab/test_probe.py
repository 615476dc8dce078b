"""The record that the client writes and the lab reads while it grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vipalived.lab.kubectl import read
from vipalived.lab.measure import Datagram, Request
from vipalived.lab.probe import FIELDS, Record

MS = 1_000_000


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "datagrams", ("a", "b"), create=True)
    yield made
    made.close()


def write(record: Record, *answers: str | None) -> None:
    for number, node in enumerate(answers):
        record.cells[number * FIELDS] = (number + 1) * MS
        if node is not None:
            record.cells[number * FIELDS + 2] = record.nodes.index(node)
            record.cells[number * FIELDS + 1] = (number + 2) * MS


def test_an_empty_record_answers_nothing(record: Record) -> None:
    assert len(record) == 0
    assert record.between(0, 100 * MS) == []
    assert not record.answered_since(0, 100 * MS)


def test_datagrams_of_a_window_its_end_excluded(record: Record) -> None:
    write(record, "a", "a", None, "b", "b")
    assert len(record) == 5
    assert record.between(2 * MS, 5 * MS) == [
        Datagram(2 * MS, "a"),
        Datagram(3 * MS, None),
        Datagram(4 * MS, "b"),
    ]


def test_answered_since_wants_every_answer(record: Record) -> None:
    write(record, "a", None, "b", "b", None)
    assert record.answered_since(3 * MS, 5 * MS)
    assert not record.answered_since(2 * MS, 5 * MS)
    assert not record.answered_since(3 * MS, 6 * MS)
    assert not record.answered_since(6 * MS, 9 * MS)  # nothing was sent: no proof of anything


def test_a_second_reader_sees_what_is_written_later(record: Record, tmp_path: Path) -> None:
    reader = Record(tmp_path / "datagrams", ("a", "b"))
    write(record, "b")
    assert reader.between(0, 9 * MS) == [Datagram(MS, "b")]
    reader.close()


def test_requests_are_read_from_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "requests"
    file.write_text("100 140 1 new\n300 330 1 new\n310 320 0 kept\n200 250 0 new\n900 999 1 kept\n")
    new, kept = read(file, 200, 900)
    assert new == [Request(300, True, 330), Request(200, False, 250)]
    assert kept == [Request(310, False, 320)]
