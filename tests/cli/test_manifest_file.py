"""A file in kubelet's folder: what kubelet gets to see of it, and whose files are left alone."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from asyncinotify import Inotify, Mask

from vipalived.cli.manifest_file import Placed, place, remove
from vipalived.errors import CheckFailed, InvalidSettings, PermissionMissing, VipalivedError


def pod(name: str = "vipalived", node: str = "a", chart: str = "vipalived-0.3.0", by: str = "Helm") -> str:
    return (
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n"
        f"  name: {name}\n  namespace: kube-system\n"
        f"  labels: {{helm.sh/chart: {chart}, app.kubernetes.io/managed-by: {by}}}\n"
        f"spec: {{note: {node}}}\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands for kubelet's folder, with a place beside it."""
    made = tmp_path / "manifests"
    made.mkdir()
    return made


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "vipalived.yaml"


def test_a_new_file_is_for_root_alone_and_leaves_nothing_beside(path: Path) -> None:
    assert place(path, pod()) == Placed(written=True)
    assert path.read_text(encoding="utf-8") == pod()
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.parents[1].rglob("*")) == [path.parent, path]


def test_what_changed_is_shown(path: Path) -> None:
    path.write_text(pod(node="before"), encoding="utf-8")
    placed = place(path, pod(node="after"))
    assert placed.written
    assert placed.diff == (
        f"--- {path}",
        f"+++ {path} (new)",
        "@@ -5,4 +5,4 @@",
        "   name: vipalived",
        "   namespace: kube-system",
        "   labels: {helm.sh/chart: vipalived-0.3.0, app.kubernetes.io/managed-by: Helm}",
        "-spec: {note: before}",
        "+spec: {note: after}",
    )
    assert path.read_text(encoding="utf-8") == pod(node="after")


@pytest.mark.parametrize("there", [pod(), pod().replace("{note: a}", "\n  note: 'a'  # as Helm has it")])
def test_what_says_the_same_is_left_alone(path: Path, there: str) -> None:
    path.write_text(there, encoding="utf-8")
    before = path.stat()
    assert place(path, pod()) == Placed(written=False)
    assert path.read_text(encoding="utf-8") == there
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def _seen(folder: Path, path: Path) -> list[tuple[str, str]]:
    """What inotify tells of the folder while a file in it is made, replaced and removed; kubelet listens to it."""
    seen = []
    with Inotify() as inotify:
        inotify.add_watch(folder, Mask.CREATE | Mask.MODIFY | Mask.MOVE | Mask.DELETE | Mask.CLOSE_WRITE)
        place(path, pod(node="a"))
        place(path, pod(node="b"))
        remove(path)
        async with asyncio.timeout(10):
            async for event in inotify:
                seen.append((str(event.mask.name), str(event.name)))
                if event.mask & Mask.DELETE:
                    break
    return seen


def test_kubelet_never_sees_a_half_written_file(folder: Path, path: Path) -> None:
    # The kernel tells once of what happens twice in a row.
    assert list(dict.fromkeys(asyncio.run(_seen(folder, path)))) == [
        ("MOVED_TO", "vipalived.yaml"),
        ("DELETE", "vipalived.yaml"),
    ]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(pod(node="before"), encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VipalivedError, match="cannot be changed: No space left on device") as failure:
        place(path, pod(node="after"))
    assert failure.value.exit_code == 1
    assert path.read_text(encoding="utf-8") == pod(node="before")
    assert sorted(path.parents[1].rglob("*")) == [path.parent, path]


def test_a_folder_that_is_a_mount_of_its_own_is_written_to_under_a_name_that_kubelet_ignores(
    tmp_path: Path,
) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "new.yaml").write_text(pod(), encoding="utf-8")
    script = """
import pathlib, subprocess, sys
from vipalived.cli import manifest_file
subprocess.run(["mount", "-t", "tmpfs", "none", "manifests"], check=True)
renamed = []
rename = pathlib.Path.rename
pathlib.Path.rename = lambda self, to: (renamed.append(f"{self.parent.name}/{self.name[:16]}"), rename(self, to))[1]
manifest_file.place(pathlib.Path("manifests/vipalived.yaml"), pathlib.Path("new.yaml").read_text())
print(*renamed, *pathlib.Path("manifests").iterdir(), *pathlib.Path().glob(".vipalived*"))
"""
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    if "unshare failed" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout.split() == [
        f"{tmp_path.name}/.vipalived.yaml.",
        "manifests/.vipalived.yaml.",
        "manifests/vipalived.yaml",
    ], done.stderr


FOREIGN = {
    "another pod": "{apiVersion: v1, kind: Pod, metadata: {name: etcd, labels: {component: etcd}}}",
    "another chart's": pod(chart="kube-vip-0.6.4"),
    "a chart of a similar name": pod(chart="vipalived-tools-1.0.0"),
    "managed by somebody else": pod(by="ansible"),
    "no pod": pod().replace("kind: Pod", "kind: DaemonSet"),
    "labels that are none": "{kind: Pod, metadata: {labels: [a]}}",
    "a text": "hello",
    "no YAML": "a: [",
    "a broken manifest of ours": pod() + "\t-",
    "behind another document": "--- {kind: Pod}\n" + pod(),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_is_not_ours_is_neither_overwritten_nor_removed(path: Path, name: str) -> None:
    path.write_text(FOREIGN[name], encoding="utf-8")
    for change in (lambda: place(path, pod()), lambda: remove(path)):
        with pytest.raises(CheckFailed, match="is not a static pod of vipalived, and was left as it is"):
            change()
    assert path.read_text(encoding="utf-8") == FOREIGN[name]


def test_neither_a_link_nor_a_folder_nor_bytes_are_ours(folder: Path, path: Path) -> None:
    (folder.parent / "elsewhere.yaml").write_text(pod(), encoding="utf-8")
    path.symlink_to(folder.parent / "elsewhere.yaml")
    with pytest.raises(CheckFailed, match="is not a static pod"):
        place(path, pod(node="b"))
    path.unlink()
    path.mkdir()
    with pytest.raises(CheckFailed, match="is not a static pod"):
        remove(path)
    path.rmdir()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckFailed, match="is not a static pod"):
        place(path, pod())


@pytest.mark.parametrize("name", ["vipalived.yaml.bak", "other.json"])
def test_a_second_file_of_the_same_pod_is_refused(folder: Path, path: Path, name: str) -> None:
    (folder / name).write_text(pod(node="old"), encoding="utf-8")
    with pytest.raises(CheckFailed, match="holds the same pod, and kubelet loads it too"):
        place(path, pod())
    assert not path.exists()


def test_other_files_do_not_matter(folder: Path, path: Path) -> None:
    (folder / "my-vipalived.yaml").write_text(pod("my-vipalived"), encoding="utf-8")
    (folder / ".vipalived.yaml.swp").write_text(pod(), encoding="utf-8")
    (folder / "etcd.yaml").write_text(FOREIGN["another pod"], encoding="utf-8")
    (folder / "core").write_bytes(b"\xff")
    (folder / "notes").mkdir()
    assert place(path, pod()).written
    assert remove(path)
    assert sorted(p.name for p in folder.iterdir()) == [
        ".vipalived.yaml.swp",
        "core",
        "etcd.yaml",
        "my-vipalived.yaml",
        "notes",
    ]


def test_an_empty_file_is_nobodys(path: Path) -> None:
    path.write_text("\n", encoding="utf-8")
    assert place(path, pod()) == Placed(written=True)


def test_removing_twice_is_no_failure(path: Path) -> None:
    place(path, pod())
    assert remove(path)
    assert not path.exists()
    assert not remove(path)


def test_a_missing_folder_is_answered_with_those_of_the_distributions(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidSettings, match="is no folder") as failure:
            place(folder / "vipalived.yaml", pod())
        [problem] = failure.value.problems
        assert problem.hint == (
            "kubelet's folder of static pods: kubeadm `/etc/kubernetes/manifests`,"
            " k3s `/var/lib/rancher/k3s/agent/pod-manifests`, RKE2 `/var/lib/rancher/rke2/agent/pod-manifests`"
        )
        assert failure.value.exit_code == 2
        assert not folder.is_dir()


def test_a_missing_permission_has_its_own_exit_code(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(path, pod())

    # Root may do everything, so the system's answer is put in its mouth.
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    for change in (lambda: place(path, pod(node="b")), lambda: remove(path)):
        with pytest.raises(PermissionMissing, match="cannot be changed: Permission denied") as failure:
            change()
        assert failure.value.exit_code == 4
        assert (
            failure.value.hint
            == "run it as root; without `--out` it is printed, to be moved there as a whole"
        )
    assert path.read_text(encoding="utf-8") == pod()
