"""What is wrong with a YAML text, as one sentence with its place; never with what the text says there.

The parser quotes what it found, which may be a part of a password, and tells half of a sentence: the other half is what
it was about to read, and where that began.
"""

from __future__ import annotations

import re

import yaml


def explain(error: Exception, text: str) -> tuple[str, str | None]:
    """The sentence, and what to do about it where that is known; `text` is what was read."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error).partition("\n")[0], None
    mark, began = error.problem_mark, error.context_mark
    context, problem = str(error.context or ""), str(error.problem)
    if "quoted scalar" in context and began is not None:
        return f"{_place(began)}: the quote that begins here does not end", None
    return f"{_place(mark)}: {_sentence(context, problem, began)}", _hint(problem, mark, text)


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _sentence(context: str, problem: str, began: yaml.Mark | None) -> str:
    since = f" of {_place(began)}" if began is not None else ""
    if "flow sequence" in context:
        return f"expected a comma, or the `]` that ends the list{since}"
    if "flow mapping" in context:
        return f"expected a comma, or the `}}` that ends the object{since}"
    if "block" in context and "block end" in problem:
        return f"expected as many blanks at the beginning of the line as the part{since} has"
    if "simple key" in context:
        return f"expected a `:` after the key{since}"
    for found, meaning in _MEANINGS.items():
        if problem.startswith(found):
            return meaning
    return re.sub(r" '[^']{2,}'", "", problem)


_MEANINGS = {
    "found character '\\t'": "found a tab; YAML indents with blanks",
    "found character": "found a character that begins nothing in YAML, expected it in quotes",
    "mapping values are not allowed here": "found a `:` where no key can be, expected the value in quotes",
    "but found another document": "found the beginning of another document, expected one only",
    "could not determine a constructor for the tag": "found a tag (`!`), expected plain values",
}


def _hint(problem: str, mark: yaml.Mark, text: str) -> str | None:
    if "{{" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return "`{{ ... }}` is a template: render it first, or put it in quotes"
    if problem.startswith("mapping values"):
        return "put a value with `: ` in it in quotes; or indent the line as the ones above it"
    return None
