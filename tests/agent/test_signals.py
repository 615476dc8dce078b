"""Signals that come before the loop are obeyed once there is one. In processes of their own, as signals are."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, os, signal
from vipalived.agent import signals
signals.note()
for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
    os.kill(os.getpid(), number)
print("ending", signals.ending(), flush=True)

async def main():
    ended = asyncio.Event()
    def terminate():
        print("terminate", flush=True)
        ended.set()
    signals.obey(terminate, lambda: print("reload", flush=True))
    await ended.wait()
    ended.clear()
    os.kill(os.getpid(), signal.SIGINT)
    await ended.wait()
    print("ending", signals.ending())

asyncio.run(main())
"""


def test_what_came_early_is_obeyed_in_its_order_and_what_comes_later_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:-1] == [
        "ending True",
        "reload",
        "reload",
        "terminate",
        "terminate",
        "ending False",
    ]


FIRST = """
import sys
sys.argv = ["vipalived", "agent", "--help"]
from vipalived.agent import signals
signals.note = lambda: print(sorted({"asyncio", "click", "pydantic", "h11"} & set(sys.modules)), flush=True)
from vipalived.__main__ import start
start()
"""


def test_signals_are_noted_before_anything_is_loaded_that_takes_its_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[]\nUsage: vipalived agent")


def test_the_election_waits_for_no_library_that_only_questions_scrapes_and_changed_files_need() -> None:
    heavy = "{'asyncinotify', 'h11', 'prometheus_client', 'pydantic', 'yaml'}"
    script = f"import sys, vipalived.agent.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[]\n")
