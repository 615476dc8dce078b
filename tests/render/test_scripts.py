"""The container's scripts, run by a real shell with programs of ours in place of keepalived and apk."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from vipalived.render import keepalived
from vipalived.render.keepalived_container import script
from vipalived.render.network import CONFIG_FILE, READY_FILE
from vipalived.settings import load

DAEMONSET_SCRIPT, STATIC_SCRIPT = (script(inline=inline) for inline in (False, True))
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """A shell that runs a script given as an argument."""
    path = shutil.which(request.param)
    assert path
    return [path, "sh", "-c"] if request.param == "busybox" else [path, "-c"]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory that is the whole PATH."""
    (tmp_path / "bin").mkdir()
    for name in ("sleep", "cat", "awk", "sed", "rm"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    program(tmp_path / "bin", "ip", "[ \"$*\" != '-o link' ] || echo '2: eth0: <BROADCAST,UP> mtu 1500'")
    (tmp_path / "keepalived.conf").write_text(keepalived.render(load().settings), encoding="utf-8")
    return tmp_path / "bin"


def program(directory: Path, name: str, body: str) -> None:
    file = directory / name
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


KEEPALIVED = 'trap "exit 7" TERM\necho "$$ $*"\nwhile :; do sleep 0.01; done'
ARGUMENTS = "--dont-fork --log-console --vrrp --use-file={place}/ready.conf --config-id=cp-1 $x"


def start(shell: list[str], script: str, programs: Path, **environment: str) -> subprocess.Popen[str]:
    """The container's own directories are not here: the script is the same but for these places."""
    place = programs.parent
    script = script.replace(CONFIG_FILE, f"{place}/keepalived.conf").replace(
        READY_FILE, f"{place}/ready.conf"
    )
    return subprocess.Popen(
        [*shell, script],
        env={"PATH": str(programs), "NODE_NAME": "cp-1 $x", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_runs(process: subprocess.Popen[str], place: Path) -> None:
    """keepalived has the shell's place, so the kubelet's SIGTERM is its own."""
    assert process.stdout
    assert process.stdout.readline() == f"{process.pid} {ARGUMENTS.format(place=place)}\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 7
    process.communicate()


def test_keepalived_takes_the_place_of_the_shell(shell: list[str], programs: Path) -> None:
    program(programs, "keepalived", KEEPALIVED)
    program(programs, "apk", "echo called >&2; exit 1")
    check_runs(start(shell, DAEMONSET_SCRIPT, programs), programs.parent)


def test_keepalived_is_installed_where_it_is_missing(
    shell: list[str], programs: Path, tmp_path: Path
) -> None:
    program(tmp_path, "ready", KEEPALIVED)
    program(
        programs,
        "apk",
        f'[ "$*" = "add --no-cache keepalived" ] && ln -s {tmp_path}/ready {programs}/keepalived',
    )
    (programs / "ln").symlink_to(str(shutil.which("ln")))
    check_runs(start(shell, DAEMONSET_SCRIPT, programs), programs.parent)


def test_an_image_without_what_the_network_is_asked_by_says_so(shell: list[str], programs: Path) -> None:
    program(programs, "keepalived", KEEPALIVED)
    (programs / "awk").unlink()
    process = start(shell, DAEMONSET_SCRIPT, programs)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 1
    assert said == (
        "vipalived: ip and awk are not in the image, and what keepalived is to run on is found by them\n"
    )


@pytest.mark.parametrize("words", [DAEMONSET_SCRIPT, STATIC_SCRIPT])
@pytest.mark.parametrize("apk", ["exit 99", None])
def test_an_image_without_keepalived_says_so(
    shell: list[str], programs: Path, words: str, apk: str | None
) -> None:
    if apk:
        program(programs, "apk", apk)
    process = start(shell, words, programs)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 1
    assert said.endswith("vipalived: keepalived is not in the image, and apk cannot install it\n")


@pytest.mark.parametrize(
    "configuration",
    [keepalived.render(load().settings), "%s %d\\n \\ $HOME `x` '\"\n\n", "no newline", "-n"],
)
def test_the_static_pod_writes_its_configuration_byte_for_byte(
    shell: list[str], programs: Path, tmp_path: Path, configuration: str
) -> None:
    program(programs, "keepalived", KEEPALIVED)
    written = tmp_path / "keepalived.conf"
    process = start(shell, STATIC_SCRIPT, programs, KEEPALIVED_CONF=configuration)
    if "interface" in configuration:
        check_runs(process, tmp_path)
    else:
        assert process.stderr
        process.stderr.readline()
        process.kill()
        process.communicate(timeout=10)
    assert written.read_bytes() == configuration.encode()
