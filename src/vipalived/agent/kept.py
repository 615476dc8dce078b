"""The plan that was read last, kept in a file of the run directory for a restart.

Reading settings costs some 0.1 s of CPU, which are more than a second under the limit of 100m that the contract gives
the container; the addresses of a Master that is killed end 2 to 3 s later, where the advertisement interval is 1 s. The
same code makes of the same files and options what it has made of them before.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vipalived.agent.plan import Plan

if TYPE_CHECKING:
    from vipalived.agent.service import Sources

_FILE: Final = "plan"
_CODE: Final = Path(__file__).parent.parent


def read(sources: Sources) -> Plan:
    """The kept plan if it is of the same origin, else one that is read, and kept. For a child process."""
    contents = _contents(sources.files)
    origin = _origin(sources.options, contents)
    if origin is None:
        return sources.read()
    if (plan := _recall(sources.directory, origin)) is not None:
        return plan
    plan = sources.read()
    if _contents(sources.files) == contents:  # they may have changed meanwhile
        _keep(sources.directory, origin, plan)
    return plan


def _contents(files: Sequence[Path]) -> list[bytes] | None:
    """What is in them; None where that cannot be told, or reading it would use it up."""
    try:
        return [file.read_bytes() for file in files] if all(map(Path.is_file, files)) else None
    except OSError:
        return None


def _origin(options: tuple[str, ...] | None, contents: list[bytes] | None) -> bytes | None:
    """A digest of all that a plan is made of; None where that cannot be told."""
    if options is None or contents is None:
        return None
    try:
        made_of = (sys.version, options, contents, list(_code()))
    except OSError:
        return None
    return hashlib.sha256(repr(made_of).encode()).digest()


def _code() -> Iterator[str]:
    """Our own files, with their sizes and times: another release may make something else of the same values."""
    for directory, below, names in os.walk(_CODE):
        below.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                file = Path(directory, name)
                facts = file.stat()
                yield f"{file} {facts.st_size} {facts.st_mtime_ns}"


def _recall(directory: Path, origin: bytes) -> Plan | None:
    """None unless there is one of this origin in a file that only this user can have written: it will be unpickled."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(directory / _FILE, flags), "rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                return None
            if file.read(len(origin)) != origin:
                return None
            plan = pickle.load(file)  # noqa: S301 - see above
    except Exception:  # noqa: BLE001 - whatever a broken file leads to, the settings can be read anew
        return None
    return plan if isinstance(plan, Plan) else None


def _keep(directory: Path, origin: bytes, plan: Plan) -> None:
    """It may contain a password: nobody else can read the file."""
    fresh = directory / f"{_FILE}.new"
    # Where the directory cannot be written, each start reads the settings.
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(origin + pickle.dumps(plan))
        fresh.replace(directory / _FILE)
