"""The same label is found under other spellings, by rule or by the user's aliases, and never another one."""

import unicodedata
from pathlib import Path

import pytest

from audiotag.data.label_names import (
    LabelNames,
    aliases_path,
    parse_alias,
    parse_aliases,
    read_aliases,
    spelling_note,
    write_aliases,
)
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("Baby_cry", "Baby cry"),
        ("baby-cry", "BabyCry"),
        ("DOG", "dog"),
        ("Waves_and_surf", "Waves & surf"),
        ("Waves&Surf", "waves and surf"),
        (" dog  bark ", "dog bark"),
        ("dog\u2013bark", "dog bark"),
        (unicodedata.normalize("NFD", "Bébé"), unicodedata.normalize("NFC", "bébé")),
        ("STRASSE", "Straße"),
    ],
)
def test_spellings_of_one_label_are_matched_in_both_directions(label: str, other: str) -> None:
    assert LabelNames([other, "Meow"]).find(label) == other
    assert LabelNames([label, "Meow"]).find(other) == label


def test_other_labels_are_not_matched() -> None:
    names = LabelNames(["Bark", "Male speech", "C#"])
    assert [names.find(label) for label in ("Barks", "Female speech", "C", "")] == [None] * 4


def test_of_two_labels_that_differ_in_case_only_the_exact_one_is_found() -> None:
    names = LabelNames(["Dog", "dog"])
    assert (names.find("dog"), names.find("Dog"), names.find("DOG")) == ("dog", "Dog", None)


@pytest.mark.parametrize("aliases", [{"Infant crying": "Baby cry"}, {"baby_cry": "INFANT CRYING"}])
def test_an_alias_counts_in_both_directions_and_in_any_spelling(aliases: dict[str, str]) -> None:
    assert LabelNames(["Baby cry"], aliases).find("infant_crying") == "Baby cry"
    assert LabelNames(["Infant crying"], aliases).find("Baby cry") == "Infant crying"


def test_aliases_form_chains_and_a_circle_of_them_ends() -> None:
    assert LabelNames(["c"], {"a": "b", "b": "c"}).find("A") == "c"
    assert LabelNames(["c"], {"a": "b", "b": "c", "c": "a"}).find("A") == "c"


def test_a_label_of_the_vocabulary_is_itself_whatever_the_aliases_say() -> None:
    assert LabelNames(["a", "b"], {"a": "b"}).find("a") == "a"


def test_aliases_are_read_as_they_were_written(tmp_path: Path) -> None:
    aliases = {"Crying, infant": "Baby cry", 'a "quoted" name': "b\\c", "🐕": "Hund", "犬": "dog"}
    workspace = Workspace(tmp_path)
    assert read_aliases(workspace) == {}
    write_aliases(aliases, workspace)
    assert read_aliases(workspace) == aliases


@pytest.mark.parametrize("text", ["", "a", "a =", "= b", "a = b = c", "a\x07 = b", f"{'a' * 300} = b"])
def test_what_is_not_an_alias_is_refused(text: str) -> None:
    with pytest.raises(AudiotagError, match="alias"):
        parse_alias(text)


def test_empty_lines_are_no_aliases() -> None:
    assert parse_aliases(["", "a = b", "  "]) == {"a": "b"}


@pytest.mark.parametrize("content", [b'"a" = 1\n', b"a = \n", b"\xff\xfe", b'["a"]\nb = "c"\n'])
def test_a_damaged_alias_table_is_named_and_stays(tmp_path: Path, content: bytes) -> None:
    path = aliases_path(Workspace(tmp_path))
    path.write_bytes(content)
    with pytest.raises(AudiotagError, match=r"label-aliases\.toml"):
        read_aliases(Workspace(tmp_path))
    assert path.read_bytes() == content


def test_many_matched_labels_are_counted() -> None:
    note = spelling_note({f"label_{n}": f"Label {n}" for n in range(7)})
    assert note.startswith("7 labels were matched despite their spelling, or by an alias: label_0 = Label 0,")
    assert note.endswith(" and 2 more.")
    assert spelling_note({"a": "a"}) == ""
