"""The program `vipalived`, which is `python -m vipalived`, too."""

from __future__ import annotations

import gc
import sys


def start() -> None:
    """Runs the command line; an agent misses no signal meanwhile, and looks for no garbage until it runs."""
    if sys.argv[1:2] == ["agent"]:
        from vipalived.agent import signals

        signals.note()
        gc.disable()
    from vipalived.cli.main import main

    main()


if __name__ == "__main__":
    start()
