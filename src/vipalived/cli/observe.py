"""`vipalived observe`: who speaks VRRP on the segment, and what is wrong there."""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import click

from vipalived.cli.options import Assignment, load_settings, parse_duration, values_options
from vipalived.errors import ExitCode, InvalidSettings, Problem
from vipalived.net import clock

if TYPE_CHECKING:
    from rich.console import Console

    from vipalived.observe.capture import Capture
    from vipalived.observe.reading import Frame
    from vipalived.observe.report import Report

EPILOG = """
\b
Examples:
  vipalived observe
  vipalived observe -i eth1 --once -o json | jq .warnings
  vipalived observe --for 10m --pcap vrrp.pcap
  kubectl -n kube-system exec ds/vipalived -- vipalived observe --once -f /etc/vipalived/values.yaml
  ssh cp-1 vipalived observe --pcap - | wireshark -k -i -
\b
Exit codes:
  0  everything is well at the end
  1  something is wrong, and shown; nobody having been heard, too
  2  there is no such interface, or the values or options cannot be used
  4  the kernel refuses raw sockets (NET_RAW)
"""
_REFRESH: Final = 0.25
_STDOUT = Path("-")


@click.command(epilog=EPILOG)
@click.option(
    "-i",
    "--interface",
    metavar="IFACE",
    help="Where to listen.  [default: the interface of the values, if any are given, else the default route's]",
)
@values_options
@click.option(
    "--node",
    envvar="NODE_NAME",
    show_envvar=True,
    metavar="NAME",
    help="This node's name in the values.  [default: the host name]",
)
@click.option(
    "--once", is_flag=True, help="Listen for three intervals of the slowest speaker, show, and exit."
)
@click.option("--for", "seconds", callback=parse_duration, metavar="DURATION", help="Exit after so long.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form; `json` is one object, or, without --once, one on a line for each change.",
)
@click.option(
    "--pcap",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write what is heard for tshark and Wireshark, VRRPv2's passwords and all; with `-` to stdout, and the table "
    "to stderr.",
)
def observe(
    interface: str | None,
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    node: str | None,
    once: bool,
    seconds: float | None,
    output: str,
    pcap: Path | None,
) -> int:
    """Show who speaks VRRP on the segment, and what is wrong there.

    Two Masters, one VRID used in two ways, nodes with differing VIPs, intervals or authentication, and packets that
    other routers refuse. Runs until Ctrl-C, unless told otherwise.

    Only listens: it sends nothing and joins no group, but has the interface receive all multicast while it runs. It
    sees what arrives before a firewall of this host does, and what this host sends. Needs the capability NET_RAW.
    """
    from vipalived.observe.capture import Capture

    name = interface or _interface(values, assignments, node or platform.node())
    with Capture(name) as capture, _writer(pcap) as write:
        ear = _Ear(capture, write)
        out = _Out(output, err=pcap == _STDOUT)
        last = _once(ear, seconds, out) if once else _live(ear, seconds, out)
    return ExitCode.FAILED if last.findings else ExitCode.OK


def _interface(values: tuple[Path, ...], assignments: tuple[Assignment, ...], node: str) -> str:
    from vipalived.interfaces import AUTO, Undecided
    from vipalived.net.choice import automatic, default_interface

    if values or assignments:
        settings = load_settings(values, assignments)
        name: str = settings.node(node).interface
        try:
            return automatic(settings.vips).interface if name == AUTO else name
        except Undecided as error:
            raise click.UsageError(f"expected `-i IFACE`: {error}") from error
    found = default_interface()
    if found is None:
        raise click.UsageError("expected `-i IFACE`: this host has no default route that would tell one")
    return found


@contextmanager
def _writer(path: Path | None) -> Iterator[Callable[[Frame], None]]:
    """Writes each frame at once: whoever reads the capture need not wait, and no end of this command loses any."""
    if path is None:
        yield lambda _: None
        return
    from vipalived.observe.pcap import HEADER, record

    with _opened(path) as stream:

        def write(data: bytes) -> None:
            stream.write(data)
            stream.flush()

        write(HEADER)
        yield lambda frame: write(record(frame))


def _opened(path: Path) -> BinaryIO:
    try:
        return cast("BinaryIO", click.open_file(str(path), "wb"))
    except OSError as error:
        raise InvalidSettings((Problem("", f"`{path}` cannot be written: {error.strerror}"),)) from error


class _Ear:
    """The interface, and all that was heard there."""

    def __init__(self, capture: Capture, write: Callable[[Frame], None]) -> None:
        from vipalived.observe.speakers import Speakers

        self._capture, self._write, self._speakers = capture, write, Speakers()
        self._began = clock.now()

    @property
    def interface(self) -> str:
        return self._capture.interface

    @property
    def patience(self) -> float:
        """Seconds that it takes to hear everybody."""
        return self._speakers.patience

    @property
    def elapsed(self) -> float:
        return clock.now() - self._began

    def listen(self, seconds: float) -> None:
        """Until something comes, but no longer than that."""
        from vipalived.observe.reading import read

        for frame in self._capture.frames(seconds):
            self._write(frame)
            self._speakers.hear(read(frame))

    def report(self, *, complete: bool = True) -> Report:
        """What there is to say now; `complete` when nobody having been heard is worth saying."""
        from vipalived.observe.report import report

        enough = complete or self.elapsed >= self.patience
        return report(self._speakers, self.interface, clock.now(), time.time(), self.elapsed, complete=enough)


class _Out:
    """Where reports go, and in which form."""

    def __init__(self, output: str, *, err: bool) -> None:
        self._err = err
        self._json = output == "json"
        self.terminal = not self._json and (sys.stderr if err else sys.stdout).isatty()

    def console(self) -> Console:
        from rich.console import Console

        return Console(stderr=self._err)

    def write(self, report: Report, *, indent: int | None = None) -> None:
        from vipalived.cli.observe_screen import Screen, plain

        if self.terminal:
            self.console().print(Screen(report), highlight=False)
        else:
            text = json.dumps(report.to_json(), indent=indent) if self._json else plain(report)
            click.echo(text, err=self._err)


def _once(ear: _Ear, seconds: float | None, out: _Out) -> Report:
    if sys.stderr.isatty():
        click.echo(f"listening on {ear.interface} ...", err=True)
    while (left := (ear.patience if seconds is None else seconds) - ear.elapsed) > 0:
        ear.listen(left)
    last = ear.report()
    out.write(last, indent=2)
    return last


def _live(ear: _Ear, seconds: float | None, out: _Out) -> Report:
    end = math.inf if seconds is None else seconds
    (_draw if out.terminal else _print_changes)(ear, end, out)
    return ear.report()


def _draw(ear: _Ear, end: float, out: _Out) -> None:
    from rich.live import Live

    from vipalived.cli.observe_screen import Screen

    with Live(console=out.console(), auto_refresh=False) as live:
        while ear.elapsed < end:
            live.update(Screen(ear.report(complete=False)), refresh=True)
            moment = min(ear.elapsed + _REFRESH, end)
            while (left := moment - ear.elapsed) > 0:
                ear.listen(left)
        live.update(Screen(ear.report()), refresh=True)


def _print_changes(ear: _Ear, end: float, out: _Out) -> None:
    shown = None
    while ear.elapsed < end:
        now = ear.report(complete=False)
        if now.gist != shown:
            shown = now.gist
            out.write(now)
        ear.listen(min(_REFRESH, end - ear.elapsed))
