"""Sections of a document that a program writes, between `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path


def with_sections(path: Path, sections: Mapping[str, str]) -> str:
    """The document at `path` with these sections replaced; ends the program where there is none of that name."""
    document = path.read_text(encoding="utf-8")
    for name, text in sections.items():
        marked = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not marked.search(document):
            sys.exit(f"error: {path}: expected `<!-- begin {name} -->` and `<!-- end {name} -->`")
        document = marked.sub(rf"\1{text.replace(chr(92), chr(92) * 2)}\2", document)
    return document


def replace_section(path: Path, name: str, text: str) -> None:
    """Writes the document with its section `name` replaced."""
    path.write_text(with_sections(path, {name: text}), encoding="utf-8")
