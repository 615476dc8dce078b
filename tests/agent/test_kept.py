"""A plan is kept for a restart, and used only where reading the settings would give the same."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.agent.story import MEMBER
from vipalived.agent import kept
from vipalived.agent.plan import Plan
from vipalived.agent.service import Sources

PLAN = Plan("eth0", (), (MEMBER,), node="cp-1", warnings=("nothing to speak of",))


@dataclass
class Scene:
    """Values in a file, and how often they were read."""

    directory: Path
    meanwhile: Callable[[], object] = lambda: None
    reads: int = 0
    options: tuple[str, ...] | None = ("cp-1", "engine: native")
    files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = self.directory / "values.yaml"
        self.values.write_text("{}\n")
        self.files.append(self.values)
        self.run = self.directory / "run"
        self.run.mkdir()
        self.file = self.run / "plan"

    def read(self) -> Plan:
        self.reads += 1
        self.meanwhile()
        return replace(PLAN, interface=f"eth{self.reads}")

    def start(self) -> str:
        """The interface that a process has, which is named after the reading that it comes from."""
        return kept.read(Sources(self.read, self.files, self.options, self.run)).interface


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_settings_are_read_once_for_all_starts(scene: Scene) -> None:
    assert [scene.start(), scene.start(), scene.start()] == ["eth1", "eth1", "eth1"]
    plan = kept.read(Sources(scene.read, scene.files, scene.options, scene.run))
    assert plan == replace(PLAN, interface="eth1")


def test_other_values_options_and_files_are_read(scene: Scene) -> None:
    assert scene.start() == "eth1"
    scene.values.write_text("{engine: native}\n")
    assert [scene.start(), scene.start()] == ["eth2", "eth2"]
    scene.options = ("cp-2", "engine: native")
    assert [scene.start(), scene.start()] == ["eth3", "eth3"]
    other = scene.directory / "other.yaml"
    other.write_text("{}\n")
    scene.files.append(other)
    assert [scene.start(), scene.start()] == ["eth4", "eth4"]
    scene.files.reverse()
    assert scene.start() == "eth5"


def test_another_release_reads_anew(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "code"
    (code / "agent").mkdir(parents=True)
    (code / "agent" / "plan.py").write_text("one\n")
    monkeypatch.setattr(kept, "_CODE", code)
    assert [scene.start(), scene.start()] == ["eth1", "eth1"]
    os.utime(code / "agent" / "plan.py", (1, 1))
    assert [scene.start(), scene.start()] == ["eth2", "eth2"]
    (code / "rules.py").touch()
    assert scene.start() == "eth3"


def test_what_changes_while_it_is_read_is_not_kept(scene: Scene) -> None:
    scene.meanwhile = lambda: scene.values.write_text(f"# {scene.reads}\n")
    assert [scene.start(), scene.start()] == ["eth1", "eth2"]
    assert not scene.file.exists()


@pytest.mark.parametrize("options", [None, ("cp-1",)], ids=["others", "a pipe"])
def test_what_may_change_unseen_is_read_each_time(scene: Scene, options: tuple[str, ...] | None) -> None:
    scene.options = options
    if options is not None:
        # Opening it would wait for a writer.
        pipe = scene.directory / "pipe"
        os.mkfifo(pipe)
        scene.files.append(pipe)
    assert [scene.start(), scene.start()] == ["eth1", "eth2"]
    assert not scene.file.exists()


def test_a_file_that_is_gone_is_left_to_the_reading(scene: Scene) -> None:
    scene.values.unlink()
    assert [scene.start(), scene.start()] == ["eth1", "eth2"]


class Trap:
    """Once unpickled, it does what its writer wants."""

    done = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _spring, ()


def _spring() -> None:
    Trap.done = True


def test_only_this_user_can_read_or_forge_it(scene: Scene) -> None:
    assert scene.start() == "eth1"
    assert scene.file.stat().st_mode & 0o777 == 0o600
    origin = scene.file.read_bytes()[:32]
    forged = origin + pickle.dumps(Trap())
    scene.file.write_bytes(forged)
    scene.file.chmod(0o620)
    assert scene.start() == "eth2"
    aside = scene.run / "aside"
    aside.write_bytes(forged)
    aside.chmod(0o600)
    scene.file.unlink()
    scene.file.symlink_to(aside)
    assert scene.start() == "eth3"
    assert not Trap.done


@pytest.mark.parametrize(
    "end", [b"", b"\x80", pickle.dumps("a plan"), pickle.dumps(PLAN)[:-20], b"cno.module\nX\n."]
)
def test_a_broken_file_is_no_plan(scene: Scene, end: bytes) -> None:
    assert scene.start() == "eth1"
    origin = scene.file.read_bytes()[:32]
    scene.file.write_bytes(origin + end)
    assert [scene.start(), scene.start()] == ["eth2", "eth2"]


def test_a_pipe_in_its_place_is_no_plan_and_keeps_nobody_waiting(scene: Scene) -> None:
    os.mkfifo(scene.file, 0o600)
    assert [scene.start(), scene.start()] == ["eth1", "eth1"]


def test_the_first_start_makes_the_directory(scene: Scene) -> None:
    scene.run.rmdir()
    assert [scene.start(), scene.start()] == ["eth1", "eth1"]
    assert scene.run.stat().st_mode & 0o777 == 0o700


def test_without_a_directory_each_start_reads(scene: Scene) -> None:
    scene.run.rmdir()
    scene.run.touch()
    assert [scene.start(), scene.start()] == ["eth1", "eth2"]
