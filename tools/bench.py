"""Measure every figure that the documents name: `make bench`, or `make bench BENCH="stop crash-0.1s"` for some runs.

`make bench BENCH="--trials 8 day-1"` makes so many trials of each, instead of what the documents want.
Each run is one call of `vipalived lab run`, which writes out/bench/NAME.json and NAME.html.
`tools/measurements.py` puts them into the documents.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "out" / "bench"
BOTH = ("native", "keepalived")
CHECKED = ("native", "keepalived-check")


@dataclass(frozen=True)
class Run:
    """One call of the lab: what happens, to which engines, how often, and with which values."""

    scenarios: tuple[str, ...]
    engines: tuple[str, ...] = BOTH
    repeat: int = 50
    values: tuple[str, ...] = ()
    """Below `keepalived.vrrpInstance`."""
    check: tuple[str, ...] = ()
    """Below `healthCheck`."""

    def options(self, trials: int | None) -> list[str]:
        """For `vipalived lab run`; None: as many trials as the documents want."""
        pairs = [("--scenario", name) for name in self.scenarios] + [("--engine", e) for e in self.engines]
        pairs += [("--set", f"keepalived.vrrpInstance.{value}") for value in self.values]
        pairs += [("--set", f"healthCheck.{value}") for value in self.check]
        return [*(word for pair in pairs for word in pair), "--repeat", str(trials or self.repeat)]


RUNS = {
    **{
        name: Run((name,))
        for name in ("stop", "reload", "rolling", "return", "crash", "partition", "kill", "freeze")
    },
    "crash-0.1s": Run(("crash",), values=("advertInt=0.1",)),
    "crash-0.03s": Run(("crash",), values=("advertInt=0.03",)),
    "flap": Run(("flap", "pause-all", "control"), repeat=20),
    "deaf-start": Run(("deaf-start",), repeat=10),
    "deaf-start-delay": Run(("deaf-start",), repeat=10, values=("startDelay=6",)),
    "load": Run(("load",), repeat=10),
    "load-0.03s": Run(("load",), engines=("native",), repeat=10, values=("advertInt=0.03",)),
    **{
        name: Run((name,), engines=CHECKED, repeat=30)
        for name in (
            "api-crash",
            "api-stop",
            "api-hang",
            "api-all-down",
            "api-elsewhere",
            "services-stop",
            "day-1",
        )
    },
    "api-all-slow": Run(("api-all-slow",), engines=CHECKED, repeat=30),
    "api-hang-fast": Run(
        ("api-hang",), engines=CHECKED, repeat=30, check=("interval=0.2", "timeout=0.2", "fall=2")
    ),
    "release": Run(("release", "reload"), engines=("native",), repeat=30),
    "api-slow": Run(("api-slow",), engines=CHECKED, repeat=10),
    "mixed": Run(("mixed",), engines=(), repeat=5),
    "baseline": Run(
        ("control", "stop", "crash", "kill", "freeze", "partition", "rolling", "return"),
        engines=("keepalived", "keepalived-0.2.3"),
        repeat=20,
    ),
}
"""By name: what the files are called."""
TOOLS = {
    "footprint": ("tools/footprint.py",),
    "pod-cost": ("-m", "tests.containers.cost"),
    "pod-soak": ("tools/pod_soak.py",),
}
"""What is measured by a program of its own."""
NAMES = (*RUNS, *TOOLS)


def main() -> None:
    """Carry out the runs that are named, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all unless given"
    )
    parser.add_argument("--trials", type=int, help="of each, with each engine")
    arguments = parser.parse_args()
    names = arguments.names or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such run: {', '.join(sorted(unknown))}; expected {', '.join(NAMES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, start=1):
        print(f"{name}, {number} of {len(names)}", flush=True)
        if name in TOOLS:
            subprocess.run([sys.executable, *TOOLS[name]], cwd=ROOT, check=False)
            continue
        outputs = ["--json", str(OUT / f"{name}.json"), "--html", str(OUT / f"{name}.html")]
        command = [
            str(Path(sys.executable).parent / "vipalived"),
            "lab",
            "run",
            *RUNS[name].options(arguments.trials),
            *outputs,
        ]
        # A broken bound is a result, and has been shown as one; an interrupt ends it all.
        if subprocess.run(command, check=False).returncode not in {0, 1}:
            sys.exit(1)
    print(
        f"The measurements are in {OUT.relative_to(ROOT)}; tools/measurements.py puts them into the documents"
    )


if __name__ == "__main__":
    main()
