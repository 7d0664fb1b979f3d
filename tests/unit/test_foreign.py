"""JSON and TOML that a stranger made are read within bounds, whatever they hold."""

import json

import pytest

from audiotag.errors import AudiotagError
from audiotag.foreign import MAX_BYTES, MAX_DEPTH, read_foreign_json, read_foreign_toml

JSON = {
    "deeper than Python's stack": b"[" * 200_000,
    "deeper than Python's stack, closed": b"[" * 20_000 + b"]" * 20_000,
    "deeper than asdict can copy": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "a number without end": b'{"folds": ' + b"9" * 100_000 + b"}",
    "half of a surrogate pair": rb'{"name": "\ud800"}',
    "not UTF-8": b'{"name": "\xff"}',
    "larger than any card": b" " * MAX_BYTES + b"{}",
    "half": b'{"name": "mi',
    "empty": b"",
}
TOML = {
    "deeper than Python's stack": b"a = " + b"[" * 20_000,
    "a key deeper than Python's stack": b".".join([b"a"] * 20_000) + b" = 1",
    "a number without end": b"a = " + b"9" * 100_000,
    "not UTF-8": b'a = "\xff"',
    "half": b"a = ",
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_json_that_cannot_be_used_is_one_short_sentence(tmp_path, content):
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(AudiotagError, match=r"card\.json ") as error:
        read_foreign_json(path)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("content", TOML.values(), ids=TOML)
def test_toml_that_cannot_be_used_is_one_short_sentence(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(AudiotagError, match=r"mine\.toml ") as error:
        read_foreign_toml(path)
    assert len(str(error.value)) < 500


def test_what_is_within_the_bounds_comes_back_as_it_is(tmp_path):
    values = {"a": [1, 2.5, -(2**63), None, True, "犬"], "b": {"c": {}}}
    (tmp_path / "a.json").write_text(json.dumps(values))
    assert read_foreign_json(tmp_path / "a.json") == values
    (tmp_path / "a.toml").write_text("\ufeffday = 2026-01-31\n[a]\nb = [[1]]\n", encoding="utf-8")
    assert read_foreign_toml(tmp_path / "a.toml")["a"] == {"b": [[1]]}


def test_missing_file_is_left_to_the_caller(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_foreign_json(tmp_path / "card.json")
