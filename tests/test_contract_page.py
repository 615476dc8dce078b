"""`docs/contract.md` names a test for each statement, and each of them exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.settings.test_contract import ROWS as VALUES

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "contract.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (.+) \| (.+) \| (.*) \|$", re.MULTILINE)
STATEMENTS = [row for row in _ROW.findall(PAGE) if row[0] not in {"0.2.3 says", "---"}]
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


@cache
def names(file: str) -> set[str]:
    """The test functions of a file, those of classes too."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 60


@pytest.mark.parametrize(("says", "held", "tests"), STATEMENTS)
def test_each_statement_has_tests_that_exist(says: str, held: str, tests: str) -> None:
    assert held.strip(), says
    named = _TEST.findall(tests)
    assert named, says
    assert _TEST.sub("", tests).strip() == ""
    assert [(file, name) for file, name in named if name not in names(file)] == []


def test_the_tests_that_hold_for_every_value_exist() -> None:
    for file, name in _TEST.findall(PAGE):
        assert name in names(file)


@pytest.mark.parametrize(("key", "kind", "default"), VALUES)
def test_each_documented_value_has_its_row(key: str, kind: str, default: str) -> None:
    [says] = [says for says, _, _ in STATEMENTS if says.startswith(f"`{key}` (")]
    assert says.startswith((f"`{key}` ({kind}, `{default}`)", f"`{key}` ({kind}): "))
