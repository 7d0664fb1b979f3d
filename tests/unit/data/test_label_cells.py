"""Labels in cells are read as they were meant; where two readings are possible, the whole column decides."""

import unicodedata

import pytest

from audiotag.data.label_cells import WORDS, find_label_format
from audiotag.data.layouts.base import LABEL_SEPARATORS

ONE = WORDS["none"]
COMMAS, SEMICOLONS, BARS, SPACES = (WORDS[key] for key in ("comma", "semicolon", "bar", "space"))
STAY = "one label per row; commas are part of labels"
AUDIOSET = [
    *["Vehicle horn, car horn, honking", "Speech", "Inside, small room", "Inside, public space", "Chirp, tweet"],
    *["Male speech, man speaking", "Female speech, woman speaking", "Child speech, kid speaking", "Rain", "Car"],
]


@pytest.mark.parametrize(
    ("cells", "words", "labels"),
    [
        (["dog", "car horn", "dog bark"], ONE, [("dog",), ("car horn",), ("dog bark",)]),
        ([" dog ", "dog\u00a0", "'dog'", '"dog"', '"dog'], ONE, [("dog",)] * 5),
        (["dog,cat", "cat"], COMMAS, [("dog", "cat"), ("cat",)]),
        (["dog,cat", "rain"], COMMAS, [("dog", "cat"), ("rain",)]),
        (["dog, cat", "cat, bird", "bird, dog"], COMMAS, [("dog", "cat"), ("cat", "bird"), ("bird", "dog")]),
        (["dog, cat", "dog", "cat"], COMMAS, [("dog", "cat"), ("dog",), ("cat",)]),
        (["Vehicle horn, car horn, honking", "Rain"], STAY, [("Vehicle horn, car horn, honking",), ("Rain",)]),
        (AUDIOSET, STAY, [(name,) for name in AUDIOSET]),
        (
            ['"Vehicle horn, car horn, honking",Rain', "Rain"],
            COMMAS,
            [("Vehicle horn, car horn, honking", "Rain"), ("Rain",)],
        ),
        (["Horn, honking; Rain", "Rain"], SEMICOLONS, [("Horn, honking", "Rain"), ("Rain",)]),
        (["dog;cat", "dog;", ";cat;"], SEMICOLONS, [("dog", "cat"), ("dog",), ("cat",)]),
        (["dog|cat", "Horn, honking"], BARS, [("dog", "cat"), ("Horn, honking",)]),
        (["dog ,cat, ", "dog,,cat"], COMMAS, [("dog", "cat")] * 2),
        (["dog,", "cat,"], ONE, [("dog",), ("cat",)]),
        (["dog cat", "dog", "cat"], SPACES, [("dog", "cat"), ("dog",), ("cat",)]),
        (["dog cat", "dog"], ONE, [("dog cat",), ("dog",)]),
        (["/m/0a,/m/0b", "/t/dd"], COMMAS, [("/m/0a", "/m/0b"), ("/t/dd",)]),
        (["/m/0a /m/0b", "/m/0a"], SPACES, [("/m/0a", "/m/0b"), ("/m/0a",)]),
        (["dog\ncat", "dog"], "labels on lines of their own", [("dog", "cat"), ("dog",)]),
        (["dog,dog,cat"], COMMAS, [("dog", "cat")]),
    ],
)
def test_format_is_found_from_all_cells(cells: list[str], words: str, labels: list[tuple[str, ...]]) -> None:
    found = find_label_format(cells)
    assert [found.split(cell) for cell in cells] == labels
    assert found.words == words


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ('["dog", "cat"]', ("dog", "cat")),
        ("['dog', 'cat']", ("dog", "cat")),
        ("['dog' 'cat']", ("dog", "cat")),
        ("['dog'\n 'cat']", ("dog", "cat")),
        ("('dog', 'cat')", ("dog", "cat")),
        ("{'dog', 'cat'}", ("cat", "dog")),
        ("[dog, cat]", ("dog", "cat")),
        ("[dog]", ("dog",)),
        ('["Horn, honking", "dog"]', ("Horn, honking", "dog")),
        ("['dog\\'s bark', \"cat's\"]", ("dog's bark", "cat's")),
        ('["Gl\\u00f6ckchen"]', ("Glöckchen",)),
        ("{'dog': 1, 'cat': 0, 'bird': 0.7}", ("dog", "bird")),
        ('{"dog": true, "cat": false}', ("dog",)),
        ('[{"label": "dog", "score": 0.9}, {"label": "cat"}]', ("dog", "cat")),
        ('{"labels": ["dog", "cat"], "id": "7"}', ("dog", "cat")),
        ('[["dog"], ["cat", null]]', ("dog", "cat")),
        ("[7, 8]", ("7", "8")),
        ('["dog", "dog", " cat "]', ("dog", "cat")),
        ("[]", ()),
        ("[ ]", ()),
        ("{}", ()),
        ("()", ()),
        ('[""]', ()),
        ("[None]", ()),
    ],
)
def test_lists_of_every_language_are_read(cell: str, labels: tuple[str, ...]) -> None:
    found = find_label_format([cell, "rain"])
    assert found.split(cell) == labels
    assert found.split("rain") == ("rain",)


@pytest.mark.parametrize("cell", ["[" * 5000 + "]" * 5000, "(" * 5000 + "'a'" + ")" * 5000, "['a'" + ", 'a'" * 200_000])
def test_hostile_lists_end(cell: str) -> None:
    assert isinstance(find_label_format([cell]).split(cell), tuple)


def test_labels_that_look_the_same_are_the_same() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Glöckchen") for form in ("NFC", "NFD"))
    split = find_label_format([composed, decomposed]).split
    assert split(composed) == split(decomposed) == ("Glöckchen",)


@pytest.mark.parametrize(
    ("separator", "labels"),
    [
        ("comma", ("a b", "c", "d|e")),
        ("semicolon", ("a b,c", "d|e")),
        ("bar", ("a b,c;d", "e")),
        ("space", ("a", "b,c;d|e")),
        ("none", ("a b,c;d|e",)),
    ],
)
def test_separator_can_be_chosen(separator: str, labels: tuple[str, ...]) -> None:
    assert set(WORDS) == set(LABEL_SEPARATORS)
    found = find_label_format(["a b,c;d|e"], separator)
    assert (found.split("a b,c;d|e"), found.words) == (labels, WORDS[separator])
    assert found.split("") == ()


def test_vocabulary_knows_labels_with_commas() -> None:
    split = find_label_format(["Bark,Meow", "Horn, honking"], vocabulary=("Bark", "Meow", "Horn, honking")).split
    assert (split("Bark,Meow"), split("Horn, honking")) == (("Bark", "Meow"), ("Horn, honking",))
