"""YAML and `--set` are read as a real Helm reads them; where Helm hides a mistake we refuse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helm import same, template, values_text
from vipalived.errors import InvalidSettings
from vipalived.settings.values import Option, assign, kind, merge, overlay, parse_yaml, printable

SCALARS = [
    *[
        "on",
        "off",
        "yes",
        "no",
        "y",
        "n",
        "Y",
        "N",
        "True",
        "TRUE",
        "tRue",
        "~",
        "null",
        "Null",
        "NULL",
        "nULL",
        "=",
        "<<",
        "+",
        ".",
        "..",
        "'5'",
    ],
    *[
        "010",
        "0x10",
        "0o10",
        "0b11",
        "-0x10",
        "+1",
        "1_000",
        "08",
        "09",
        "0",
        "-0",
        "00",
        "0xZZ",
        "0x",
        "0_1",
        "1__0",
        "_1",
        "0b2",
        "+0x1F",
        "0X1F",
        "0O7",
        "-017",
        "-1_0",
        "-_0",
        "+_3",
        "0_",
        "0x_",
        "0o_",
        "0b_",
        "0X_1_",
        "18446744073709551615",
        "123456789012345678901234567890",
    ],
    *[
        "0777",
        "-08",
        "12345678",
        "0o8",
        "0o_7",
        "0x_1",
        "0b",
        "0b1_1",
        "0B1",
        "1e3",
        "1E3",
        "1.5e3",
        "1_000.5",
        ".5",
        "5.",
        "-.5",
        "1.",
        "0.1",
        "1.0",
        "100.0",
    ],
    *[
        "0.",
        "1e",
        "1e+3",
        "1e-3",
        "1.2.3",
        "+.5",
        "+1e3",
        "1e21",
        "1e6",
        "1.e3",
        ".e3",
        "1:30",
        "190:20:30",
        "2001-01-01",
        "2001-01-01T00:00:00Z",
        "41E_2",
        "511e1_",
        "1._5",
        "-._2",
        "._2",
        ".5_9",
        ".5_",
        ".5__9",
        ".5e1_0",
        ".5e_1",
    ],
    *("!!str 5", "!!int '5'", "!!float 1", "!!bool yes", '"\\u00e9\\x41"', ">-\n  x\n  y", "|\n  x\n"),
]
DOCUMENTS = [
    "",
    "# c\n",
    "---\na: 1\n",
    "a: 1\n...\n",
    "a:\n",
    "a: |\n  x\n\n  y\n",
    "a: !!str 5\nb: !!int '5'\nc: !!bool yes\nd: !!float 1\n",
    "b: &x {c: 1}\na: *x\n",
    "b: &x {c: 1}\na:\n  <<: *x\n  d: 2\n",
    "b: &x {c: 1}\na:\n  <<: *x\n  c: 2\n",
    "b: &x {c: 1}\ne: &f {c: 3, f: 1}\na:\n  <<: [*x, *f]\n",
    "<<: {a: 1}\nb: 2\n",
    "'': x\n",
    "'on': x\n",
    "{}",
    "null",
    "a: [1, {b: 2}, [on]]\n",
    "a: \u00e9\U0001f600\n",
    "a: 'x\n\n  y'\n",
]
BOTH_REFUSE = [
    "v: .inf",
    "v: -.INF",
    "v: .nan",
    "v: @x",
    "v: `x",
    "v: %x",
    "v: - 1",
    "a: b: c",
    "a:\n\t- b",
    "a: *x",
    "a: &x [*x]",
    "a: \x00",
    "[]",
    "text",
    "1",
    "null: x",
    "? [a]\n: x",
    "<<: 1\n",
    "v: !!int x",
    "v: [",
]
WE_REFUSE = {
    "a: 1\na: 2\n": "line 2, column 1: key `a` is given twice",
    "a: {'b': 1, b: 2}\n": "line 1, column 13: key `b` is given twice",
    "1: x\n": "line 1, column 1: expected a text key, found the number `1`",
    "on: x\n": "line 1, column 1: expected a text key, found the bool `true`",
    "b: &x {c: 1}\na:\n  c: 2\n  <<: *x\n": "line 4, column 3: expected `<<` above the other keys",
    "a: !foo bar\n": "line 1, column 4: found a tag (`!`), expected plain values",
    "a: !!binary aGk=\n": "line 1, column 4: found a tag (`!`), expected plain values",
    "a: 1e400\n": "line 1, column 4: expected a number that 64 bits can hold",
    "a: 0x10000000000000000\n": "line 1, column 4: expected a number that 64 bits can hold",
    "a: 1\n---\nb: 2\n": "line 2, column 1: found the beginning of another document, expected one only",
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that prints the values it gets, as JSON."""
    directory = tmp_path_factory.mktemp("chart")
    (directory / "templates").mkdir()
    (directory / "Chart.yaml").write_text("{apiVersion: v2, name: tiny, version: 0.1.0}")
    (directory / "values.yaml").write_text("d: {x: 1, l: [1], m: {k: v}}\nt: text\n")
    (directory / "templates" / "values.yaml").write_text(
        "kind: Values\nvalues: {{ omit .Values `global` | toJson | quote }}\n"
    )
    return directory


DEFAULTS: dict[str, Any] = {"d": {"x": 1, "l": [1], "m": {"k": "v"}}, "t": "text"}


def by_helm(
    helm: Path, chart: Path, tmp_path: Path, text: str, *assignments: str, option: Option = "--set"
) -> Any:
    """The values that Helm sees, or its complaint."""
    more = [word for assignment in assignments for word in (option, assignment)]
    rendered = template(helm, text, tmp_path, chart=chart, more=more)
    return rendered.refused or json.loads(rendered.objects[0]["values"])


@pytest.mark.helm
def test_scalars_are_read_as_helm_reads_them(helm: Path, chart: Path, tmp_path: Path) -> None:
    text = "".join(f"k{index}: {scalar}\n" for index, scalar in enumerate(SCALARS))
    theirs = by_helm(helm, chart, tmp_path, text)
    ours = merge(DEFAULTS, parse_yaml(text, "values.yaml"))
    assert {key: value for key, value in ours.items() if not same(value, theirs[key])} == {}


@pytest.mark.helm
@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents_are_read_as_helm_reads_them(helm: Path, chart: Path, tmp_path: Path, text: str) -> None:
    assert same(merge(DEFAULTS, parse_yaml(text, "values.yaml")), by_helm(helm, chart, tmp_path, text))


@pytest.mark.helm
@pytest.mark.parametrize("text", BOTH_REFUSE)
def test_what_is_no_values_file_is_refused_by_both(
    helm: Path, chart: Path, tmp_path: Path, text: str
) -> None:
    assert isinstance(by_helm(helm, chart, tmp_path, text), str)
    with pytest.raises(InvalidSettings, match=r"^`values\.yaml`"):
        parse_yaml(text, "values.yaml")


@pytest.mark.parametrize("text", WE_REFUSE)
def test_what_hides_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_yaml(text, "values.yaml")
    assert str(caught.value) == f"`values.yaml` is not YAML: {WE_REFUSE[text]}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a: [1, secret\n",
            "line 2, column 1: expected a comma, or the `]` that ends the list of line 1, column 4",
        ),
        (
            "a: {b: 1\nc: 2\n",
            "line 2, column 2: expected a comma, or the `}` that ends the object of line 1, column 4",
        ),
        ("a:\n\tb: secret\n", "line 2, column 1: found a tab; YAML indents with blanks"),
        ('a: "secret\nb: 2\n', "line 1, column 4: the quote that begins here does not end"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: found the beginning of another document, expected one only"),
        ("a: !secret 1\n", "line 1, column 4: found a tag (`!`), expected plain values"),
        (
            "a:\n    b: 1\n  c: 2\n",
            (
                "line 3, column 3: expected as many blanks at the beginning of the line as the part of"
                " line 1, column 1 has"
            ),
        ),
        ("a: 1\nsecret\nb: 2\n", "line 3, column 1: expected a `:` after the key of line 2, column 1"),
        (
            "a: @secret\n",
            "line 1, column 4: found a character that begins nothing in YAML, expected it in quotes",
        ),
        ("a: b: secret\n", "line 1, column 5: found a `:` where no key can be, expected the value in quotes"),
        ("a: |secret\n  b\n", "line 1, column 5: expected chomping or indentation indicators, but found 's'"),
    ],
)
def test_what_is_no_yaml_is_refused_in_a_whole_sentence_that_quotes_nothing(text: str, sentence: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_yaml(text, "values.yaml")
    [problem] = caught.value.problems
    assert problem.message == f"`values.yaml` is not YAML: {sentence}"
    assert "secret" not in str(problem.hint)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x: {{ .Values.x }}\n", "`{{ ... }}` is a template: render it first, or put it in quotes"),
        ("a: b: c\n", "put a value with `: ` in it in quotes; or indent the line as the ones above it"),
        ("a: [\n", None),
    ],
)
def test_the_usual_causes_have_a_hint(text: str, hint: str | None) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_yaml(text, "values.yaml")
    assert caught.value.problems[0].hint == hint


@pytest.mark.parametrize("text", ["a: !!bool maybe", "a: " + "[" * 3000])
def test_what_is_more_than_wrong_is_refused_too(text: str) -> None:
    with pytest.raises(InvalidSettings, match="is not YAML"):
        parse_yaml(text, "values.yaml")


@pytest.mark.parametrize("text", ["authPass: *secret", "authPass: !secret", "authPass: !!int secret"])
def test_a_syntax_error_shows_no_part_of_a_password(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_yaml(text, "values.yaml")
    assert "secret" not in str(caught.value)


FILE = "l: [{k: 1}, {k: 2}]\nm: {x: 1, w: [1, 2]}\nz: null\n"
SETS = [
    "a=1", "a=", "a=b=c", r"a=b\,c", "a.b=1", r"a\.b=1", r"a.b\.c=x", "a={x,y}", "a={}", "a={ x , y }", "a=x}",
    "a={1,true,null,x}", "a=null", "a=NULL", "a=true", "a=TRUE", "a=False", "a=1.5", "a=01", "a=0", "a=-1", "a=-0",
    "a=+1", "a=-01", "a=1e3", "a=0x10", "a=9223372036854775807", "a=9223372036854775808", "a=-9223372036854775808",
    "a=-9223372036854775809", "a=1_000", "a='1'", 'a="1"', "a= 1", " a =1 ", "a=1,b=2", "a=1,", "", "a[0]=x", "a[1]=x",
    "a[0].b=1", "a[0][1]=x", "l[0]=x", "l[0].k=9", "l[1].z=9", "l[2].k=9", "l[5]=1", "m.w[0]=9", "m.w[3]=9", "m=1",
    "m.x=null", "l[0]=null", "m=null", "a[0]={x,y}", "a={x,y},b=1", r"a={x\,y,z}", r"a={x\}y}", r"a=\{x,y=1", r"a\=b=1",
    r"a\,b=1", r"a\[0\]=1", r"a=x\\y", r"a=\n", "a=x\\", "a=[1]", "a={a=b,c}", "a[1]=2,a[0]=1", "a.b=1,a.c=2",
    "a.b=2,a=1", "a=null,a=1", "a={null}", "a={,}", "a={x,}", "a={,x}", "a={x},", "a.b[0].c[1].d=1", "a={x}b=1",
    "a=,b=1", "\u00e9=\u00e9", "a=x\ny", r"nodeSelector.node-role\.kubernetes\.io/control-plane=", "l[0]=1,l[0].k=2",
    "a={1,2},a[0]=9", "m.x=1,m.x=null", "a[00]=1", "d.x=null", "d.m=null", "d.m.k=null", "d.l[0]=5", "d.l[2]=5",
    "t=null", "d.new=null", "z=1", "a[2].b=1",
]  # fmt: skip
BOTH_REFUSE_TO_SET = [
    "a={x", "a=1,,b=2", ",a=1", "a", "a,b=1", "a=b,c", "a.b", "a..b=1", "a.=1", "a[]=x", "a[x]=1", "a[-1]=1",
    "a[65537]=1", "a[0]b=1", "a={x,y}z", "a=z{x,y}", "m.x.z=1", "l.k=1", "m[0]=1", "l[0][1]=3", "m.x[0]=1",
    "a=1,a.b=2", "z.x=1", "z[0]=1", "a={}}",
]  # fmt: skip


@pytest.mark.helm
@pytest.mark.parametrize("argument", SETS)
def test_set_is_what_helm_makes_of_it(helm: Path, chart: Path, tmp_path: Path, argument: str) -> None:
    ours = merge(DEFAULTS, assign(parse_yaml(FILE, "values.yaml"), argument))
    theirs = by_helm(helm, chart, tmp_path, FILE, argument)
    assert same(ours, theirs), (ours, theirs)


@pytest.mark.helm
@pytest.mark.parametrize("argument", BOTH_REFUSE_TO_SET)
def test_what_cannot_be_set_is_refused_by_both(
    helm: Path, chart: Path, tmp_path: Path, argument: str
) -> None:
    assert isinstance(by_helm(helm, chart, tmp_path, FILE, argument), str)
    with pytest.raises(InvalidSettings, match="--set"):
        assign(parse_yaml(FILE, "values.yaml"), argument)


SETS_OTHERWISE: list[tuple[Option, str]] = [
    *(("--set-string", text) for text in ("a=1", "a=true,b=null", "a=01", "a={1,true}", "l[0].k=9", "m.x=", r"a=x\,y")),
    *(
        ("--set-json", text)
        for text in (
            "a=1", "a=1.5", 'a="x,y"', "a=[1,{\"b\":null}],c=true", "a=null", "m.x=null", "m={\"x\":{\"y\":1}}",
            'l[1].k="z"', 'a= "x" , b=2', "a=,b=1", '{"m":{"x":7},"n":[1]}', ' {"d":{"x":null}}', "a=",
        )
    ),
]  # fmt: skip
REFUSED_OTHERWISE: list[tuple[Option, str]] = [
    ("--set-string", "a"), ("--set-json", "a=x"), ("--set-json", "a={"), ("--set-json", '{"a":1'),
    ("--set-json", "a"), ("--set-string", "a={x"), ("--set-json", "m.x.z=1"),
]  # fmt: skip


@pytest.mark.helm
@pytest.mark.parametrize(("option", "argument"), SETS_OTHERWISE)
def test_the_other_ways_to_set_are_helms(
    helm: Path, chart: Path, tmp_path: Path, option: Option, argument: str
) -> None:
    ours = merge(DEFAULTS, assign(parse_yaml(FILE, "values.yaml"), argument, option))
    theirs = by_helm(helm, chart, tmp_path, FILE, argument, option=option)
    if argument.lstrip().startswith("{") and isinstance(theirs, str):
        assert helm.parent.name == "3"  # an object in place of the whole is Helm 4's
        return
    assert same(ours, theirs), (ours, theirs)


@pytest.mark.helm
@pytest.mark.parametrize(("option", "argument"), REFUSED_OTHERWISE)
def test_what_cannot_be_set_otherwise_is_refused_by_both(
    helm: Path, chart: Path, tmp_path: Path, option: Option, argument: str
) -> None:
    assert isinstance(by_helm(helm, chart, tmp_path, FILE, argument, option=option), str)
    with pytest.raises(InvalidSettings, match=option):
        assign(parse_yaml(FILE, "values.yaml"), argument, option)


@pytest.mark.helm
def test_a_file_is_set_as_helm_sets_it(helm: Path, chart: Path, tmp_path: Path) -> None:
    texts = {"one": "a: 1\n", "two": "true"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    argument = f"a={tmp_path}/one,l[0].k={tmp_path}/two"
    ours = assign(
        parse_yaml(FILE, "values.yaml"), argument, "--set-file", lambda path: texts[Path(path).name]
    )
    assert same(merge(DEFAULTS, ours), by_helm(helm, chart, tmp_path, FILE, argument, option="--set-file"))


# Helm takes these in silence: it drops the empty key, or makes a list of nothing.
@pytest.mark.parametrize("argument", ["=1", ".a=1", "a[0].=1", "a[0]", "a[0"])
def test_an_assignment_without_a_key_or_a_value_is_refused(argument: str) -> None:
    with pytest.raises(InvalidSettings, match="--set"):
        assign({}, argument)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("a=1 2", "`--set-json`: expected a comma behind a JSON value"),
        ("a=x", "`--set-json`: expected JSON from character 3 on"),
        ('{"a": 1}, b=2', "`--set-json`: expected nothing behind the object"),
        ('{"a": 1} b', "`--set-json`: expected a comma behind a JSON value"),
    ],
)
def test_what_is_no_json_is_told_without_its_value(argument: str, said: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        assign({}, argument, "--set-json")
    assert str(caught.value) == said


def test_a_later_assignment_lies_over_an_earlier_one() -> None:
    assert assign(assign({}, "a.b=1"), "a={x}") == {"a": ["x"]}


def test_an_assignment_changes_nothing_in_place() -> None:
    shared = {"c": 1}
    layer = {"a": shared, "b": shared, "l": [shared]}
    assert assign(layer, "a.c=2,l[0].c=3") == {"a": {"c": 2}, "b": {"c": 1}, "l": [{"c": 3}]}
    assert layer == {"a": {"c": 1}, "b": {"c": 1}, "l": [{"c": 1}]}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("authPass", "`--set authPass`: expected KEY=VALUE from character 1 on"),
        ("authPass=se,cret", "`--set`: expected KEY=VALUE from character 13 on"),
        ("authPass={cret", "`--set`: a list that starts with `{` must end with `}`"),
        ("a=1,b[x]=1", "`--set`: expected an index such as `KEY[0]=VALUE`"),
        ("p.authPass=1,p.authPass.x=2", "p.authPass: `--set` expected an object, found a single value"),
        ("p.x[0].y=1,p.x.y=1", "p.x: `--set` expected an object, found a list"),
        ("p.x.y=1,p.x[0]=1", "p.x: `--set` expected a list, found an object"),
    ],
)
def test_a_bad_assignment_is_told_without_its_value(argument: str, said: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        assign({}, argument)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("argument", "hint"),
    [("a.b.c", "put `=` and the value behind it"), ("a=b,c", "a comma inside a value is written `\\,`")],
)
def test_a_bad_assignment_is_told_how_to_mend_it(argument: str, hint: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        assign({}, argument)
    assert caught.value.problems[0].hint == hint


keys = st.text("ab\\.", min_size=1, max_size=3)
pieces = st.text(r"ab01 .,={}[]\-\\n", max_size=8) | st.sampled_from(["null", "true", "-7", "{a,b}", r"a\,b"])
arguments = st.lists(
    st.tuples(keys, st.sampled_from(["=", "[0]=", "[1].c=", ".c="]), pieces).map("".join),
    min_size=1,
    max_size=3,
).map(",".join)  # fmt: skip


@pytest.mark.helm
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(argument=arguments)
def test_any_assignment_is_what_helm_makes_of_it(
    helm: Path, chart: Path, tmp_path: Path, argument: str
) -> None:
    theirs = by_helm(helm, chart, tmp_path, FILE, argument)
    try:
        ours = merge(DEFAULTS, assign(parse_yaml(FILE, "values.yaml"), argument))
    except InvalidSettings as error:
        # Stricter only about keys that are empty.
        stricter = "expected KEY=VALUE" in error.problems[0].message
    else:
        assert same(ours, theirs), (ours, theirs)
        return
    assert stricter or isinstance(theirs, str), argument


LAYERS = [
    ("d: {x: null}", "{}"),
    ("d: {x: null}", "d: {x: 2}"),
    ("d: {m: {k: null, q: null}}", "{}"),
    ("d: {m: null}", "{}"),
    ("d: null", "{}"),
    ("d: {m: {a: {b: 1}}}", "d: {m: {a: null}}"),
    ("e: {a: {b: 1}}", "e: {a: null}"),
    ("e: {a: {b: 1}}", "e: {a: {b: null, c: 2}}"),
    ("t: null", "t: x"),
    ("d: {l: [null, 2]}", "d: {l: [{a: null}]}"),
    ("e: {a: null}", "{}"),
]


@pytest.mark.helm
@pytest.mark.parametrize(("below", "above"), LAYERS)
def test_layers_lie_as_helm_lays_them(
    helm: Path, chart: Path, tmp_path: Path, below: str, above: str
) -> None:
    (tmp_path / "above.yaml").write_text(above)
    theirs = template(helm, below, tmp_path, chart=chart, more=["--values", str(tmp_path / "above.yaml")])
    ours = merge(DEFAULTS, overlay(parse_yaml(below, "a"), parse_yaml(above, "b")))
    assert same(ours, json.loads(theirs.objects[0]["values"])), (ours, theirs.text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_shown_on_one_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(text) > 80 or "\\" in shown or shown == text


def test_each_kind_of_value_has_its_words() -> None:
    found = [kind(value) for value in (None, True, 1, 1.5, "a", "", [], {})]
    words = "null,the bool `true`,the number `1`,the number `1.5`,the text `a`,an empty text,a list,an object"
    assert found == words.split(",")


def test_helm_itself_is_what_the_fixture_says(helm: Path) -> None:
    done = subprocess.run([str(helm), "version", "--short"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("v3.", "v4."))


def test_values_text_is_read_back() -> None:
    layer = {"y": "n", "a": [1, 1.5, None, "1e3"]}
    assert parse_yaml(values_text(layer), "values.yaml") == layer
