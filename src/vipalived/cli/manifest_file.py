"""A static pod's file in kubelet's folder: there whole or not at all, and never in place of somebody else's.

kubelet loads every file of the folder whose name does not start with a dot, half-written ones too, and starts a
pod anew when its file means something else. So a file is written elsewhere and renamed, and left alone where it
says the same already.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vipalived.errors import CheckFailed, InvalidSettings, PermissionMissing, Problem, VipalivedError
from vipalived.release import CHART_NAME
from vipalived.settings.distributions import DISTRIBUTIONS
from vipalived.settings.values import Loader

_ELSEWHERE = (errno.EXDEV, errno.EACCES, errno.EROFS)
"""What keeps a file that was prepared beside the folder out of it; one prepared inside may still do."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a file: whether it was written, and how it differs from what was there, in lines."""

    written: bool
    diff: tuple[str, ...] = ()


def place(path: Path, text: str) -> Placed:
    """Puts the manifest `text` at `path` at once; leaves alone what says the same.

    Raises CheckFailed where a file that is not ours is there, or another file of the folder holds the same pod,
    InvalidSettings where there is no folder, PermissionMissing, or VipalivedError for what else the system says.
    """
    with _said(path):
        before, pod = _present(path), _object(text)
        for other in _others(path):
            if _identity(_object(_text(other))) == _identity(pod):
                raise CheckFailed(
                    f"`{other}` holds the same pod, and kubelet loads it too",
                    hint="move it out of the folder: a copy with another ending counts as well",
                )
        if before and _object(before) == pod:
            return Placed(written=False)
        _write(path, text)
        return Placed(written=True, diff=_diff(path, before, text) if before else ())


def remove(path: Path) -> bool:
    """Takes our file at `path` away; False where there is none. Raises as `place` does."""
    with _said(path):
        if _present(path) is None:
            return False
        path.unlink()
        _sync(path.parent)
        return True


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """The system's refusals, as the operator's errors."""
    try:
        _check_folder(path.parent)
        yield
    except PermissionError as error:
        hint = "run it as root; without `--out` it is printed, to be moved there as a whole"
        raise PermissionMissing(f"`{path}` cannot be changed: {error.strerror}", hint=hint) from error
    except OSError as error:
        raise VipalivedError(f"`{path}` cannot be changed: {error.strerror}") from error


def _check_folder(folder: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(folder.stat().st_mode):
            return
    known = ", ".join(f"{one.name} `{one.static_pods}`" for one in DISTRIBUTIONS.values())
    raise InvalidSettings(
        (Problem("", f"`{folder}` is no folder", f"kubelet's folder of static pods: {known}"),)
    )


def _present(path: Path) -> str | None:
    """The text of our file that is there, None where none is; raises CheckFailed when it is somebody else's."""
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return None
    text = _text(path) if regular else None
    # An empty file is what a failed redirection leaves.
    if text is not None and not text.strip():
        return ""
    if _is_ours(_object(text)):
        return text
    raise CheckFailed(
        f"`{path}` is not a static pod of {CHART_NAME}, and was left as it is",
        hint="move it out of the folder, or choose another name with `--release-name`",
    )


def _text(path: Path) -> str | None:
    """What the file says; None where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _object(text: str | None) -> dict[str, Any] | None:
    """The first document, the one that kubelet reads; None where that is no object."""
    try:
        document = next(iter(yaml.load_all(text or "", Loader)), None)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _metadata(document: dict[str, Any] | None) -> dict[str, Any]:
    metadata = document.get("metadata") if document and document.get("kind") == "Pod" else None
    return metadata if isinstance(metadata, dict) else {}


def _identity(document: dict[str, Any] | None) -> tuple[Any, Any] | None:
    """By what kubelet tells pods apart; None for anything else than a pod."""
    metadata = _metadata(document)
    return (metadata.get("name"), metadata.get("namespace")) if metadata else None


def _is_ours(document: dict[str, Any] | None) -> bool:
    """By the labels that our static pods have whatever the values, as the chart's have."""
    labels = _metadata(document).get("labels")
    return (
        isinstance(labels, dict)
        and labels.get("app.kubernetes.io/managed-by") == "Helm"
        and re.match(rf"{CHART_NAME}-\d", str(labels.get("helm.sh/chart"))) is not None
    )


def _others(path: Path) -> list[Path]:
    """The other files that kubelet loads."""
    names = (other for other in path.parent.iterdir() if other.name != path.name)
    return sorted(other for other in names if not other.name.startswith(".") and other.is_file())


def _write(path: Path, text: str) -> None:
    """Prepared beside the folder; inside, where that is not to be, as when the folder is a mount of its own."""
    beside = path.parent.resolve().parent
    try:
        _prepare_and_rename(beside, path, text)
    except OSError as error:
        if error.errno not in _ELSEWHERE:
            raise
        _prepare_and_rename(path.parent, path, text)
    _sync(path.parent)


def _prepare_and_rename(folder: Path, path: Path, text: str) -> None:
    # The dot keeps it from kubelet; the mode, from whoever may not read the password.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    prepared = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        prepared.rename(path)
    finally:
        prepared.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Makes sure that a power cut does not bring the old state back."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _diff(path: Path, before: str, after: str) -> tuple[str, ...]:
    lines = before.splitlines(), after.splitlines()
    return tuple(difflib.unified_diff(*lines, f"{path}", f"{path} (new)", lineterm=""))
