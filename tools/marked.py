"""Sections of a document that a program writes, between `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def with_section(path: Path, name: str, text: str) -> str:
    """The document at `path` with its section `name` replaced; ends the program where there is none."""
    marked = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    document = path.read_text(encoding="utf-8")
    if not marked.search(document):
        sys.exit(f"error: {path}: expected `<!-- begin {name} -->` and `<!-- end {name} -->`")
    return marked.sub(lambda match: match[1] + text + match[2], document)


def replace_section(path: Path, name: str, text: str) -> None:
    """Writes the document with its section `name` replaced."""
    path.write_text(with_section(path, name, text), encoding="utf-8")
