"""A written export, opened again, has exactly the corrected labels, and the dataset itself is not touched."""

import csv
import gzip
import io
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.review.export.exporting import Export, export_labels
from audiotag.workspace import Workspace

from ...data.layouts.conftest import EXAMPLES as TABLES
from ...data.layouts.examples_folders import EXAMPLES as FOLDERS

# Layouts whose tables are written in their own format; the labels of the others are in names of files and folders, in
# label tracks, or in several rows per clip.
OWN_FORMAT = {
    "fsdkaggle2019-kaggle", "fsdkaggle2019-zenodo", "fsd50k", "fsdnoisy18k", "fsdkaggle2018", "dcase-scenes",
    "kitchen20", "esc50", "birdclef", "split-tables", "table", "urbansound8k",
}  # fmt: skip


def labels_of(dataset: Dataset) -> dict[tuple[str, str], frozenset[str]]:
    clips = dataset.clips
    return {
        (subset, clip): frozenset(labels)
        for subset, clip, labels in zip(clips["subset"], clips["clip"], clips["labels"], strict=True)
    }


def correct(dataset: Dataset, **changes: str) -> list[Correction]:
    """Corrections of clips by the stems of their names; labels are separated by bars."""
    found = []
    for row in dataset.clips.itertuples():
        stem = Path(row.clip).stem
        if stem in changes:
            found.append(Correction(row.subset, row.clip, row.labels, tuple(filter(None, changes[stem].split("|")))))
    assert len(found) == len(changes)
    return found


def export_of(root: Path, corrections: list[Correction], **options: Any) -> Export:
    workspace = Workspace()
    workspace.remember_dataset(root, options)
    return export_labels(open_dataset(root, **options), corrections, workspace)


def reopen(export: Export, root: Path, tmp_path: Path, **options: Any) -> Dataset:
    """The dataset with the files of an export in place of its own, in a copy."""
    folder = root if root.is_dir() else root.parent
    base = Path(tmp_path / "copies" / str(len(list(tmp_path.glob("copies/*")))) / folder.name)
    shutil.copytree(folder, base)
    for name, content in export.files.items():
        (base / name).write_bytes(content)
    if export.is_own_format:
        return open_dataset(base / root.relative_to(folder), **options)
    return open_dataset(base / next(iter(export.files)))


def random_corrections(dataset: Dataset, rng: random.Random, most: int) -> list[Correction]:
    found = []
    for row in dataset.clips.itertuples():
        if rng.random() < 0.6:
            after = tuple(rng.sample(dataset.labels, rng.randint(1, min(most, len(dataset.labels)))))
            found.append(Correction(row.subset, row.clip, row.labels, after))
    return found


def expected(dataset: Dataset, corrections: list[Correction]) -> dict[tuple[str, str], frozenset[str]]:
    after = {(one.subset, one.clip): frozenset(one.after) for one in corrections}
    return {key: found for key, own in labels_of(dataset).items() if (found := after.get(key, own))}


def by_path(found: dict[tuple[str, str], frozenset[str]]) -> dict[str, frozenset[str]]:
    return {clip: labels for (_, clip), labels in found.items()}


TABLE_CASES = [(key, build) for key, builds in TABLES.items() for build in builds]


@pytest.mark.parametrize(("key", "build"), TABLE_CASES, ids=[f"{key}-{at}" for at, (key, _) in enumerate(TABLE_CASES)])
@pytest.mark.parametrize(("seed", "most"), [(0, 1), (1, 3)])
def test_every_layout_with_tables(
    key: str, build: Callable, seed: int, most: int, tmp_path: Path, contents: Callable
) -> None:
    (tmp_path / "release").mkdir()
    root = build(tmp_path / "release")
    before = contents(tmp_path / "release")
    dataset = open_dataset(root)
    if not dataset.labels:
        with pytest.raises(AudiotagError, match="has no labels to export; review some clips first"):
            export_of(root, [])
        return
    corrections = random_corrections(dataset, random.Random(seed), most)
    export = export_of(root, corrections)
    assert contents(tmp_path / "release") == before
    again = labels_of(reopen(export, root, tmp_path))
    if export.is_own_format:
        assert again == expected(dataset, corrections)
    else:
        assert sorted(map(sorted, again.values())) == sorted(map(sorted, expected(dataset, corrections).values()))
        assert len(export.notes) == 1, export.notes
    if corrections and most == 1:
        assert export.is_own_format == bool(dataset.table_rows), export.notes
        assert key in OWN_FORMAT or not dataset.table_rows


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layout_without_tables(name: str, tmp_path: Path, contents: Callable) -> None:
    (tmp_path / "release").mkdir()
    root = FOLDERS[name].build(tmp_path / "release")
    before = contents(tmp_path / "release")
    dataset = open_dataset(root)
    if not dataset.labels:
        return
    corrections = random_corrections(dataset, random.Random(0), 2)
    export = export_of(root, corrections)
    assert contents(tmp_path / "release") == before
    wanted = expected(dataset, corrections)
    if export.is_own_format:
        assert {key: own for key, own in labels_of(reopen(export, root, tmp_path)).items() if own} == wanted
    else:
        assert len(export.notes) == 1, export.notes
        if all(path.is_relative_to(tmp_path / "release") for path in dataset.clips["path"]):
            again = labels_of(reopen(export, root, tmp_path)).values()
        else:
            assert "The sounds are not files in the dataset's folder" in export.notes[0]
            rows = list(csv.DictReader(io.StringIO(export.files["corrected-labels.csv"].decode())))
            again = [row["labels"].split(",") for row in rows]
        assert sorted(map(sorted, again)) == sorted(map(sorted, wanted.values()))


# Text tables: every byte but those of the labels stays


@pytest.fixture
def dataset_at(tmp_path: Path) -> Callable[..., Path]:
    """``dataset_at(content, name)``: a folder with the empty sounds a, b and c, and a table; gives the folder."""

    def make(content: str | bytes, name: str = "t.csv", sounds: str = "a b c") -> Path:
        folder = tmp_path / "set"
        folder.mkdir()
        for sound in sounds.split():
            (folder / f"{sound}.wav").touch()
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make


def rewritten(root: Path, name: str = "t.csv", options: dict[str, Any] | None = None, **changes: str) -> bytes:
    """The table with these labels, which is in its own format and says nothing else."""
    export = export_of(root, correct(open_dataset(root, **(options or {})), **changes), **(options or {}))
    assert (export.is_own_format, export.notes, list(export.files)) == (True, (), [name])
    return export.files[name]


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


# How labels are written


@pytest.mark.parametrize(
    ("cells", "after"),
    [
        (['"Dog,Rain"', "Cat", '"Cat,Rain"'], '"Dog,Cat"'),
        (['"Dog, Rain"', "Cat", "Rain"], '"Dog, Cat"'),
        (["Dog;Rain", "Cat", "Cat;Rain"], "Dog;Cat"),
        (["Dog; Rain", "Cat", "Cat; Rain"], "Dog; Cat"),
        (["Dog|Rain", "Cat", "Cat|Rain"], "Dog|Cat"),
        (["Dog Rain", "Cat", "Dog", "Rain"], "Dog Cat"),
        (['"[""Dog"", ""Rain""]"', '"[""Cat""]"', "[]"], '"[""Dog"", ""Cat""]"'),
        (["\"['Dog', 'Rain']\"", "['Cat']", "\"['Cat', 'Dog']\""], "\"['Dog', 'Cat']\""),
        (["Dog", "Cat", "Rain"], '"Dog,Cat"'),
        (['"Dog\nRain"', "Cat", "Rain"], '"Dog\nCat"'),
    ],
)
def test_labels_are_separated_as_the_table_separates_them(dataset_at: Callable, cells: list[str], after: str) -> None:
    def table(cells: list[str]) -> str:
        return "fname,labels\n" + "".join(f"{name}.wav,{cell}\n" for name, cell in zip("abcd", cells, strict=False))

    root = dataset_at(table(cells), sounds="a b c d")
    assert rewritten(root, a="Dog|Cat").decode() == table([after, *cells[1:]])


def test_a_label_with_a_comma_beside_others_is_a_list(dataset_at: Callable, tmp_path: Path) -> None:
    table = 'fname,label\na.wav,"Inside, small room"\nb.wav,"Outside, urban"\nc.wav,Silence\n'
    root = dataset_at(table)
    assert open_dataset(root).labels == ("Inside, small room", "Outside, urban", "Silence")
    assert rewritten(root, c="Outside, urban").decode() == table.replace("Silence", '"Outside, urban"')
    both = rewritten(root, c="Silence|Outside, urban").decode()
    assert both == table.replace("Silence", '"[""Silence"", ""Outside, urban""]"')
    assert open_dataset(root).labels == ("Inside, small room", "Outside, urban", "Silence")


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("yes", "no"), ("x", ""), ("TRUE", "FALSE")]
)
def test_columns_of_0_and_1_keep_their_style(dataset_at: Callable, yes: str, no: str) -> None:
    table = (
        "fname,split,is_dog,is_cat,is_rain\na.wav,train,{y},{n},{n}\nb.wav,train,{n},{y},{n}\nc.wav,test,{n},{n},{y}\n"
    )
    root = dataset_at(table.format(y=yes, n=no))
    expected = table.replace("train,{y},{n},{n}", "train,{n},{y},{y}").format(y=yes, n=no)
    assert rewritten(root, a="cat|rain").decode() == expected


def test_probabilities_that_say_the_same_stay(dataset_at: Callable) -> None:
    root = dataset_at("fname,dog,cat,rain\na.wav,0.9,0.2,0.7\nb.wav,0.1,0.8,0.3\n")
    expected = "fname,dog,cat,rain\na.wav,0.9,1,0\nb.wav,0.1,0.8,0.3\n"
    assert rewritten(root, a="dog|cat").decode() == expected


def test_several_columns_of_labels_are_filled_one_after_the_other(dataset_at: Callable, tmp_path: Path) -> None:
    table = "fname,label1,label2\na.wav,Dog,Rain\nb.wav,Cat,\nc.wav,Rain,Cat\n"
    root = dataset_at(table)
    assert rewritten(root, a="Rain", b="Cat|Dog").decode() == (
        "fname,label1,label2\na.wav,Rain,\nb.wav,Cat,Dog\nc.wav,Rain,Cat\n"
    )
    export = export_of(root, correct(open_dataset(root), a="Rain|Dog|Cat"))
    assert "it has 2 columns of labels, and a clip has now 3 labels" in export.notes[0]


def test_a_label_without_a_column_is_written_into_a_plain_table(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,dog,cat\na.wav,1,0\nb.wav,0,1\n")
    export = export_of(root, correct(open_dataset(root), a="dog|frog"))
    assert not export.is_own_format
    assert "because t.csv cannot be written with them: it has no column for frog. To use it" in export.notes[0]
    assert export.files == {"corrected-labels.csv": b'fname,labels\na.wav,"dog,frog"\nb.wav,cat\n'}
    assert export.file_name == "corrected-labels.csv"


def test_a_clip_without_labels_is_said(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\n")
    export = export_of(root, correct(open_dataset(root), a=""))
    assert export.files == {"t.csv": b"fname,label\na.wav,\nb.wav,Cat\n"}
    assert export.notes == ("1 clip has no label left; audiotag leaves such clips out when it opens the table.",)
    assert labels_of(reopen(export, root, tmp_path)) == {("curated", "b.wav"): {"Cat"}}


def test_rows_of_one_clip_change_together_or_not_at_all(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\na.wav,Dog\n")
    assert rewritten(root, a="Cat") == b"fname,label\na.wav,Cat\nb.wav,Cat\na.wav,Cat\n"
    (root / "t.csv").write_text("fname,onset,offset,label\na.wav,0,1,Dog\na.wav,1,2,Rain\nb.wav,0,1,Cat\n")
    export = export_of(root, correct(open_dataset(root), a="Cat|Rain"))
    assert "a.wav is in several rows with different labels" in export.notes[0]
    assert labels_of(reopen(export, root, tmp_path))["curated", "a.wav"] == {"Cat", "Rain"}


# Columns that say the same as the labels


def test_the_target_of_esc50_follows_its_category(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["esc50"][0](tmp_path / "release")
    dataset = open_dataset(root)
    export = export_of(root, correct(dataset, **{"1-100032-A-0": "crow", "2-110389-B-9": "dog"}))
    rows = list(csv.reader(io.StringIO(export.files["meta/esc50.csv"].decode())))
    assert rows[1:] == [
        ["1-100032-A-0.wav", "1", "9", "crow", "True", "100032", "A"],
        ["1-110389-A-0.wav", "2", "0", "dog", "True", "110389", "A"],
        ["2-110389-B-9.wav", "2", "0", "dog", "False", "110389", "B"],
    ]
    both = export_of(root, correct(dataset, **{"1-100032-A-0": "crow|dog"}))
    assert not both.is_own_format
    assert "meta/esc50.csv has one label per clip, and 1-100032-A-0.wav has several now. To use it" in both.notes[0]


def test_codes_of_labels_follow_them_and_a_new_label_has_none(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["fsd50k"][0](tmp_path / "release")
    export = export_of(root, correct(open_dataset(root), **{"64760": "Guitar|Dog", "16399": "Frog"}))
    rows = list(csv.reader(io.StringIO(export.files["FSD50K.ground_truth/dev.csv"].decode())))
    assert rows[1:] == [
        ["64760", "Guitar,Dog", "/m/0342h,/m/0bt9lr", "train"],
        ["16399", "Frog", "", "val"],
        ["345111", "Bark,Dog", "/m/05tny_,/m/0bt9lr", "train"],
    ]
    assert export.notes == (
        "FSD50K.ground_truth/dev.csv: The column mids has no value for Frog; its cells stay empty there.",
    )


def test_who_recorded_a_label_does_not_change_with_it(dataset_at: Callable) -> None:
    table = "fname,label,take,by\n" + "".join(
        f"{name}.wav,{label},{take},{by}\n"
        for name, label, take, by in zip("abcdef", ["Dog", "Cat"] * 3, "121212", ["Ann", "Bob"] * 3, strict=True)
    )
    root = dataset_at(table, sounds="a b c d e f")
    found = rewritten(root, a="Cat").decode().splitlines()
    assert found[1] == "a.wav,Cat,2,Ann"  # the numbers are those of the labels, as far as the table tells
    assert found[2:] == table.splitlines()[2:]


# Other kinds of files


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '[{"file": "a.wav", "label": "Dog", "gain": 1e0},\n {"file": "b.wav", "label": "Cat"}]',
            '[{"file": "a.wav", "label": "Cat", "gain": 1e0},\n {"file": "b.wav", "label": "Cat"}]',
        ),
        (
            '{"version": 2, "clips": [{"file": "a.wav", "labels": ["Dog"]}, {"file": "b.wav", "labels": ["Cat"]}]}',
            '{"version": 2, "clips": [{"file": "a.wav", "labels": ["Cat"]}, {"file": "b.wav", "labels": ["Cat"]}]}',
        ),
        ('{"a.wav": ["Dog"], "b.wav": ["Cat"]}', '{"a.wav": ["Cat"], "b.wav": ["Cat"]}'),
        ('{"a.wav": "Dog", "b.wav": "Cat"}', '{"a.wav": "Cat", "b.wav": "Cat"}'),
        ('{"file": ["a.wav", "b"], "label": ["Dog", "Cat"]}', '{"file": ["a.wav", "b"], "label": ["Cat", "Cat"]}'),
        (
            '{"file": {"0": "a.wav", "1": "b.wav"}, "label": {"0": "Dog", "1": "Cat"}}',
            '{"file": {"0": "a.wav", "1": "b.wav"}, "label": {"0": "Cat", "1": "Cat"}}',
        ),
        (
            '{"a.wav": {"label": "Dog", "x": [1]}, "b.wav": {"label": "Cat"}}',
            '{"a.wav": {"label": "Cat", "x": [1]}, "b.wav": {"label": "Cat"}}',
        ),
        (
            '[{"audio": {"path": "a.wav"}, "is": {"label": "Dog"}}, {"audio": {"path": "b"}, "is": {"label": "Cat"}}]',
            '[{"audio": {"path": "a.wav"}, "is": {"label": "Cat"}}, {"audio": {"path": "b"}, "is": {"label": "Cat"}}]',
        ),
        (
            '[{"file": "a.wav", "Dog": true, "Cat": false}, {"file": "b.wav", "Dog": false, "Cat": true}]',
            '[{"file": "a.wav", "Dog": false, "Cat": true}, {"file": "b.wav", "Dog": false, "Cat": true}]',
        ),
        (
            '[{"file": "a.wav", "Dog": 1, "Cat": 0}, {"file": "b.wav", "Dog": 0, "Cat": 1}]',
            '[{"file": "a.wav", "Dog": 0, "Cat": 1}, {"file": "b.wav", "Dog": 0, "Cat": 1}]',
        ),
    ],
)  # fmt: skip
def test_json_stays_as_it_is_around_the_label(dataset_at: Callable, before: str, after: str) -> None:
    root = dataset_at(before, "t.json") / "t.json"
    assert rewritten(root, "t.json", a="Cat").decode() == after


def test_lines_of_json_stay_as_they_are(dataset_at: Callable) -> None:
    before = '{"file":"a.wav","labels":["Dog"],"n":1.50}\r\n\r\n{"labels": ["Cat", "Dog"], "file": "b.wav"}\r\n'
    root = dataset_at(before, "t.jsonl")
    after = before.replace('["Dog"]', '["Cat", "Bär"]')
    assert rewritten(root, "t.jsonl", a="Cat|Bär").decode() == after.replace("ä", "\\u00e4")


def test_workbooks_keep_their_other_cells_and_sheets(dataset_at: Callable) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in (
        ["my sounds"],
        [],
        ["fname", "label", "n", "=x"],
        ["a.wav", "Dog", 1.5, True],
        [],
        ["b.wav", "Cat", 2, None],
    ):
        book.active.append(line)
    book.active["B4"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("other").append(["=1+1"])
    content = io.BytesIO()
    book.save(content)
    root = dataset_at(content.getvalue(), "t.xlsx")
    after = openpyxl.load_workbook(io.BytesIO(rewritten(root, "t.xlsx", a="=HYPERLINK(0)")))
    rows = [[cell.value for cell in row] for row in after.worksheets[0].iter_rows()]
    assert rows[3] == ["a.wav", "=HYPERLINK(0)", 1.5, True]
    assert rows[5] == ["b.wav", "Cat", 2, None]
    assert after.worksheets[0]["B4"].data_type == "s"
    assert after.worksheets[0]["B4"].font.bold
    assert after["other"]["A1"].value == "=1+1"


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary", "list"])
def test_parquet_keeps_its_types_and_metadata(dataset_at: Callable, tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "string": pa.string(),
        "large_string": pa.large_string(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "list": pa.list_(pa.string()),
    }
    labels = [["Dog"], ["Cat", "Dog"]] if kind == "list" else ["Dog", "Cat"]
    base = pa.array(labels, pa.string()).dictionary_encode() if kind == "dictionary" else pa.array(labels, types[kind])
    table = pa.table(
        {"file": ["a.wav", "b.wav"], "labels": base, "n": pa.array([1, None], pa.int8()), "x": [b"\x00", b"\xff"]}
    ).replace_schema_metadata({"who": "Ann"})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    root = dataset_at(content.getvalue(), "t.parquet")
    found = pq.ParquetFile(io.BytesIO(rewritten(root, "t.parquet", a="Cat")))
    after, table = found.read(), pq.read_table(root / "t.parquet")
    assert after.schema.equals(table.schema, check_metadata=True)
    assert after.column("labels").to_pylist() == ([["Cat"], ["Cat", "Dog"]] if kind == "list" else ["Cat", "Cat"])
    assert after.drop_columns("labels").equals(table.drop_columns("labels"))
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"


def test_flags_of_a_workbook_and_of_parquet_keep_their_types(dataset_at: Callable) -> None:
    import pyarrow.parquet as pq

    table = pd.DataFrame({"file": ["a.wav", "b.wav"], "dog": [True, False], "cat": [0, 1]})
    content = io.BytesIO()
    table.to_parquet(content)
    root = dataset_at(content.getvalue(), "t.parquet")
    after = pq.read_table(io.BytesIO(rewritten(root, "t.parquet", a="cat"))).to_pydict()
    assert (after["dog"], after["cat"]) == ([False, False], [1, 1])
    (root / "t.parquet").unlink()
    openpyxl = pytest.importorskip("openpyxl")
    table.to_excel(root / "t.xlsx", index=False)
    sheet = openpyxl.load_workbook(io.BytesIO(rewritten(root, "t.xlsx", a="cat"))).worksheets[0]
    assert [cell.value for cell in sheet[2]] == ["a.wav", False, 1]


def test_audiofolder_of_hugging_face(dataset_at: Callable) -> None:
    root = dataset_at("file_name,labels\na.wav,Dog\nb.wav,Cat\n", "metadata.csv")
    assert open_dataset(root).layout_key == "huggingface-audiofolder"
    assert rewritten(root, "metadata.csv", a="Cat|Dog") == b'file_name,labels\na.wav,"Cat,Dog"\nb.wav,Cat\n'


# Where it is written


def test_hostile_names_and_labels_come_back(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\n", sounds="")
    names = ["=1+1.wav", "a b\u202e.wav", "<b>x.wav", "[l](http:x).wav"]
    for name in names:
        (root / name).touch()
    with (root / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("fname", "label"), *((name, "Dog") for name in names)])
    after = ["@SUM(1)", "</script>", "a;b, c|d", "*x* `y`"]
    corrections = [Correction("curated", name, ("Dog",), (label,)) for name, label in zip(names, after, strict=True)]
    export = export_of(root, corrections)
    wanted = {("curated", name): frozenset([label]) for name, label in zip(names, after, strict=True)}
    assert labels_of(reopen(export, root, tmp_path)) == wanted
    for_spreadsheet = export_labels(open_dataset(root), [], Workspace(), for_spreadsheet=True)
    assert for_spreadsheet.is_own_format


def test_plain_tables_for_spreadsheets_are_disarmed(tmp_path: Path) -> None:
    for name in ("=Dog/a.wav", "Cat/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    dataset = open_dataset(tmp_path / "set")
    assert b"\n=Dog/a.wav,=Dog" in export_labels(dataset, [], Workspace()).files["corrected-labels.csv"]
    disarmed = export_labels(dataset, [], Workspace(), for_spreadsheet=True).files["corrected-labels.csv"]
    assert b"\n'=Dog/a.wav,'=Dog" in disarmed


def test_several_tables_are_one_zip_or_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["fsdkaggle2019-kaggle"][0](tmp_path / "release")
    export = export_of(root, correct(open_dataset(root), c1="Bark"))
    assert export.file_name == "release-corrected.zip"
    wanted = {
        "train_curated.csv": b"fname,labels\nc1.wav,Bark\n",
        "train_noisy.csv": b"fname,labels\nn1.wav,Meow\n",
    }
    assert export.files == {"train_curated.csv": b'fname,labels\nc1.wav,"Bark"\n'} | {
        "train_noisy.csv": wanted["train_noisy.csv"]
    }
    with zipfile.ZipFile(io.BytesIO(export.to_bytes())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == export.files
    written = export.write(tmp_path / "out")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in written) == [
        "out/train_curated.csv",
        "out/train_noisy.csv",
    ]
    (zipped,) = export.write(tmp_path / "out.zip")
    assert zipfile.is_zipfile(zipped)


def test_files_of_the_dataset_are_never_written(dataset_at: Callable, contents: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\n")
    before = contents(root)
    export = export_of(root, correct(open_dataset(root), a="Cat"))
    (tmp_path / "link.csv").symlink_to(root / "t.csv")
    for out in (root / "t.csv", root / "a.wav", root, tmp_path / "link.csv", root / ".." / "set" / "t.csv"):
        with pytest.raises(
            AudiotagError, match="is a file of the dataset, which is never changed; choose another name"
        ):
            export.write(out)
    assert contents(root) == before
    assert export.write(tmp_path / "new.csv") == [tmp_path / "new.csv"]
    assert export.file_name == "corrected-t.csv"
    assert (tmp_path / "new.csv").read_text() == "fname,label\na.wav,Cat\nb.wav,Cat\n"


def test_options_by_which_a_dataset_is_read_count(dataset_at: Callable) -> None:
    root = dataset_at("fname,label,other\na.wav,x,Dog\nb.wav,y,Cat\n")
    options = {"label_column": "other"}
    assert rewritten(root, "t.csv", options, a="Cat").decode() == "fname,label,other\na.wav,x,Cat\nb.wav,y,Cat\n"


def test_the_table_given_by_its_path_and_a_table_in_meta(tmp_path: Path) -> None:
    for name in ("meta/t.csv", "audio/a.wav", "audio/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set/meta/t.csv").write_text("fname,label\na.wav,Dog\nb.wav,Cat\n")
    for root in (tmp_path / "set/meta/t.csv", tmp_path / "set"):
        found = rewritten(root, "meta/t.csv", a="Cat")
        assert found == b"fname,label\na.wav,Cat\nb.wav,Cat\n"


def test_without_links_the_check_works_on_empty_files(dataset_at: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    root = dataset_at("fname,label\nin/d.wav,Dog\nb.wav,Cat\n")
    (root / "in").mkdir()
    (root / "in" / "d.wav").write_bytes(b"RIFF")
    assert rewritten(root, d="Cat") == b"fname,label\nin/d.wav,Cat\nb.wav,Cat\n"
