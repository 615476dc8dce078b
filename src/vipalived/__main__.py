"""The program `vipalived`, which is `python -m vipalived`, too."""

from __future__ import annotations

import sys


def start() -> None:
    """Runs the command line; an agent misses no signal meanwhile."""
    if sys.argv[1:2] == ["agent"]:
        from vipalived.agent import signals

        signals.note()
    from vipalived.cli.main import main

    main()


if __name__ == "__main__":
    start()
