"""Captures, read back by tshark."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vipalived.observe.pcap import HEADER, record
from vipalived.observe.reading import Frame

FRAME = bytes.fromhex(
    "01005e000012020000000001080045c0002000010000ff70178ac6120001e0000012313364010032fd7fc6120064"
)


def test_the_bytes() -> None:
    assert HEADER[:8] in {bytes.fromhex("4d3cb2a102000400"), bytes.fromhex("a1b23c4d00020004")}
    written = record(Frame(b"abc", 0.0, 5_000_000_007, ours=False))
    assert written[-3:] == b"abc"
    assert len(written) == 16 + 3


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_frames_and_their_nanoseconds(tmp_path: Path) -> None:
    file = tmp_path / "vrrp.pcap"
    stamps = (1_700_000_000_123_456_789, 1_700_000_001_000_000_001)
    file.write_bytes(HEADER + b"".join(record(Frame(FRAME, 0.0, stamp, ours=False)) for stamp in stamps))
    fields = "frame.time_epoch frame.len eth.src vrrp.virt_rtr_id vrrp.checksum.status"
    wanted = [word for name in fields.split() for word in ("-e", name)]
    command = ["tshark", "-r", str(file), "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "1700000000.123456789\t46\t02:00:00:00:00:01\t51\t1",
        "1700000001.000000001\t46\t02:00:00:00:00:01\t51\t1",
    ]
