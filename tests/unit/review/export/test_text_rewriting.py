"""In a text table every byte stays, but those of the labels that change."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset

from .exports import correct, export_of, labels_of, reopen, rewritten


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fname,label\na.wav,Dog\nb.wav,Cat\n", "fname,label\na.wav,Cat\nb.wav,Cat\n"),
        ("fname,label\r\na.wav,Dog\r\nb.wav,Cat\r\n", "fname,label\r\na.wav,Cat\r\nb.wav,Cat\r\n"),
        ("fname,label\ra.wav,Dog\rb.wav,Cat", "fname,label\ra.wav,Cat\rb.wav,Cat"),
        ('"fname","label"\n"a.wav","Dog"\n\n"b.wav","Cat"', '"fname","label"\n"a.wav","Cat"\n\n"b.wav","Cat"'),
        ("label;fname;note\nDog;a.wav;1,5\nCat;b.wav;\n", "label;fname;note\nCat;a.wav;1,5\nCat;b.wav;\n"),
        ("fname\tlabel\na.wav\tDog\nb.wav\tCat\n", "fname\tlabel\na.wav\tCat\nb.wav\tCat\n"),
        ("fname | label\na.wav | Dog\nb.wav | Cat\n", "fname | label\na.wav | Cat\nb.wav | Cat\n"),
        ("# of Ann\n#\nfname,label\na.wav,Dog\nb.wav,Cat\n", "# of Ann\n#\nfname,label\na.wav,Cat\nb.wav,Cat\n"),
        ("sep=;\nfname;label\na.wav;Dog\nb.wav;Cat\n", "sep=;\nfname;label\na.wav;Cat\nb.wav;Cat\n"),
        ("a.wav Dog\nb.wav Cat\n", "a.wav Cat\nb.wav Cat\n"),
        ("fname  label\n a.wav   Dog  \nb.wav Cat\n", "fname  label\n a.wav   Cat  \nb.wav Cat\n"),
        ("a.wav,Dog\nb.wav,Cat\n", "a.wav,Cat\nb.wav,Cat\n"),
        (
            'fname,note,label\na.wav,"two\nlines, and ""quotes""",Dog\nb.wav, x ,Cat\n',
            'fname,note,label\na.wav,"two\nlines, and ""quotes""",Cat\nb.wav, x ,Cat\n',
        ),
        ('fname,size,label\na.wav,12",Dog\nb.wav,3",Cat\n', 'fname,size,label\na.wav,12",Cat\nb.wav,3",Cat\n'),
        ("fname,label,\na.wav,Dog,\nb.wav,Cat,\n", "fname,label,\na.wav,Cat,\nb.wav,Cat,\n"),
        ("fname,label\na.wav,Dog\n,\nb.wav,Cat\n", "fname,label\na.wav,Cat\n,\nb.wav,Cat\n"),
        ("fname,label\na.wav,Dog\n  \nb.wav,Cat\n", "fname,label\na.wav,Cat\n  \nb.wav,Cat\n"),
    ],
)  # fmt: skip
def test_text_stays_as_it_is_around_the_label(dataset_at: Callable, before: str, after: str) -> None:
    root = dataset_at(before)
    assert rewritten(root, a="Cat").decode() == after


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_byte_order_marks_stay(dataset_at: Callable, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    before = 'fname,label\na.wav,"Dog"\nb.wav,Bär\n'
    root = dataset_at(mark + before.encode(encoding))
    assert rewritten(root, a="Bär") == mark + before.replace("Dog", "Bär").encode(encoding)


def test_other_encodings_and_compression_stay(dataset_at: Callable) -> None:
    before = "fname,label\na.wav,Glöckchen\nb.wav,Bär\n"
    root = dataset_at(before.encode("cp1252"))
    assert rewritten(root, a="Bär") == before.replace("Glöckchen", "Bär").encode("cp1252")
    (root / "t.csv").unlink()
    (root / "t.csv.gz").write_bytes(gzip.compress(before.encode()))
    assert gzip.decompress(rewritten(root, "t.csv.gz", a="Bär")).decode() == before.replace("Glöckchen", "Bär")


def test_damaged_bytes_elsewhere_stay(dataset_at: Callable) -> None:
    before = "fname,note,label\na.wav,äöüäöü,Dog\nb.wav,§§,Cat\n".encode().replace(b"\xc2\xa7\xc2\xa7", b"\xe4")
    root = dataset_at(before)
    assert rewritten(root, a="Cat") == before.replace(b"Dog", b"Cat")


def test_a_label_that_the_encoding_lacks_is_written_into_a_plain_table(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Glöckchen\nb.wav,Bär\n".encode("cp1252"))
    export = export_of(root, correct(open_dataset(root), a="鐘"))
    assert "because t.csv cannot be written with them: its encoding, cp1252, has no 鐘" in export.notes[0]
    assert labels_of(reopen(export, root, tmp_path)) == {
        ("curated", "a.wav"): {"鐘"},
        ("curated", "b.wav"): {"Bär"},
    }
