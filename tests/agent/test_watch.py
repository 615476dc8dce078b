"""Files that change as Kubernetes and editors change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from vipalived.agent.watch import watch

PATIENCE = 10.0


def mounted(directory: Path) -> Path:
    """A ConfigMap as kubelet mounts it: file -> ..data/file, ..data -> ..1/."""
    (directory / "..1").mkdir()
    (directory / "..1" / "values.yaml").write_text("old")
    (directory / "..data").symlink_to("..1")
    (directory / "values.yaml").symlink_to("..data/values.yaml")
    return directory / "values.yaml"


def swap(directory: Path, text: str) -> None:
    """As kubelet's atomic writer does it."""
    (directory / "..2").mkdir()
    (directory / "..2" / "values.yaml").write_text(text)
    (directory / "..data_tmp").symlink_to("..2")
    (directory / "..data_tmp").rename(directory / "..data")


def told_of(file: Path, change: Callable[[], None]) -> list[str]:
    """What the file said each time that the watch told of it, until a while has passed without news."""

    async def story() -> list[str]:
        told, news = [], asyncio.Event()

        def note() -> None:
            told.append(file.read_text())
            news.set()

        task = asyncio.ensure_future(watch([file], note))
        await asyncio.sleep(0)  # the watch begins with its first step
        change()
        async with asyncio.timeout(PATIENCE):
            await news.wait()
        task.cancel()
        return told

    return asyncio.run(story())


def test_a_swapped_configmap(tmp_path: Path) -> None:
    file = mounted(tmp_path)
    assert told_of(file, lambda: swap(tmp_path, "new")) == ["new"]


def test_a_renamed_file(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("old")

    def change() -> None:
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").rename(file)

    assert told_of(file, change) == ["new"]


def test_a_file_written_in_place_is_told_of_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("old")
    assert told_of(file, lambda: file.write_text("new" * 100_000) and None) == ["new" * 100_000]


def test_what_happens_beside_the_file_is_no_change(tmp_path: Path) -> None:
    """Nothing is told of the neighbour: the first news is the file's own."""
    file = tmp_path / "values.yaml"
    file.write_text("old")

    async def story() -> list[str]:
        told, news = [], asyncio.Event()

        def note() -> None:
            told.append(file.read_text())
            news.set()

        task = asyncio.ensure_future(watch([file], note))
        await asyncio.sleep(0)
        (tmp_path / "neighbour").write_text("news")
        file.write_text("old")
        await asyncio.sleep(0.3)  # longer than the watch takes to look
        file.write_text("new")
        async with asyncio.timeout(PATIENCE):
            await news.wait()
        task.cancel()
        return told

    assert asyncio.run(story()) == ["new"]
