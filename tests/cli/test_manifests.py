"""`static-pod` as a user meets it: on stdout, in kubelet's folder, for one node, and the same as Helm's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.examples import VIP
from tests.helm import opened, same, template
from vipalived.cli.main import run

NODES = """\
keepalived:
  vrrpInstance:
    virtualIpAddress: 192.168.1.100/24
    unicastPeers: [198.18.0.1, 198.18.0.2]
nodes:
  cp-1: {priority: 150, unicastSourceAddress: 198.18.0.1}
  cp-2: {interface: ens3, unicastSourceAddress: 198.18.0.2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    return made


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["static-pod", *arguments])
    return code, *capsys.readouterr()


def test_a_file_is_written_kept_changed_and_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = folder / "vipalived.yaml", f"--out={folder}"
    assert outcome(capsys, "--set", VIP, out) == (0, f"written: {path}\n", "")
    assert run(["static-pod", "--set", VIP, "-o", "-"]) == 0
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")
    assert outcome(capsys, "--set", VIP, out) == (0, f"unchanged: {path}\n", "")
    code, said, _ = outcome(capsys, "--set", VIP.replace("100/24", "101/24"), "-o", str(folder))
    assert code == 0
    assert [line for line in said.splitlines() if line[:1] in "+-"] == [
        f"--- {path}",
        f"+++ {path} (new)",
        "-            192.168.1.100/24 noprefixroute",
        "+            192.168.1.101/24 noprefixroute",
    ]
    assert said.endswith(f"\nwritten: {path}\n")
    assert outcome(capsys, out, "--remove") == (0, f"removed: {path}\n", "")
    assert outcome(capsys, out, "--remove") == (0, f"nothing to remove: {path}\n", "")


def test_the_diff_is_coloured_on_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(capsys, f"--out={folder}")
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    _, said, _ = outcome(capsys, f"--out={folder}", "--set", VIP)
    assert (
        "\x1b[31m-            172.16.101.101/32\x1b[0m\n\x1b[32m+            192.168.1.100/24 noprefixroute\x1b[0m\n"
        in said
    )


def test_each_release_has_a_file_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--release-name", "ha"], ["--set", "fullnameOverride=second"]):
        assert outcome(capsys, f"--out={folder}", *more)[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "ha-vipalived.yaml",
        "second.yaml",
        "vipalived.yaml",
    ]


def test_what_is_in_the_way_is_named_with_the_way_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "vipalived.yaml"
    path.write_text("kind: Pod\n", encoding="utf-8")
    said = (
        f"error: `{path}` is not a static pod of vipalived, and was left as it is\n"
        "  hint: move it out of the folder, or choose another name with `--release-name`\n"
    )
    assert outcome(capsys, f"--out={folder}", "--set", VIP) == (1, "", said)
    assert outcome(capsys, f"--out={folder}", "--remove") == (1, "", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--remove"], "Error: `--remove` needs the folder: `--out DIR`\n"),
        (["--remove", "-o", "-"], "Error: `--remove` needs the folder: `--out DIR`\n"),
        (["--node", "cp_1"], "Error: Invalid value for --node: expected a node name, found `cp_1`\n"),
        (["--out", "/nowhere/at/all"], "error: `/nowhere/at/all` is no folder\n"),
    ],
)
def test_what_cannot_be_meant_exits_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_whoever_may_not_is_told_how_to(folder: Path) -> None:
    # Everything is imported while it may be read.
    script = (
        "import os, sys; from vipalived.cli import manifest_file; from vipalived.cli.main import run;"
        "run(['static-pod']); os.getuid() or os.setuid(65534);"
        f"sys.exit(run(['static-pod', '--out', {str(folder)!r}]))"
    )
    folder.chmod(0o000)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "vipalived.yaml` cannot be changed: Permission denied\n  hint: run it as root" in done.stderr
    folder.chmod(0o700)


def configuration(text: str) -> str:
    [pod] = yaml.safe_load_all(text)
    return str(pod["spec"]["containers"][0]["env"][1]["value"])


@pytest.fixture
def nodes(tmp_path: Path) -> str:
    path = tmp_path / "nodes.yaml"
    path.write_text(NODES, encoding="utf-8")
    return str(path)


def test_a_node_gets_its_own_values_and_nobody_elses(nodes: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, err = outcome(capsys, "-f", nodes, "--node", "cp-1")
    assert (code, err) == (0, "")
    lines = configuration(text).splitlines()
    assert lines[:4] == [
        "$PRIORITY=100",
        "@cp-1 $PRIORITY=150",
        "$SOURCE4=",
        "@cp-1 $SOURCE4=unicast_src_ip 198.18.0.1",
    ]
    assert "    @^cp-1 198.18.0.1" in lines
    assert "    198.18.0.2" in lines
    assert "ens3" not in text
    assert "cp-2" not in text


def test_a_change_for_one_node_is_none_to_another(
    folder: Path, nodes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-f", nodes, "--node", "cp-1", f"--out={folder}"]
    outcome(capsys, *arguments)
    _, said, _ = outcome(capsys, *arguments, "--set", "nodes.cp-2.priority=90")
    assert said == f"unchanged: {folder}/vipalived.yaml\n"
    _, said, _ = outcome(capsys, *arguments, "--set", "nodes.cp-1.priority=90")
    assert "+        @cp-1 $PRIORITY=90\n" in said


def test_a_node_without_values_of_its_own_is_pointed_out(
    nodes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, err = outcome(capsys, "-f", nodes, "--node", "cp-3")
    assert code == 0
    assert err == (
        "warning: nodes: nothing for `cp-3`, which gets the values for all nodes\n"
        "  hint: there is `cp-1`, `cp-2`\n"
    )
    assert "priority 100" in configuration(text)
    assert outcome(capsys, "--set", VIP, "--node", "cp-3")[2] == ""


DOCUMENTED = re.compile(r"vipalived static-pod (?!writes|--help)(-[^|>`\n]*)")
DOCUMENTS = [
    "README.md",
    "charts/vipalived/README.md",
    "src/vipalived/cli/manifests.py",
    "src/vipalived/cli/main.py",
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_documented_command_works(
    document: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yaml").write_text(
        "keepalived: {vrrpInstance: {virtualIpAddress: 192.168.1.100/24}}", encoding="utf-8"
    )
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    commands = DOCUMENTED.findall(text)
    assert commands
    for command in commands:
        code, out, err = outcome(capsys, *command.replace("/etc/kubernetes/manifests", str(folder)).split())
        assert (code, err) == (0, ""), command
        assert out, command


VALUES = {
    "defaults": "{}",
    "nodes": NODES,
    "native": f"{NODES}engine: native\nhealthCheck: {{caFile: /etc/kubernetes/pki/ca.crt}}\n",
    "scheduling": "{staticTolerations: [{operator: Exists}], imagePullSecrets: [{name: r}], nodeSelector: {a: b}}",
}


@pytest.mark.helm
@pytest.mark.parametrize("name", VALUES)
def test_helm_template_gives_the_same_pod(
    name: str, helm: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = template(helm, VALUES[name], tmp_path, release="vipalived", more=["--set", "static=true"])
    code, text, _ = outcome(capsys, "-f", str(tmp_path / "values.yaml"))
    assert code == 0
    assert same(opened(list(yaml.safe_load_all(text))), opened(rendered.objects))
    # So who began with the one may go on with the other: the file is ours.
    (folder / "vipalived.yaml").write_text(rendered.text, encoding="utf-8")
    code, said, err = outcome(capsys, "-f", str(tmp_path / "values.yaml"), f"--out={folder}")
    assert (code, "error" in err) == (0, False)
    if name in ("defaults", "nodes", "scheduling"):
        assert said == f"unchanged: {folder}/vipalived.yaml\n"
    assert outcome(capsys, f"--out={folder}", "--remove")[1] == f"removed: {folder}/vipalived.yaml\n"
