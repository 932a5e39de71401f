"""What people write is read with places, and what is wrong is said in one line."""

import json
from pathlib import Path

import pytest

from conformance import documents
from conformance.errors import ConfigurationError

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "port": {"type": "integer"},
        "open": {"type": "boolean"},
        "code": {"type": "string", "pattern": "^[0-9]{4}$", "description": "four digits"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"level": {"enum": ["MUST", "SHOULD"]}, "section": {"type": "string"}},
            },
        },
        "choice": {"oneOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}]},
    },
}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "w.yaml: the file is empty"),
        ("# only a comment\n", "w.yaml: the file is empty"),
        ("a: 1\nb: [1,\n", "w.yaml:3: not valid YAML: "),
        ("a: 1\n\tb: 2", "w.yaml:2: not valid YAML: "),
        ("a: 1\nb: 2\na: 3", "w.yaml:3: the key a stands twice"),
        ("a:\n  - b: 1\n    b: 2", "w.yaml:3: the key a[0].b stands twice"),
        ("a: &x 1\nb: *x", "w.yaml:2: not valid YAML: aliases"),
        ("a: 0644", "w.yaml:1: 0644 begins with 0, which YAML readers read differently"),
        ("a: 1\nb: 1e999", "w.yaml:2: '1e999' is too large"),
        ("a: !!python/object/apply:os.system [ls]", "w.yaml:1: the tag"),
        ("a: !!int x", "w.yaml:1: 'x' is not a number"),
        ("? [a]\n: 1", "w.yaml:1: a key has to be a text"),
        ("a: 1\nb: \x00", "w.yaml:2: a control character"),
        ("a: 1\n---\nb: 2", "w.yaml:2: not valid YAML: expected a single document"),
        ("[" * 5000, "w.yaml: nested too deep"),
        ("a: 9" + "9" * 5000, "w.yaml:1: '9999"),
    ],
)
def test_yaml_that_cannot_be_used_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse(text, "w.yaml")

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "w.json:1: not valid JSON: Expecting value; the file ends too early"),
        ('{"a": [1,\n2', "w.json:2: not valid JSON: Expecting ',' delimiter; the file ends too early"),
        ('{"a": 1}\n}', "w.json:2: not valid JSON: Extra data"),
        ('{"a": {"b": 1,\n"c": [{}],\n"b": 2}}', "w.json:3: the key a.b stands twice"),
        ('{"a": NaN}', "w.json: not valid JSON: NaN is not JSON"),
        ("[" * 100_000, "w.json: nested too deep"),
    ],
)
def test_json_that_cannot_be_used_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse(text, "w.json")

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nitems:\n- level: MUST\n- level: MAY", "w.yaml:4: items[1].level: 'MAY' is not one of MUST, SHOULD"),
        ("name: x\nitems: [{level: must}]", "w.yaml:2: items[0].level: 'must' is not one of MUST, SHOULD"),
        (
            "name: x\nitems:\n- sektion: x",
            "w.yaml:3: items[0].sektion: the key 'sektion' is unknown; did you mean 'section'?",
        ),
        ("name: x\nitems:\n- zzz: x", "w.yaml:3: items[0].zzz: the key 'zzz' is unknown; known are level, section"),
        ("port: 1", "w.yaml:1: the key 'name' is missing"),
        ("name: 1.30", 'w.yaml:1: name: 1.30 is read as a number, a text is wanted; quote it: "1.30"'),
        ("name: x\nport: '1'", "w.yaml:2: port: '1' is not a whole number"),
        ("name: x\nopen: yes", "w.yaml:2: open: 'yes' is not true or false"),
        ("name: x\ncode: '12'", "w.yaml:2: code: '12' is not four digits"),
        ("name:", "w.yaml:1: name: null is not a text"),
        ("- name", 'w.yaml:1: ["name"] is not a mapping'),
        ("name: x\nchoice: [1]", 'w.yaml:2: choice[0]: 1 is read as a number, a text is wanted; quote it: "1"'),
        ("name: 1\nport: x\nopen: no", "w.yaml:1: name: 1 is read as a number"),
    ],
)
def test_breach_of_a_schema_is_one_line_that_says_the_cure(schema: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse(text, "w.yaml").check(schema)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_further_breaches_are_counted(schema: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\(and 2 more\)$"):
        documents.parse("name: 1\nport: x\nopen: no", "w.yaml").check(schema)


def test_value_of_a_breach_is_bounded_and_printable(schema: Path) -> None:
    text = json.dumps({"name": "x", "items": [{"level": "\x1b[31m\n" + "x" * 10_000}]})

    with pytest.raises(ConfigurationError) as caught:
        documents.parse(text, "w.json").check(schema)

    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_breach_in_json_has_the_line_of_the_value(schema: Path) -> None:
    text = '{\n "name": "a \\"[{:,",\n "port": 1,\n "items": [\n  {"level": "MUST"},\n  {\n   "level": "MAY"}]}'

    with pytest.raises(ConfigurationError, match=r"^w.json:7: items\[1\]\.level: 'MAY'"):
        documents.parse(text, "w.json").check(schema)


def test_words_that_yaml_1_1_turns_into_something_else_stay_words() -> None:
    text = "a: no\nb: on\nc: 1:20\nd: 2026-01-01\ne: 0x10de\nf: 1_000\n1.30: x\nyes: y"

    assert documents.parse(text, "w.yaml").data == {
        "a": "no",
        "b": "on",
        "c": "1:20",
        "d": "2026-01-01",
        "e": "0x10de",
        "f": "1_000",
        "1.30": "x",
        "yes": "y",
    }


def test_numbers_booleans_and_nothing_are_read_as_in_json() -> None:
    data = documents.parse("[1, -2, 0, 1.5, 1e3, true, false, null, ~, '1', \"true\"]", "w.yaml").data

    assert data == [1, -2, 0, 1.5, 1000.0, True, False, None, None, "1", "true"]
    assert [type(item) for item in data[:5]] == [int, int, int, float, float]


def test_missing_folder_and_binary_files_are_refused_in_one_line(tmp_path: Path) -> None:
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\xfe")
    for path, message in (
        (tmp_path / "none.yaml", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, ":2: not UTF-8 text"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            documents.load(path)

        assert message in str(caught.value)


def test_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("a: " + "x" * 100)

    assert documents.load(path, limit=103).data == {"a": "x" * 100}
    with pytest.raises(ConfigurationError, match="larger than 102 bytes"):
        documents.load(path, limit=102)


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf{}")

    assert documents.load(path).data == {}


def test_near_miss_is_suggested_and_a_stranger_is_not() -> None:
    assert (
        documents.did_you_mean("gang_sheduling", ["gang_scheduling", "gpu_sharing"])
        == "; did you mean 'gang_scheduling'?"
    )
    assert documents.did_you_mean("zzz", ["gang_scheduling"]) == ""


def test_replace_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    documents.replace(path, "old")

    with pytest.raises(UnicodeEncodeError):
        documents.replace(path, "new \ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
