"""Each thing wrong with a table is a sentence that names it, and the other clips are used."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from ..conftest import ZENODO_CLIPS, clip_names


def test_subset_without_a_table_or_with_an_empty_one_has_no_clips(folder: Callable[..., Path]) -> None:
    root = folder(
        {"train_curated.csv": "fname,labels\na.wav,Bark\n", "train_noisy.csv": "fname,labels\n"}, "train_curated/a.wav"
    )
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated",)
    assert dataset.labels == ("Bark",)
    assert dataset.subset("noisy").empty


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("gone.wav,Bark\n", "gone.wav is listed in train_curated.csv but is not in"),
        ("c3.wav,\n", "c3.wav has no label in train_curated.csv, line 4; it is left out."),
        ('c3.wav," , "\n', "c3.wav has no label in train_curated.csv, line 4; it is left out."),
        (
            'c3.wav,"Bark,Moew"\n',
            "the label Moew, which is not among this dataset's 2; did you mean Meow? It is left out.",
        ),
        (
            "c3.wav,Xylophone\n",
            "c3.wav has the label Xylophone, which is not among this dataset's 2; is it spelt as in",
        ),
        ("sub/c3.wav,Bark\n", "sub/c3.wav is listed in train_curated.csv but is not in"),
        ("../test/t1.wav,Bark\n", "../test/t1.wav is listed in train_curated.csv but is not in"),
        ("/etc/passwd,Bark\n", "/etc/passwd is listed in train_curated.csv but is not in"),
        ("..,Bark\n", ".. is listed in train_curated.csv but is not in"),
        (",Bark\n", "train_curated.csv, line 4 has no file name; it is left out."),
    ],
)
def test_bad_row_is_reported_and_the_others_are_used(competition: Callable[..., Path], row: str, reason: str) -> None:
    dataset = open_dataset(competition(row, *(["c3.wav"] if row.startswith("c3.wav") else [])))
    assert len(dataset.problems) == 1
    assert reason in dataset.problems[0].reason
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist()[0] == ("Bark",)


def test_sounds_outside_the_table_are_reported_once_per_folder_with_both_counts(
    competition: Callable[..., Path],
) -> None:
    root = competition("", "x.wav", "y.WAV", "z.flac", "._c1.wav", "notes.txt")
    (root / "test/more.ogg").touch()
    dataset = open_dataset(root)
    assert [(problem.kind, problem.clip) for problem in dataset.problems] == [
        ("counts", "x.wav"),
        ("counts", "more.ogg"),
    ]
    assert [problem.reason for problem in dataset.problems] == [
        "train_curated/ holds 5 sounds, train_curated.csv names 2: 3, like x.wav, are not in the table.",
        "test/ holds 2 sounds, test_truth.csv names 1: more.ogg is not in the table.",
    ]
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]


@pytest.mark.parametrize("rows", ["gone.wav,Bark\n", "c3.wav,\n", "c3.wav,Bork\n", ",Bark\n"])
def test_rows_with_another_fault_do_not_make_counts_disagree(competition: Callable[..., Path], rows: str) -> None:
    clips = ["c3.wav"] if rows.startswith("c3.wav") else []
    (problem,) = open_dataset(competition(rows, *clips)).problems
    assert problem.kind != "counts"


def test_table_without_a_usable_clip_is_refused_with_the_reason(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"has no usable clip\. a\.wav is listed in t\.csv but is not in"):
        open_dataset(folder({"t.csv": "fname,label\na.wav,Bark\n"}))


def test_table_with_only_a_header_has_no_usable_clip(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"sounds/t\.csv has no usable clip\.$"):
        open_dataset(folder({"t.csv": "fname,label\n"}))


def test_bad_rows_leave_every_column_of_the_other_rows_aligned(folder: Callable[..., Path]) -> None:
    table = (
        "fname,label,fold,group,licence,freesound_id\n"
        "gone.wav,Rain,9,g9,L9,9\na.wav,Rain,1,g1,L1,1.0\na.wav,Rain,1,g8,L8,8\nc.wav,,7,g7,L7,7\nb.wav,Dog,2,g2,L2,2\n"
    )
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"))
    assert [problem.kind for problem in dataset.problems] == ["missing", "labels"]
    assert dataset.clips.index.tolist() == [0, 1]
    assert dataset.clips["labels"].tolist() == [("Rain",), ("Dog",)]
    assert dataset.clips["fold"].tolist() == [1, 2]
    assert dataset.clips["licence"].tolist() == ["L1", "L2"]
    assert dataset.clips["source"].tolist() == [f"https://freesound.org/s/{number}/" for number in (1, 2)]
    assert [path.name for path in dataset.clips["path"]] == clip_names(dataset) == ["a.wav", "b.wav"]


def test_rows_of_one_clip_are_one_with_all_labels(folder: Callable[..., Path]) -> None:
    table = "fname,label,fold\na.wav,Rain,1\nb.wav,Dog,2\n./a.wav,Dog,1\na.wav,Rain,1\nc.wav,Dog,1\nc.wav,Dog,2\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"))
    assert clip_names(dataset) == ["a.wav", "b.wav"]
    assert dataset.clips["labels"].tolist() == [("Rain", "Dog"), ("Dog",)]
    assert dataset.own_folds == (1, 2)
    assert [problem.reason for problem in dataset.problems] == [
        "c.wav has two folds in t.csv, 1 and 2; it is left out."
    ]


def test_cell_that_is_not_a_number_is_not_a_fold(folder: Callable[..., Path]) -> None:
    table = f"file,label,fold\na.wav,Rain,{'9' * 30}\nb.wav,Rain,-1\nc.wav,Rain,1.5\nd.wav,Rain,one\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav", "d.wav"))
    assert dataset.clips["fold"].isna().all()


def test_folds_count_only_where_every_clip_has_one(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1\nb.ogg,Rain,\n"
    assert open_dataset(folder({"half.csv": table}, "a.ogg", "b.ogg")).own_folds == ()


def test_folds_that_a_spreadsheet_made_decimal_are_folds(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1.0\nb.ogg,Rain,2.0\n"
    assert open_dataset(folder({"t.csv": table}, "a.ogg", "b.ogg")).own_folds == (1, 2)


def test_licence_column_of_either_spelling_is_read(shared: Path, folder: Callable[..., Path]) -> None:
    esc10 = open_dataset(shared / "data/esc10").clips
    assert set(esc10["licence"]) >= {"CC0", "CC-BY"}
    dataset = open_dataset(folder({"t.csv": "file,label,licence\na.wav,Rain,CC0\n"}, "a.wav"))
    assert dataset.clips["licence"].tolist() == ["CC0"]


def test_sounds_that_are_all_missing_are_one_sentence_and_their_labels_are_used(zenodo: Callable[..., Path]) -> None:
    dataset = open_dataset(zenodo("train_noisy/n1.wav", "train_noisy/n2.wav", "test/other.wav"))
    assert clip_names(dataset) == ["c1.wav", "n1.wav", "n2.wav", "t1.wav", "t2.wav"]
    assert dataset.problems == ()
    assert len(dataset.missing) == 2
    for sentence, subset in zip(dataset.missing, ("train_curated", "test"), strict=True):
        assert sentence.startswith(f"The sounds of {subset}_post_competition.csv are not in ")
        assert f"FSDKaggle2019.audio_{subset}: durations, levels and players need them" in sentence


def test_sounds_that_are_partly_missing_are_problems_one_by_one(zenodo: Callable[..., Path]) -> None:
    dataset = open_dataset(zenodo(*ZENODO_CLIPS[:3], "test/t1.wav", "test/t2.wav"))
    assert clip_names(dataset) == ["c1.wav", "n1.wav", "t1.wav", "t2.wav"]
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("n2.wav", "missing")]
    assert dataset.missing == ()
