"""The command line as a user meets it: whole outputs, exit codes, and which stream carries what."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from tests.examples import VIP
from vipalived.cli.main import cli, run
from vipalived.render import chart, keepalived
from vipalived.settings import load


def test_check_says_what_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--set", VIP]) == 0
    assert capsys.readouterr() == ("values are valid: 192.168.1.100/24 on virtual router 51\n", "")


WARNED = "keepalived.vrrpInstance.authentication.authPass=s3cret"


def test_strict_lets_no_warning_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--set", VIP, "--strict"]) == 0
    assert run(["check", "--set", VIP, "--set", WARNED]) == 0
    capsys.readouterr()
    assert run(["check", "--set", VIP, "--set", WARNED, "--strict"]) == 1
    out, err = capsys.readouterr()
    assert out == "values are valid: 192.168.1.100/24 on virtual router 51\n"
    assert err.endswith("error: 1 warning, and `--strict` lets none pass\n")


def test_check_for_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--set", VIP, "--set", WARNED, "-o", "json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    [warning] = found.pop("warnings")
    assert (warning["path"], err) == ("keepalived.vrrpInstance.authentication", "")
    vips, nothing = ["192.168.1.100/24"], {"nodes": None, "note": None}
    assert found == {"valid": True, "errors": [], "vips": vips, "vrid": 51, **nothing}
    assert run(["check", "--set", "hostNetwork=false", "-o", "json"]) == 2
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == (
        {
            "valid": False,
            "errors": [
                {
                    "path": "hostNetwork",
                    "message": "the VIP would live and die in the pod's own network, found false",
                    "hint": "remove it: `true` is the default",
                }
            ],
            "warnings": [],
            "vips": [],
            "vrid": None,
            "nodes": None,
            "note": None,
        },
        "",
    )
    file = tmp_path / "values.yaml"
    file.write_text("a: [b\n")
    assert run(["check", "-f", str(file), "-o", "json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["errors"]) == 1


BETTER = "nodes.cp-1.priority=150"
NOTED = (
    "note: cp-1 has priority 150, the highest, and yet takes the VIP back from no other healthy node:"
    " `keepalived.vrrpInstance.nopreempt` is true, so a priority counts only when the VIP is free\n"
)


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        ([BETTER], NOTED),
        (
            [BETTER.replace("150", "50")],
            NOTED.replace("cp-1", "a node that `nodes` does not name").replace("150", "100"),
        ),
        ([BETTER.replace("150", "100")], ""),
        ([BETTER.replace("150", "255")], ""),  # the address owner always takes it
        ([BETTER, "keepalived.vrrpInstance.nopreempt=false"], ""),
        ([BETTER, "nodes.cp-1.state=MASTER"], ""),
    ],
)
def test_check_says_when_the_best_node_takes_nothing_back(
    arguments: list[str], note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--set", VIP, *(word for text in arguments for word in ("--set", text))]) == 0
    valid, _, more = capsys.readouterr().out.partition("\n")
    assert (valid.startswith("values are valid"), more) == (True, note)


def test_every_problem_is_shown_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        ["check", "--set", "keepalived.vrrpInstance.priorty=3,keepalived.vrrpVersion=4,hostNetwork=false"]
    )
    assert code == 2
    assert capsys.readouterr() == (
        "",
        (
            "error: keepalived.vrrpVersion: expected 2 or 3, found the number `4`\n"
            "error: keepalived.vrrpInstance.priorty: unknown key\n"
            "  hint: did you mean `keepalived.vrrpInstance.priority`?\n"
            "error: hostNetwork: the VIP would live and die in the pod's own network, found false\n"
            "  hint: remove it: `true` is the default\n"
        ),
    )


def test_warnings_leave_stdout_to_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--set", VIP, "--set", WARNED]) == 0
    out, err = capsys.readouterr()
    vip = {"virtualIpAddress": "192.168.1.100/24"}
    assert out == keepalived.render(load([{"keepalived": {"vrrpInstance": vip}}]).settings)
    assert err.startswith("warning: keepalived.vrrpInstance.authentication: VRRPv3 has no authentication")
    assert "s3cret" not in err


def test_who_asks_for_a_configuration_that_nobody_reads_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--set", VIP, "--set", "engine=native"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("global_defs {\n")
    assert err == "note: `engine: native` runs no keepalived; this is what it would get\n"


def test_later_files_and_set_win(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("keepalived: {vrrpInstance: {priority: 10, virtualRouterId: 7}}")
    second.write_text("keepalived: {vrrpInstance: {priority: 20}}")
    arguments = ["values", "-f", str(first), "-f", str(second), "--set", "keepalived.vrrpInstance.name=VI_1"]
    assert run(arguments) == 0
    instance = yaml.safe_load(capsys.readouterr().out)["keepalived"]["vrrpInstance"]
    assert (instance["priority"], instance["virtualRouterId"], instance["name"]) == (20, 7, "VI_1")
    assert instance["advertInt"] == 1


def test_values_come_from_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("keepalived: {vrrpInstance: {virtualRouterId: 9}}"))
    assert run(["check", "-f", "-"]) == 0
    assert capsys.readouterr().out.endswith("on virtual router 9\n")


def test_values_without_options_are_the_documented_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["values"]) == 0
    assert capsys.readouterr().out == chart.values_yaml()


def test_schema_is_the_charts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"]
    assert run(["schema", "--overrides"]) == 0
    assert "required" not in json.loads(capsys.readouterr().out)


def test_template_makes_the_objects_of_day_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["template", "--release-name", "my", "--namespace", "vip"]) == 0
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [(o["kind"], o["metadata"]["name"], o["metadata"]["namespace"]) for o in objects] == [
        ("ConfigMap", "my-vipalived-config", "vip"),
        ("DaemonSet", "my-vipalived", "vip"),
    ]


def test_static_pod_is_template_with_static(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["static-pod", "--set", VIP]) == 0
    static_pod = capsys.readouterr().out
    assert run(["template", "--set", VIP, "--set", "static=true"]) == 0
    assert static_pod == capsys.readouterr().out
    (pod,) = yaml.safe_load_all(static_pod)
    assert (pod["kind"], pod["metadata"]["name"]) == ("Pod", "vipalived")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["check", "-f", "missing.yaml"],
            "error: `missing.yaml` cannot be read: No such file or directory\n",
        ),
        (["template", "--release-name", "No"], "error: release name: expected up to 53"),
        (["nonsense"], "Error: No such command 'nonsense'."),
        (["check", "--nonsense"], "No such option"),
    ],
)
def test_unusable_input_exits_with_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_a_file_that_is_not_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "values.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert run(["check", "-f", str(path)]) == 2
    assert capsys.readouterr().err == f"error: `{path}` is not UTF-8 text\n"


def test_a_bug_shows_where_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli, "main", broken)
    assert run(["check"]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: a bug" in err
    assert err.endswith("  hint: report the lines above, with the command and its values\n")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_is_no_bug(
    interruption: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise interruption

    monkeypatch.setattr(cli, "main", interrupted)
    assert run(["check"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away_is_no_bug() -> None:
    script = f"{sys.executable} -m vipalived schema | head -c 1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("{", "")


@pytest.mark.parametrize("command", ["check", "config", "lab", "schema", "static-pod", "template", "values"])
def test_help_describes_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: vipalived {command} ")


def test_a_terminal_of_80_columns_shows_what_each_command_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) == 13
    assert all(line.endswith(".") and not line.endswith("..") and len(line) <= 80 for line in listed), listed


def test_starting_loads_only_what_the_command_needs() -> None:
    script = (
        "import sys; from vipalived.cli.main import run; "
        f"run(['template', '--set', '{VIP}']); "
        "heavy = {'pyroute2', 'jinja2', 'trustme', 'rich', 'vipalived.lab'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == "[]\n"


def test_a_file_without_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "values.yaml"]) == 2
    assert capsys.readouterr().err.endswith(
        "Error: Got unexpected extra argument (values.yaml)\n  hint: a values file is named by `-f`\n"
    )
    assert run(["check", "more"]) == 2
    assert "hint" not in capsys.readouterr().err


def test_a_url_in_place_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "-f", "https://values.example/a.yaml"]) == 2
    assert capsys.readouterr().err == (
        "error: expected a file, found a URL of `values.example`\n  hint: download it first\n"
    )


def test_the_namespace_has_helms_short_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["template", "--set", VIP, "-n", "vip"]) == 0
    assert "namespace: vip\n" in capsys.readouterr().out
