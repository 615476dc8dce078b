"""`vipalived doctor`: what keeps a VIP from working on this node, and what to do about it."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vipalived.cli.options import Assignment, kubeconfig_option, read_layers, values_options
from vipalived.errors import ExitCode

if TYPE_CHECKING:
    from vipalived.doctor.finding import Finding
    from vipalived.doctor.scene import Scene

EXAMPLES = """
\b
Examples:
  sudo vipalived doctor -f values.yaml
  sudo vipalived doctor -f values.yaml --kubeconfig /etc/kubernetes/admin.conf
  vipalived doctor -f values.yaml -o json | jq '.findings[] | select(.severity == "error")'
  kubectl -n kube-system exec POD -- vipalived doctor
\b
Exit codes:
  0  no errors; there may be warnings
  1  an error was found
  2  the values or the options cannot be used
"""
_COLOURS: Final = {"error": "red", "warning": "yellow", "ok": "green", "skipped": "bright_black"}
_WIDEST: Final = 110


@click.command(epilog=EXAMPLES)
@values_options
@click.option(
    "--values-text",
    envvar="VIPALIVED_VALUES",
    show_envvar=True,
    metavar="TEXT",
    help="The text of a values file, laid below the files; the agent's pod has it set.",
)
@click.option(
    "--node",
    envvar="NODE_NAME",
    show_envvar=True,
    metavar="NAME",
    help="This node's name in the values and in the cluster.  [default: the host name]",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default="/",
    show_default=True,
    metavar="DIR",
    help="Where the node's files are; `/host` in a pod of `kubectl debug node/NAME`.",
)
@kubeconfig_option
@click.option(
    "-o", "--output", type=click.Choice(("text", "json")), default="text", show_default=True, help="Form."
)
def doctor(
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    values_text: str | None,
    node: str | None,
    root: Path,
    kubeconfig: Path | None,
    output: str,
) -> int:
    """Examine this node: what keeps the VIP from working there.

    Says why it matters and what to do. Looks at the interface, the firewall, the kernel's settings, other daemons,
    the kubelet and the API server, and listens to the segment for three advertisement intervals. Changes nothing. Run
    it as root on a node, or in the pod of the agent, before or while vipalived runs. Without -f it reads
    /etc/vipalived/values.yaml, if that is there, as it is in the pod.
    """
    from vipalived.doctor.examine import examine
    from vipalived.settings import load

    loaded = load(read_layers(values or _mounted(), assignments, values_text))
    scene, findings = examine(loaded.settings, loaded.warnings, node or platform.node(), root, kubeconfig)
    found = _json(scene, findings) if output == "json" else _text(scene, findings)
    return ExitCode.FAILED if found["error"] else ExitCode.OK


def _mounted() -> tuple[Path, ...]:
    """The values that the agent's pod runs with: whoever runs it there should not have to know where they are."""
    from vipalived.render.agent_container import VALUES_FILE

    return (Path(VALUES_FILE),) if Path(VALUES_FILE).exists() else ()


def _json(scene: Scene, findings: Iterable[Finding]) -> Counter[str]:
    listed = list(findings)
    about = {
        "node": scene.plan.node,
        "interface": scene.plan.interface,
        "vrid": scene.plan.vrid,
        "vips": [str(vip) for vip in scene.vips],
    }
    click.echo(json.dumps({**about, "findings": [asdict(finding) for finding in listed]}, indent=2))
    return Counter(str(finding.severity) for finding in listed)


def _text(scene: Scene, findings: Iterable[Finding]) -> Counter[str]:
    """Line by line as they come: some take seconds."""
    vips = ", ".join(map(str, scene.vips))
    click.echo(
        f"{click.style(scene.plan.node, bold=True)}: {vips} on {scene.plan.interface}, virtual router",
        nl=False,
    )
    click.echo(f" {scene.plan.vrid}\n")
    count: Counter[str] = Counter()
    for finding in findings:
        count[finding.severity] += 1
        for line in _lines(finding):
            click.echo(line)
    click.echo(f"\n{', '.join(_counted(count))}")
    return count


def _lines(finding: Finding) -> Iterator[str]:
    head = click.style(
        f"{finding.severity:<8}", fg=_COLOURS[finding.severity], bold=finding.severity == "error"
    )
    yield from _wrapped(f"{head} {finding.check:<13} ", 23, finding.seen)
    for name, text in (("why:", finding.why), ("hint:", finding.hint)):
        if text:
            yield from _wrapped(f"{'':23}{click.style(name, fg='cyan')} ", 24 + len(name), text)


def _wrapped(head: str, indent: int, text: str) -> Iterator[str]:
    import shutil
    import textwrap

    width = min(shutil.get_terminal_size().columns, _WIDEST) - indent
    first, *rest = textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False)
    yield head + first
    yield from (" " * indent + line for line in rest)


def _counted(count: Counter[str]) -> Iterator[str]:
    for name, plural in (("error", "errors"), ("warning", "warnings"), ("ok", "ok"), ("skipped", "skipped")):
        if count[name] or name == "error":
            said = f"{count[name] or 'no'} {name if count[name] == 1 else plural}"
            yield click.style(said, fg=_COLOURS[name]) if count[name] else said
