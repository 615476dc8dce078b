"""Put the figures of `make bench` into the documents: `python tools/measurements.py`.

README.md gets the short tables, docs/measurements.md the long ones, docs/measurements.json every trial
without what only the pictures need. What is not in out/bench stays as it was measured before.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import OUT, RUNS
from marked import replace_section

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "measurements.json"
KEPT = (
    *("engine", "scenario", "trial", "from", "to", "blackout_ms", "lost", "sent", "bound_ms"),
    *(
        "two_holders_ms",
        "one_holder_ms",
        "no_holder_ms",
        "moves",
        "http_recovery_ms",
        "http_blackout_ms",
        "http_kept_blackout_ms",
        "http_kept_failed",
        "http_failed",
        "http_cut",
        "http_sent",
        "void",
        "error",
    ),
)
FAULTS = {
    "stop": "`stop`: planned stop of the daemon",
    "rolling": "`rolling`: every daemon restarted in turn",
    "return": "`return`: a stopped node comes back",
    "reload": "`reload`: changed values",
    "crash": "`crash`: the holder's link is cut",
    "crash-0.1s": "`crash`, advert 0.1 s",
    "crash-0.03s": "`crash`, advert 0.03 s",
    "kill": "`kill`: the daemon is killed, the node lives",
    "freeze": "`freeze`: the daemon stands still for 6 s",
    "partition": "`partition`: the holder is cut off, then back",
    "flap": "`flap`: a loose contact, ten times",
    "pause-all": "`pause-all`: all daemons stand still for 0.1 s",
    "deaf-start": "`deaf-start`: a starting node's port passes nothing for 5 s",
    "deaf-start-delay": "`deaf-start`, `startDelay: 6`",
    "load": "`load`: a busy machine, a CPU quota, a minute",
    "load-0.03s": "`load`, advert 0.03 s",
    "control": "`control`: nothing happens",
}
"""What the reader is told; a key is a run's name, or a scenario of the run `flap`."""
AGENT_FAULTS = {
    ("api-crash", "api-crash"): "`api-crash`: the API server of the holder is killed",
    ("api-stop", "api-stop"): "`api-stop`: it is stopped as planned, and serves 2 s longer",
    ("api-hang", "api-hang"): "`api-hang`: it stands still",
    ("api-hang-fast", "api-hang"): "`api-hang`, interval and timeout 0.2 s, fall 2",
    ("api-all-down", "api-all-down"): "`api-all-down`: all are down; the holder's comes back first",
    ("api-elsewhere", "api-elsewhere"): "`api-elsewhere`: the same, another node's comes back first",
    ("api-all-slow", "api-all-slow"): "`api-all-slow`: all are unready or late for 30 s",
    ("api-slow", "api-slow"): "`api-slow`: answers take 0.9 s, a busy machine, a CPU quota, a minute",
    ("services-stop", "services-stop"): "`services-stop`: the API server of the holder is gone for good",
    ("day-1", "day-1"): "`day-1`: no API server anywhere, then one on a Backup",
    ("release", "release"): "`release`: `vipalived release` on the holder",
    ("release", "reload"): "`reload`: changed values",
}
"""The same of what only the agent answers, by run and scenario."""

Row = dict[str, Any]


def seconds(milliseconds: float | None) -> str:
    """For a table: an exact zero says that nothing at all was lost."""
    return "-" if milliseconds is None else "0" if milliseconds == 0 else f"{milliseconds / 1000:.3f}"


def figures(row: Row) -> str:
    """Median, p99 and maximum; nothing can be measured where no trial comes to have a holder."""
    if not row["trials"] and row["missed"]:
        return f"no holder, {row['missed']} times"
    never = "never" if row.get("never") else None
    values = [row[name] for name in ("median_ms", "p99_ms", "max_ms")]
    return " / ".join(never if value is None and never else seconds(value) for value in values)


def spread(trials: list[Row], name: str, shown: Any = seconds) -> str:
    """Median and maximum of a figure over the trials that have it and count."""
    values = [t[name] for t in trials if t.get(name) is not None and not t["void"]]
    return f"{shown(statistics.median(values))} / {shown(max(values))}" if values else "-"


def measured(runs: dict[str, Row]) -> Iterator[tuple[str, str, dict[str, Row], list[Row]]]:
    """Run, scenario, summary rows by engine, and trials; in the order of FAULTS, then whatever else there is."""
    for name, report in runs.items():
        for scenario in dict.fromkeys(row["scenario"] for row in report["summary"]):
            rows = {row["engine"]: row for row in report["summary"] if row["scenario"] == scenario}
            yield name, scenario, rows, [t for t in report["trials"] if t["scenario"] == scenario]


def short_table(runs: dict[str, Row]) -> str:
    """Fault by fault, native beside keepalived, trial by trial in one run."""
    lines = [
        "| what happens | keepalived | native | bound | native lost nothing in |",
        "|---|---|---|---|---|",
    ]
    found = {}
    for name, scenario, rows, _ in measured(runs):
        if name not in {"baseline", "mixed"}:
            found[scenario if scenario in FAULTS and name == "flap" else name] = rows
    for key, says in FAULTS.items():
        if cells := found.get(key):
            native, keepalived = cells["native"], cells.get("keepalived")
            lossless = f"{native['lossless']} of {native['trials']}"
            other = figures(keepalived) if keepalived else "-"
            lines.append(
                f"| {says} | {other} | {figures(native)} | {seconds(native['bound_ms'])} | {lossless} |"
            )
    return "\n".join(lines) + "\n"


def agent_table(runs: dict[str, Row]) -> str:
    """What only the agent answers, beside keepalived with the check of its own where that has one."""
    lines = [
        "| what happens | keepalived | native | bound | arrivals |",
        "|---|---|---|---|---|",
    ]
    found = {(name, scenario): (rows, trials) for name, scenario, rows, trials in measured(runs)}
    for key, says in AGENT_FAULTS.items():
        if key in found:
            rows, trials = found[key]
            plain = rows.get("keepalived-check") or rows.get("keepalived")
            native, other = rows["native"], figures(plain) if plain else "-"
            cells = (says, other, figures(native), seconds(native["bound_ms"]), arrivals(trials))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def arrivals(trials: list[Row]) -> str:
    """How often the VIP came to a node at the most, with the native engine."""
    moves = max((t["moves"] for t in trials if t["engine"] == "native" and not t["void"]), default=0)
    return str((moves + 1) // 2)


def baseline_table(report: Row) -> str:
    """The same keepalived with 0.2.3's configuration and with ours."""
    lines = ["| what happens | bound | 0.2.3's configuration | vipalived's |", "|---|---|---|---|"]
    for _, scenario, rows, _ in measured({"baseline": report}):
        old, new = rows["keepalived-0.2.3"], rows["keepalived"]
        says = FAULTS[scenario]
        lines.append(f"| {says} | {seconds(new['bound_ms'])} | {figures(old)} | {figures(new)} |")
    return "\n".join(lines) + "\n"


def long_table(runs: dict[str, Row]) -> str:
    """Every figure that a trial has, summarised."""
    head = ["run", "scenario", "engine", "trials", "over the bound", "void", "median", "p99", "max", "bound"]
    head += ["two holders, median / max", "no holder, median / max", "one holder again, median / max"]
    head += ["failed HTTPS, median / max", "HTTPS on a kept connection, median / max"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|" + "--:|" * (len(head) - 3)]
    for name, scenario, rows, trials in measured(runs):
        for engine, row in rows.items():
            mine = [t for t in trials if t["engine"] == engine]
            cells = [name, scenario, engine, str(row["trials"]), str(row["missed"]), str(row["void"])]
            cells += [seconds(row[key]) for key in ("median_ms", "p99_ms", "max_ms", "bound_ms")]
            cells += [spread(mine, f"{key}_ms") for key in ("two_holders", "no_holder", "one_holder")]
            cells.append(spread(mine, "http_failed", lambda count: f"{count:g}"))
            cells.append(spread(mine, "http_kept_blackout_ms"))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def footprint_table(report: Row) -> str:
    """Memory and CPU at rest."""
    lines = [
        "| what | role | agents | % of a core, all of them | MiB, the largest |",
        "|---|---|--:|--:|--:|",
    ]
    for row in report["rows"]:
        cells = (row["case"], row["role"], row["agents"], row["cpu_percent"], row["memory_mib"])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + f"\n\nOver {report['seconds']:g} s, with two nodes and nothing else to do.\n"


def startup_table(report: Row) -> str:
    """From exec until the agent takes part."""
    lines = [
        "| CPU limit | start | seconds: median | max | seconds of CPU: median |",
        "|---|---|--:|--:|--:|",
    ]
    for row in report["starts"]:
        figures = (f"{row[key]:.2f}" for key in ("median", "max", "cpu"))
        lines.append("| " + " | ".join((row["limit"], row["start"], *figures)) + " |")
    return "\n".join(lines) + f"\n\n{report['trials']} trials of each.\n"


def rest_table(report: Row) -> str:
    """A pod's Master at rest."""
    rows = [
        f"| {row['asked']} | {row['cpu_percent']:.2f} | {row['memory_mib']:.1f} |" for row in report["rests"]
    ]
    head = ["| the API server is asked | % of a core | MiB |", "|---|--:|--:|"]
    return "\n".join([*head, *rows]) + f"\n\nOver {report['seconds']:g} s each.\n"


def pods_table(report: Row) -> str:
    """The pods' hour."""
    lines = [
        "| pod | minutes | MiB anonymous: first, last, most | MiB at the most | limit reached | ended for memory |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in dict.fromkeys(row["node"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["node"] == name]
        used = [row["anonymous_mib"] for row in rows]
        last = rows[-1]
        cells = [
            name,
            len(rows),
            f"{used[0]:.1f}, {used[-1]:.1f}, {max(used):.1f}",
            f"{last['peak_mib']:.1f}",
        ]
        cells += [f"{last['refusals']} times", f"{last['kills']} processes"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def conditions(runs: dict[str, Row]) -> str:
    """What the figures were measured with."""
    labs = [report["lab"] for report in runs.values()]
    versions = sorted(
        {f"{name} {said}" for lab in labs for name, said in lab["engines"].items() if ">" not in name}
    )
    trials = sum(len(report["trials"]) for report in runs.values())
    *others, last = sorted({lab["kernel"] for lab in labs})
    kernels = f"{', '.join(others)} and {last}" if others else last
    return f"{trials} trials, {', '.join(versions)}, Linux {kernels}, 2 cores.\n"


def compact(runs: dict[str, Row]) -> str:
    """The reports less the pictures, one trial a line."""
    parts = []
    for name, report in runs.items():
        trials = [json.dumps({key: trial[key] for key in KEPT if key in trial}) for trial in report["trials"]]
        head = json.dumps({"lab": report["lab"], "summary": report["summary"]})[:-1]
        parts.append(f'"{name}": {head},\n "trials": [\n  ' + ",\n  ".join(trials) + "\n ]}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def fresh(name: str) -> Row | None:
    """What the last `make bench` has measured."""
    file = OUT / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def main() -> None:
    """Write the documents."""
    measured_before = json.loads(DATA.read_text(encoding="utf-8"))
    known = {name: fresh(name) or measured_before.get(name) for name in RUNS}
    runs = {name: report for name, report in known.items() if report is not None}
    if missing := sorted(set(RUNS) - set(runs)):
        print(f"not measured: {', '.join(missing)}", file=sys.stderr)
    for document in (ROOT / "README.md", ROOT / "docs" / "measurements.md"):
        replace_section(document, "measurements", short_table(runs) + "\n" + conditions(runs))
        replace_section(document, "agent", agent_table(runs))
        replace_section(document, "baseline", baseline_table(runs["baseline"]))
    document = ROOT / "docs" / "measurements.md"
    replace_section(document, "every figure", long_table(runs))
    for section, name, table in (
        ("footprint", "footprint", footprint_table),
        ("startup", "pod-cost", startup_table),
        ("rest", "pod-cost", rest_table),
        ("pods", "pod-soak", pods_table),
    ):
        if report := fresh(name):
            replace_section(document, section, table(report))
    DATA.write_text(compact(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
