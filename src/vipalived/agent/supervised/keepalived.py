"""keepalived as a program: its command line, what it says, and the questions that it answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from vipalived.agent.log import Log
from vipalived.agent.supervised.daemon import Daemon
from vipalived.agent.supervised.files import Files

PROGRAM: Final = "keepalived"
_SUPERUSERS_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
TEST_PATIENCE: Final = 10.0
_STATISTICS: Final = signal.SIGRTMIN + 2
_ANSWER: Final = 1.0
_CLOCK: Final = re.compile(r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: ")
_NUMBERS: Final = re.compile(r"[0-9a-f.:]*\d[0-9a-f.:]*")
_CHATTER: Final = re.compile(
    r"  |Sending|Script user|Printing VRRP as json|VRRP sockpool|Registering|Assigned address|Command line:|Running on"
    r"|Opening file|Configuration file|Starting|NOTICE: setting config option max_auto_priority|validate conf"
    r"|Reload|Startup complete|CPU usage|Stopp|\(\S+\) (Sending|setting VIPs|removing VIPs|received lower priority)"
    r"|\(\S+\) (Changing|Setting) effective"
)
"""What it does all the time."""


class Keepalived:
    """The program with the agent's files; `secrets` never appear in the log."""

    def __init__(self, files: Files, node: str, secrets: Iterable[str] = ()) -> None:
        self._files, self._node = files, node
        self.secrets = frozenset(filter(None, secrets))
        self._log = Log("keepalived")
        path = f"{os.environ.get('PATH', os.defpath)}:{_SUPERUSERS_PATH}"
        self._environment = os.environ | {"TMPDIR": str(files.directory), "PATH": path}
        self._has_statistics: bool | None = None

    def start(self) -> Daemon:
        """Raises OSError when there is no such program."""
        main, vrrp = map(str, self._files.pid_files)
        words = (PROGRAM, "-n", "-l", "-D", "-P", "-f", str(self._files.configuration), "-i", self._node)
        return Daemon((*words, "-p", main, "-r", vrrp), self._environment, self._hear)

    async def refusal(self, configuration: str) -> str | None:
        """Why it would not take this configuration here and now; None if it would."""
        self._files.write(self._files.candidate, configuration)
        words = ("--config-test", "-f", str(self._files.candidate), "-i", self._node)
        said: list[str] = []
        code = await self._ask(words, said)
        if code == 0:
            return None
        reasons = [
            self._discreet(line.replace(str(self._files.candidate), "keepalived.conf")) for line in said
        ]
        return f"keepalived refuses it with exit code {code}: {'; '.join(reasons) or 'without a word'}"

    async def _ask(self, words: tuple[str, ...], said: list[str]) -> int:
        try:
            asked = Daemon((PROGRAM, *words), self._environment, lambda line: said.append(line.strip()))
        except OSError as error:
            said.append(error.strerror or str(error))
            return 127
        slow = asyncio.get_running_loop().call_later(TEST_PATIENCE, asked.kill)
        try:
            return await asked.ended()
        finally:
            slow.cancel()

    async def statistics(self, daemon: Daemon) -> dict[str, int]:
        """What it has counted since its start, over all instances; empty when it does not say."""
        if self._has_statistics is None:
            # A keepalived built without this would die of the signal.
            self._has_statistics = await self._ask(("--signum=JSON",), []) == 0
        if not self._has_statistics:
            return {}
        self._files.statistics.unlink(missing_ok=True)
        daemon.signal(_STATISTICS)
        end = asyncio.get_running_loop().time() + _ANSWER
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
            with suppress(OSError, ValueError):
                return _totals(json.loads(self._files.statistics.read_text(encoding="utf-8")))
        return {}

    def _hear(self, line: str) -> None:
        text = self._discreet(_CLOCK.sub("", line))
        if _CHATTER.match(text):
            self._log.detail(text)
        elif text:
            self._log.recurring(_NUMBERS.sub("#", text), text)

    def _discreet(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def _totals(answer: Any) -> dict[str, int]:
    """The sums of all counters; what else stands there, the password too, is left where it is."""
    instances = answer if isinstance(answer, list) else answer["vrrp"]
    totals: dict[str, int] = {}
    for instance in instances:
        for name, value in instance["stats"].items():
            if isinstance(value, int):
                totals[name] = totals.get(name, 0) + value
    return totals
