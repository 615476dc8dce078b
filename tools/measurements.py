"""Put the figures of a benchmark into the documents: `python tools/measurements.py out/bench.json`.

README.md gets a short table, docs/measurements.md the long one, docs/measurements.json every trial
without what only the pictures need.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from marked import replace_section

ROOT = Path(__file__).parent.parent
ENGINES = {"keepalived-0.2.3": "0.2.3's configuration", "keepalived": "vipalived"}
FAULTS = {
    "control": "nothing happens",
    "stop": "planned stop of the daemon (SIGTERM)",
    "crash": "the holder's link is cut",
    "kill": "the daemon is killed, the node lives",
    "freeze": "the daemon stands still for 6 s",
    "partition": "the holder is cut off, then back",
    "rolling": "every daemon restarted in turn",
    "return": "a stopped node comes back",
}
PICTURES = ("answered_by", "marks", "stalls", "window_ms")

Row = dict[str, Any]


def _seconds(milliseconds: float) -> str:
    return "0" if milliseconds == 0 else f"{milliseconds / 1000:.3f}"


def _rows(report: Row) -> dict[tuple[str, str], Row]:
    return {(row["scenario"], row["engine"]): row for row in report["summary"]}


def _figures(row: Row) -> str:
    return " / ".join(_seconds(row[name]) for name in ("median_ms", "p99_ms", "max_ms"))


def short_table(report: Row) -> str:
    """Scenario by scenario, both engines side by side."""
    rows = _rows(report)
    lines = [
        "| what happens | bound | " + " | ".join(ENGINES.values()) + " |",
        "|---|---|" + "---|" * len(ENGINES),
    ]
    for scenario, says in FAULTS.items():
        bound = _seconds(rows[scenario, "keepalived"]["bound_ms"])
        figures = " | ".join(_figures(rows[scenario, engine]) for engine in ENGINES)
        lines.append(f"| `{scenario}`: {says} | {bound} | {figures} |")
    return "\n".join(lines) + "\n"


def long_table(report: Row) -> str:
    """Every figure that a trial has, summarised."""
    head = ["scenario", "engine", "trials", "over the bound", "void", "median", "p99", "max", "bound"]
    head += ["two holders, median / max", "no holder, median / max", "failed HTTPS, median / max"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "--:|" * (len(head) - 2)]
    for (scenario, engine), row in _rows(report).items():
        trials = [t for t in report["trials"] if (t["scenario"], t["engine"]) == (scenario, engine)]
        cells = [scenario, engine, str(row["trials"]), str(row["missed"]), str(row["void"])]
        cells += [_seconds(row[name]) for name in ("median_ms", "p99_ms", "max_ms", "bound_ms")]
        for name in ("two_holders_ms", "no_holder_ms"):
            values = [t[name] for t in trials if t[name] is not None]
            cells.append(f"{_seconds(statistics.median(values))} / {_seconds(max(values))}")
        failed = [t["http_failed"] for t in trials if t["http_failed"] is not None]
        cells.append(f"{statistics.median(failed):g} / {max(failed)}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def conditions(report: Row) -> str:
    """What the figures were measured with."""
    lab = report["lab"]
    versions = ", ".join(sorted({f"keepalived {version}" for version in lab["engines"].values()}))
    return f"{len(report['trials'])} trials on {len(lab['nodes'])} nodes, {versions}, Linux {lab['kernel']}, 2 cores.\n"


def compact(report: Row) -> str:
    """The report less the pictures, one trial a line."""
    trials = [
        {key: value for key, value in trial.items() if key not in PICTURES} for trial in report["trials"]
    ]
    parts = {"lab": report["lab"], "summary": report["summary"]}
    head = json.dumps(parts, indent=1)[:-2]
    return head + ',\n "trials": [\n  ' + ",\n  ".join(map(json.dumps, trials)) + "\n ]\n}\n"


def main() -> None:
    """Write the documents."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} out/bench.json")
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    documents = ROOT / "docs"
    replace_section(ROOT / "README.md", "measurements", short_table(report) + "\n" + conditions(report))
    replace_section(
        documents / "measurements.md", "measurements", conditions(report) + "\n" + long_table(report)
    )
    (documents / "measurements.json").write_text(compact(report), encoding="utf-8")


if __name__ == "__main__":
    main()
