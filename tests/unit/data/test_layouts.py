"""Datasets are recognised; each thing wrong with a table is a sentence that names it, and the other clips go on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.tables import TableOptions, read_table, split_labels
from audiotag.errors import AudiotagError

CONDEMNED = {"f76181c4", "77b925c2", "6a1f682a", "c7db12aa", "7752cc8a", "1d44b0bd"}  # RECIPES.md


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder({"table.csv": text}, *clips)``: a dataset's folder; its clips are empty files, for none is opened."""

    def make(tables: dict[str, str], *clips: str) -> Path:
        root = tmp_path / "sounds"
        for clip in clips:
            (root / clip).parent.mkdir(parents=True, exist_ok=True)
            (root / clip).touch()
        root.mkdir(exist_ok=True)
        for name, text in tables.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def zenodo(folder: Callable[..., Path]) -> Callable[..., Path]:
    """``zenodo(*clips)``: the release on Zenodo in small; of its sounds, these."""

    def make(*clips: str) -> Path:
        meta, freesound = "FSDKaggle2019.meta", "freesound_id,license"
        return folder(
            {
                f"{meta}/vocabulary.csv": "0,Bark\n1,Meow\n",
                f"{meta}/train_curated_post_competition.csv": f'fname,labels,{freesound}\nc1.wav,"Bark,Meow",11,CC0\n'
                "1d44b0bd.wav,Bark,12,CC-BY\n",
                f"{meta}/train_noisy_post_competition.csv": "fname,labels,flickr_video_URL,license\n"
                "n1.wav,Meow,http://www.flickr.com/videos/1/,CC BY 2.0\n"
                "n2.wav,Bark,http://www.flickr.com/videos/1/,CC BY 2.0\n",
                f"{meta}/test_post_competition.csv": f"fname,labels,usage,{freesound}\nt1.wav,Meow,Public,13,CC0\n"
                "t2.wav,Meow,Private,13,CC0\n",
            },
            *(f"FSDKaggle2019.audio_{clip}" for clip in clips),
        )

    return make


@pytest.fixture
def competition(folder: Callable[..., Path]) -> Callable[..., Path]:
    """``competition(rows)``: a competition folder whose curated table also has these rows, ``Bark`` and ``Meow``."""

    def make(rows: str = "", *clips: str) -> Path:
        return folder(
            {
                "train_curated.csv": f'fname,labels\nc1.wav,Bark\nc2.wav,"Bark,Meow"\n{rows}',
                "train_noisy.csv": "fname,labels\nn1.wav,Meow\n",
                "test_truth.csv": "fname,labels\nt1.wav,Meow\n",
                "sample_submission.csv": "fname,Bark,Meow\nt1.wav,0,0\n",
            },
            *("train_curated/c1.wav", "train_curated/c2.wav", "train_noisy/n1.wav", "test/t1.wav"),
            *(f"train_curated/{clip}" for clip in clips),
        )

    return make


def clip_names(dataset: Dataset) -> list[str]:
    return dataset.clips["clip"].tolist()


def test_the_competitions_folder_is_recognised(competition: Callable[..., Path]) -> None:
    root = competition()
    dataset = open_dataset(root)
    assert (dataset.name, dataset.root, dataset.layout) == ("sounds", root, "Freesound Audio Tagging 2019")
    assert dataset.labels == ("Bark", "Meow")
    assert dataset.subsets == ("curated", "noisy", "test")
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist() == [("Bark",), ("Bark", "Meow")]
    assert dataset.subset("test")["path"].tolist() == [root / "test/t1.wav"]
    assert dataset.own_folds == ()
    assert dataset.problems == ()


def test_a_subset_without_a_table_or_with_an_empty_one_is_absent(folder: Callable[..., Path]) -> None:
    root = folder(
        {"train_curated.csv": "fname,labels\na.wav,Bark\n", "train_noisy.csv": "fname,labels\n"}, "train_curated/a.wav"
    )
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated",)
    assert dataset.labels == ("Bark",)
    assert dataset.subset("noisy").empty


def test_a_table_beside_its_sounds_is_recognised_with_folds_and_groups(folder: Callable[..., Path]) -> None:
    table = "fname,label,fold,source_id\na.ogg,Rain,1,77\nb.ogg,Rain,2,78\nc.ogg,Dog bark,2,78\n"
    root = folder({"esc.csv": table}, "audio/a.ogg", "audio/b.ogg", "audio/c.ogg")
    for opened in (root, root / "esc.csv"):
        dataset = open_dataset(opened)
        assert dataset.root == opened
        assert dataset.name == "esc"
        assert dataset.labels == ("Dog bark", "Rain")
        assert dataset.own_folds == (1, 2)
        assert dataset.clips["fold"].tolist() == [1, 2, 2]
        assert dataset.clips["group"].tolist() == ["77", "78", "78"]
        assert dataset.clips["path"].tolist() == [root / "audio" / name for name in ("a.ogg", "b.ogg", "c.ogg")]


def test_folds_count_only_where_every_clip_has_one(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1\nb.ogg,Rain,\n"
    assert open_dataset(folder({"half.csv": table}, "a.ogg", "b.ogg")).own_folds == ()


def test_folds_that_a_spreadsheet_made_decimal_are_folds(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1.0\nb.ogg,Rain,2.0\n"
    assert open_dataset(folder({"t.csv": table}, "a.ogg", "b.ogg")).own_folds == (1, 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("gone.wav,Bark\n", "gone.wav is listed in train_curated.csv but is not in"),
        ("c1.wav,Meow\n", "c1.wav is listed twice in train_curated.csv (again in line 4); its first row counts."),
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
        ("sub/c3.wav,Bark\n", "train_curated.csv, line 4: sub/c3.wav must be a bare file name inside train_curated/"),
        ("../test/t1.wav,Bark\n", "train_curated.csv, line 4: ../test/t1.wav must be a bare file name"),
        ("/etc/passwd,Bark\n", "train_curated.csv, line 4: /etc/passwd must be a bare file name"),
        ("..,Bark\n", "line 4: .. must be a bare file name inside train_curated/"),
        (",Bark\n", "train_curated.csv, line 4 names no file; it is left out."),
    ],
)
def test_a_bad_row_is_a_sentence_and_the_others_go_on(competition: Callable[..., Path], row: str, reason: str) -> None:
    dataset = open_dataset(competition(row, *(["c3.wav"] if row.startswith("c3.wav") else [])))
    assert len(dataset.problems) == 1
    assert reason in dataset.problems[0].reason
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist()[0] == ("Bark",)


def test_sounds_in_no_row_are_one_sentence_a_part_with_both_counts(competition: Callable[..., Path]) -> None:
    root = competition("", "x.wav", "y.WAV", "z.flac", "._c1.wav", "notes.txt")
    (root / "test/more.ogg").touch()
    dataset = open_dataset(root)
    assert [(problem.kind, problem.clip) for problem in dataset.problems] == [
        ("counts", "x.wav"),
        ("counts", "more.ogg"),
    ]
    assert [problem.reason for problem in dataset.problems] == [
        "train_curated/ holds 5 sounds, train_curated.csv names 2: 3 are in no row, like x.wav.",
        "test/ holds 2 sounds, test_truth.csv names 1: more.ogg is in no row.",
    ]
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]


@pytest.mark.parametrize("rows", ["gone.wav,Bark\n", "c1.wav,Bark\n", "c3.wav,\n", "c3.wav,Bork\n", ",Bark\n"])
def test_rows_with_something_else_wrong_do_not_make_counts_disagree(
    competition: Callable[..., Path], rows: str
) -> None:
    clips = ["c3.wav"] if rows.startswith("c3.wav") else []
    (problem,) = open_dataset(competition(rows, *clips)).problems
    assert problem.kind != "counts"


def test_a_condemned_clip_that_is_there_is_in_a_row(zenodo: Callable[..., Path]) -> None:
    root = zenodo("train_curated/c1.wav", "train_curated/1d44b0bd.wav", "train_curated/x.wav")
    for keep in (False, True):
        (problem,) = open_dataset(root, keep_flagged=keep).problems
        assert problem.reason == (
            "FSDKaggle2019.audio_train_curated/ holds 3 sounds, train_curated_post_competition.csv names 2: "
            "x.wav is in no row."
        )


def test_sounds_of_a_folder_that_is_not_its_tables_alone_may_be_in_no_row(folder: Callable[..., Path]) -> None:
    table = "fname,label\na.wav,Rain\n"
    beside = folder({"t.csv": table}, "a.wav", "b.wav")
    assert open_dataset(beside).problems == ()
    own = folder({"t.csv": table}, "audio/a.wav", "audio/b.wav")
    assert [problem.kind for problem in open_dataset(own).problems] == ["counts"]
    assert [problem.kind for problem in open_dataset(own / "t.csv").problems] == ["counts"]
    (own / "u.csv").write_text(table)
    assert open_dataset(own / "t.csv").problems == ()


def test_a_table_without_the_file_or_the_label_column_is_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "sound,label\na.wav,Bark\n"}, "a.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named fname or .*, it has sound, label"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,what\na.wav,Bark\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named labels or .*, it has fname, what"):
        open_dataset(root)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\xff\xfe\x00\x01" * 500, bytes(range(256)) * 20, b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(5000)],
)
def test_what_is_no_table_is_refused_by_name_and_in_few_words(folder: Callable[..., Path], content: bytes) -> None:
    root = folder({})
    (root / "t.csv").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"^t\.csv (cannot be read as a CSV file|needs a column)") as error:
        open_dataset(root)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


def test_labels_without_quotes_are_explained_not_taken_for_other_columns(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,labels\na.wav,Bark,Meow\nb.wav,Bark,Meow\n"}, "a.wav", "b.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv .* more cells than its header.*quotes"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,labels\na.wav,Bark\nb.wav,Bark,Meow\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv cannot be read as a CSV file.* line 3"):
        open_dataset(root)


def test_a_table_of_no_usable_clip_says_why(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"has no usable clip\. a\.wav is listed in t\.csv but is not in"):
        open_dataset(folder({"t.csv": "fname,label\na.wav,Bark\n"}))


def test_a_table_with_only_a_header_has_no_usable_clip(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"sounds/t\.csv has no usable clip\.$"):
        open_dataset(folder({"t.csv": "fname,label\n"}))


def test_a_folder_that_is_no_dataset_says_what_was_looked_for(folder: Callable[..., Path]) -> None:
    root = folder({}, "notes.pdf")
    with pytest.raises(AudiotagError, match=r"sounds is no dataset: looked for train_curated\.csv .* found none"):
        open_dataset(root)


def test_of_several_tables_one_must_be_named(folder: Callable[..., Path]) -> None:
    table = "fname,label\na.wav,Bark\n"
    root = folder({"a.csv": table, "b.csv": table}, "a.wav")
    with pytest.raises(AudiotagError, match="has 2 tables; name the one to open"):
        open_dataset(root)
    assert clip_names(open_dataset(root / "b.csv")) == ["a.wav"]


def test_a_path_that_does_not_exist_and_a_sound_are_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav")
    for path in (root / "missing", root / "missing.csv", root / "a.wav"):
        with pytest.raises(AudiotagError) as error:
            open_dataset(path)
        assert str(path) in str(error.value)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav")
    (root / "t.csv").write_bytes("\ufefffname,label\r\na.wav,Glöckchen\r\n".encode())
    assert open_dataset(root).labels == ("Glöckchen",)


def test_the_text_na_is_a_name_like_any_other(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,label\nNA,null\nb.wav,None\n"}, "NA", "b.wav")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["NA", "b.wav"]
    assert dataset.labels == ("None", "null")


def test_esc10_opens_with_its_five_folds(shared: Path) -> None:
    dataset = open_dataset(shared / "data/esc10")
    assert len(dataset.clips) == 400
    assert len(dataset.labels) == 10
    assert dataset.own_folds == (1, 2, 3, 4, 5)
    assert dataset.clips.groupby("fold").size().tolist() == [80] * 5
    assert dataset.clips["group"].notna().all()
    assert dataset.problems == ()


ZENODO_CLIPS = ("train_curated/c1.wav", "train_curated/1d44b0bd.wav", "train_noisy/n1.wav", "train_noisy/n2.wav")


def test_the_release_on_zenodo_is_recognised_from_its_folder_and_from_its_tables(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav", "test/t2.wav")
    for opened in (root, root / "FSDKaggle2019.meta"):
        dataset = open_dataset(opened)
        assert (dataset.name, dataset.root) == ("FSDKaggle2019", opened)
        assert dataset.layout == "FSDKaggle2019, as released on Zenodo"
        assert dataset.labels == ("Bark", "Meow")
        assert dataset.subsets == ("curated", "noisy", "test")
        assert clip_names(dataset) == ["c1.wav", "n1.wav", "n2.wav", "t1.wav", "t2.wav"]
        assert all(path.is_file() for path in dataset.clips["path"])
        assert dataset.clips["labels"].tolist()[0] == ("Bark", "Meow")
        assert dataset.clips["licence"].tolist() == ["CC0", "CC BY 2.0", "CC BY 2.0", "CC0", "CC0"]
        flickr = "http://www.flickr.com/videos/1/"
        assert dataset.clips["group"].tolist() == ["11", flickr, flickr, "13", "13"]
        assert dataset.clips["source"].tolist() == [
            "https://freesound.org/s/11/",
            *[flickr] * 2,
            *["https://freesound.org/s/13/"] * 2,
        ]
        assert (dataset.problems, dataset.missing) == ((), ())


def test_condemned_clips_are_left_out_with_a_reason_and_can_be_put_back(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav", "test/t2.wav")
    without, restored = open_dataset(root), open_dataset(root, keep_flagged=True)
    assert without.subset("curated")["clip"].tolist() == ["c1.wav"]
    assert restored.subset("curated")["clip"].tolist() == ["c1.wav", "1d44b0bd.wav"]
    assert without.flagged == restored.flagged
    assert [(problem.clip, problem.kind) for problem in without.flagged] == [("1d44b0bd.wav", "condemned")]
    assert without.flagged[0].reason == "1d44b0bd.wav contains no signal, by the dataset's own notes."


def test_a_condemned_clip_that_was_deleted_is_no_problem_until_it_is_put_back(zenodo: Callable[..., Path]) -> None:
    root = zenodo("train_curated/c1.wav", *ZENODO_CLIPS[2:], "test/t1.wav", "test/t2.wav")
    assert open_dataset(root).problems == ()
    assert [problem.clip for problem in open_dataset(root, keep_flagged=True).problems] == ["1d44b0bd.wav"]


def test_sounds_that_are_all_absent_are_one_sentence_and_their_labels_stay(zenodo: Callable[..., Path]) -> None:
    dataset = open_dataset(zenodo("train_noisy/n1.wav", "train_noisy/n2.wav", "test/other.wav"))
    assert clip_names(dataset) == ["c1.wav", "n1.wav", "n2.wav", "t1.wav", "t2.wav"]
    assert dataset.problems == ()
    assert len(dataset.missing) == 2
    for sentence, subset in zip(dataset.missing, ("train_curated", "test"), strict=True):
        assert sentence.startswith(f"The sounds of {subset}_post_competition.csv are not in ")
        assert f"FSDKaggle2019.audio_{subset}: durations, levels and players need them" in sentence


def test_of_sounds_that_are_partly_absent_only_those_are_problems(zenodo: Callable[..., Path]) -> None:
    dataset = open_dataset(zenodo(*ZENODO_CLIPS[:3], "test/t1.wav", "test/t2.wav"))
    assert clip_names(dataset) == ["c1.wav", "n1.wav", "t1.wav", "t2.wav"]
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("n2.wav", "missing")]
    assert dataset.missing == ()


def test_tables_of_the_release_that_are_absent_are_named(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS)
    (root / "FSDKaggle2019.meta/test_post_competition.csv").unlink()
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated", "noisy")
    (sentence,) = dataset.missing
    assert sentence.startswith("test_post_competition.csv is not in ")
    for table in (root / "FSDKaggle2019.meta").glob("*"):
        table.unlink()
    with pytest.raises(AudiotagError, match=r"no usable clip\. train_curated_post_competition\.csv is not in"):
        open_dataset(root)


def test_the_releases_sounds_without_its_tables_are_not_taken_for_classes(folder: Callable[..., Path]) -> None:
    root = folder({}, "FSDKaggle2019.audio_train_curated/a.wav")
    with pytest.raises(AudiotagError, match=r"train_curated_post_competition\.csv is not in .*FSDKaggle2019\.meta"):
        open_dataset(root)


def test_a_misspelt_label_of_the_release_points_to_its_vocabulary(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav")
    (root / "FSDKaggle2019.meta/test_post_competition.csv").write_text("fname,labels\nt1.wav,Xylophone\n")
    (problem,) = open_dataset(root).problems
    assert "is it spelt as in vocabulary.csv?" in problem.reason


def test_a_vocabulary_that_is_not_text_is_a_sentence(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS)
    (root / "FSDKaggle2019.meta/vocabulary.csv").write_bytes(b"0,\xff\xfe\n")
    with pytest.raises(AudiotagError, match="not among this dataset's 1"):
        open_dataset(root)


def test_in_a_folder_a_class_each_folder_is_a_label_and_a_part_of_the_names(folder: Callable[..., Path]) -> None:
    root = folder({}, "Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav", "Rain/notes.txt", "Rain/._a.wav")
    dataset = open_dataset(root)
    assert (dataset.name, dataset.layout) == ("sounds", "folder a class")
    assert dataset.labels == ("Dog bark", "Rain")
    assert clip_names(dataset) == ["Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav"]
    assert dataset.clips["labels"].tolist() == [("Dog bark",), ("Dog bark",), ("Rain",)]
    assert dataset.clips["path"].tolist() == [root / name for name in clip_names(dataset)]
    assert dataset.clips[["fold", "group", "licence", "source"]].isna().all(axis=None)
    assert (dataset.subsets, dataset.own_folds) == (("curated",), ())
    assert (dataset.problems, dataset.missing) == ((), ())


def test_a_bare_folder_is_a_dataset_without_labels(folder: Callable[..., Path]) -> None:
    root = folder({}, "b.wav", "a.mp3", "notes.pdf")
    dataset = open_dataset(root)
    assert dataset.layout == "folder of sounds, without labels"
    assert clip_names(dataset) == ["a.mp3", "b.wav"]
    assert dataset.clips["labels"].tolist() == [(), ()]
    assert dataset.labels == ()


def test_most_sounds_decide_between_classes_and_a_bare_folder_and_the_others_are_named(
    folder: Callable[..., Path],
) -> None:
    root = folder({}, "Dog/a.wav", "Dog/b.wav", "stray.wav")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["Dog/a.wav", "Dog/b.wav"]
    assert [problem.reason for problem in dataset.problems] == ["stray.wav is in no folder of a class; it is left out."]
    dataset = open_dataset(folder({}, "c.wav", "d.wav"))
    assert clip_names(dataset) == ["c.wav", "d.wav", "stray.wav"]
    assert dataset.labels == ()
    assert [problem.clip for problem in dataset.problems] == ["Dog/a.wav", "Dog/b.wav"]


def test_sounds_in_deeper_folders_are_not_guessed_at_but_named(folder: Callable[..., Path]) -> None:
    root = folder({}, "train/Dog/a.wav")
    with pytest.raises(
        AudiotagError, match=r"no dataset: .*deeper than one folder, like train/Dog/a\.wav.*open .*train"
    ):
        open_dataset(root)
    assert open_dataset(root / "train").labels == ("Dog",)
    dataset = open_dataset(folder({}, "Rain/a.wav"))
    assert clip_names(dataset) == ["Rain/a.wav"]
    assert ["train/Dog/a.wav" in sentence for sentence in dataset.missing] == [True]


ESC50 = (
    "filename,fold,target,category,esc10,src_file,take\n"
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    "1-110389-A-0.wav,2,0,dog,True,110389,A\n"
    "2-110389-B-9.wav,2,9,rain,False,110389,B\n"
)


def test_esc50_is_recognised_by_its_folder_and_by_its_table(folder: Callable[..., Path]) -> None:
    names = [line.partition(",")[0] for line in ESC50.splitlines()[1:]]
    root = folder({"meta/esc50.csv": ESC50, "README.md": "ESC-50"}, *(f"audio/{name}" for name in names))
    for opened in (root, root / "meta/esc50.csv"):
        dataset = open_dataset(opened)
        assert (dataset.name, dataset.root) == ("esc50", opened)
        assert dataset.labels == ("dog", "rain")
        assert dataset.own_folds == (1, 2)
        assert dataset.clips["group"].tolist() == ["100032", "110389", "110389"]
        assert dataset.clips["path"].tolist() == [root / "audio" / name for name in names]
        assert (dataset.problems, dataset.missing) == ((), ())


@pytest.mark.parametrize("sign", [";", "\t", "|"], ids=["semicolon", "tab", "bar"])
def test_a_table_with_another_separator_is_a_dataset(folder: Callable[..., Path], sign: str) -> None:
    table = f"fname{sign}labels\na.wav{sign}Bark,Meow\nb.wav{sign}Bark\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav"))
    assert dataset.clips["labels"].tolist() == [("Bark", "Meow"), ("Bark",)]


def test_labels_in_a_cell_may_be_parted_by_semicolons(folder: Callable[..., Path]) -> None:
    dataset = open_dataset(folder({"t.csv": "fname,labels\na.wav,Bark; Meow\nb.wav,Meow;\n"}, "a.wav", "b.wav"))
    assert dataset.clips["labels"].tolist() == [("Bark", "Meow"), ("Meow",)]


def test_separator_and_columns_can_be_said(folder: Callable[..., Path]) -> None:
    table = "take,day,place,microphone|sound|heard\n1,2,3,4|a.wav|Rain\n1,2,3,4|b.wav|Wind\n"
    root = folder({"t.csv": table}, "a.wav", "b.wav")
    with pytest.raises(AudiotagError, match="needs a column named sound, it has take, day, place"):
        open_dataset(root, TableOptions(file_column="sound", label_column="heard"))
    dataset = open_dataset(root, TableOptions(separator="|", file_column="sound", label_column="heard"))
    assert clip_names(dataset) == ["a.wav", "b.wav"]
    assert dataset.labels == ("Rain", "Wind")


def test_what_is_said_wrongly_is_answered_with_what_there_is(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,label\na.wav,Rain\n"}, "a.wav")
    for options in (TableOptions(file_column="sound"), TableOptions(label_column="sound")):
        with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named sound, it has fname, label; name one"):
            open_dataset(root, options)
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named fname or .*, it has fname,label;"):
        open_dataset(root, TableOptions(separator=";"))


@pytest.mark.parametrize("as_index", [False, True], ids=["column", "index"])
def test_a_parquet_table_is_a_dataset_with_folds_and_groups(folder: Callable[..., Path], as_index: bool) -> None:
    root = folder({}, "audio/a.wav", "audio/b.wav", "audio/c.wav")
    table = pd.DataFrame(
        {
            "file": ["a.wav", "b.wav", "c.wav"],
            "label": ["Rain", "Dog,Rain", "Dog"],
            "fold": [1, 2, 2],
            "freesound_id": [77, 78, None],
            "license": ["CC0", None, "CC-BY"],
        }
    )
    (table.set_index("file") if as_index else table).to_parquet(root / "t.parquet")
    for opened in (root, root / "t.parquet"):
        dataset = open_dataset(opened)
        assert clip_names(dataset) == ["a.wav", "b.wav", "c.wav"]
        assert dataset.own_folds == (1, 2)
        clips = dataset.clips.astype(object).where(dataset.clips.notna(), None)
        assert clips["group"].tolist() == ["77", "78", None]
        assert clips["source"].tolist() == ["https://freesound.org/s/77/", "https://freesound.org/s/78/", None]
        assert clips["licence"].tolist() == ["CC0", None, "CC-BY"]


def test_a_sorted_out_parquet_has_its_rows_in_their_place(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav", "b.wav", "c.wav")
    table = pd.DataFrame({"fname": ["x.wav", "a.wav", "c.wav", "b.wav"], "label": ["X", "A", "C", "B"]})
    table[1:].to_parquet(root / "t.parquet")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["a.wav", "c.wav", "b.wav"]
    assert dataset.clips["labels"].tolist() == [("A",), ("C",), ("B",)]


def test_bad_rows_leave_every_column_of_the_others_in_line(folder: Callable[..., Path]) -> None:
    table = (
        "fname,label,fold,group,licence,freesound_id\n"
        "gone.wav,Rain,9,g9,L9,9\na.wav,Rain,1,g1,L1,1.0\na.wav,Dog,8,g8,L8,8\nc.wav,,7,g7,L7,7\nb.wav,Dog,2,g2,L2,2\n"
    )
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"))
    assert [problem.kind for problem in dataset.problems] == ["missing", "listed twice", "labels"]
    assert dataset.clips.index.tolist() == [0, 1]
    assert dataset.clips["labels"].tolist() == [("Rain",), ("Dog",)]
    assert dataset.clips["fold"].tolist() == [1, 2]
    assert dataset.clips["licence"].tolist() == ["L1", "L2"]
    assert dataset.clips["source"].tolist() == [f"https://freesound.org/s/{number}/" for number in (1, 2)]
    assert [path.name for path in dataset.clips["path"]] == clip_names(dataset) == ["a.wav", "b.wav"]


def test_what_is_no_number_is_no_fold(folder: Callable[..., Path]) -> None:
    table = f"file,label,fold\na.wav,Rain,{'9' * 30}\nb.wav,Rain,-1\nc.wav,Rain,1.5\nd.wav,Rain,one\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav", "d.wav"))
    assert dataset.clips["fold"].isna().all()


def test_a_licence_column_of_either_spelling_is_kept(shared: Path, folder: Callable[..., Path]) -> None:
    esc10 = open_dataset(shared / "data/esc10").clips
    assert set(esc10["licence"]) >= {"CC0", "CC-BY"}
    dataset = open_dataset(folder({"t.csv": "file,label,licence\na.wav,Rain,CC0\n"}, "a.wav"))
    assert dataset.clips["licence"].tolist() == ["CC0"]


def test_fsdkaggle2019_without_its_sounds_opens_with_its_published_figures(shared: Path) -> None:
    dataset = open_dataset(shared / "data/fsdkaggle2019")
    curated, noisy, test = (dataset.subset(name) for name in ("curated", "noisy", "test"))
    assert [len(part) for part in (curated, noisy, test)] == [4964, 19_815, 4481]
    assert [part["labels"].nunique() for part in (curated, noisy)] == [213, 1168]
    assert len(dataset.labels) == 80
    single = noisy["labels"][noisy["labels"].map(len) == 1].value_counts()
    assert (single.index[0], single.iloc[0]) == (("Waves_and_surf",), 291)
    assert noisy["labels"].value_counts().iloc[0] == 291
    means = [part["labels"].map(len).mean() for part in (curated, noisy, test)]
    assert np.round(means, 1).tolist() == [1.2, 1.2, 1.4]
    assert dataset.clips[["group", "licence", "source"]].notna().all(axis=None)
    assert dataset.clips["source"].str.match(r"https://freesound\.org/s/\d+/$|http://www\.flickr\.com/videos/").all()
    assert dataset.problems == ()
    assert len(dataset.missing) == 3
    assert all(isinstance(path, Path) for path in dataset.clips["path"])


def test_the_six_clips_that_fsdkaggle2019_condemns_are_named_and_can_be_put_back(shared: Path) -> None:
    root = shared / "data/fsdkaggle2019"
    for keep, clips in ((False, 4964), (True, 4970)):
        dataset = open_dataset(root, keep_flagged=keep)
        assert len(dataset.subset("curated")) == clips
        assert {problem.clip.removesuffix(".wav") for problem in dataset.flagged} == CONDEMNED
        assert all("by the dataset's own notes" in problem.reason for problem in dataset.flagged)
        assert set(dataset.clips["clip"].str.removesuffix(".wav")) & CONDEMNED == (CONDEMNED if keep else set())


def test_the_tables_of_fsdkaggle2019_hold_what_its_authors_say(shared: Path) -> None:
    meta = shared / "data/fsdkaggle2019/FSDKaggle2019.meta"
    tables: dict[str, pd.DataFrame] = {
        name: read_table(meta / f"{name}_post_competition.csv") for name in ("train_curated", "train_noisy", "test")
    }
    assert {name: len(table) for name, table in tables.items()} == {
        "train_curated": 4970,
        "train_noisy": 19_815,
        "test": 4481,
    }
    assert tables["test"]["usage"].value_counts().to_dict() == {"Private": 3361, "Public": 1120}
    labels = {name: table["labels"].map(split_labels) for name, table in tables.items()}
    for rows in labels.values():
        assert len(set(rows.explode())) == 80
        assert all(rows)
    curated = tables["train_curated"]
    kept = ~curated["fname"].str.removesuffix(".wav").isin(CONDEMNED)
    assert int(kept.sum()) == 4964
    assert labels["train_curated"][kept].nunique() == 213
    assert labels["train_noisy"].nunique() == 1168
    assert np.mean([len(row) for row in labels["train_noisy"]]) == pytest.approx(1.21, abs=0.01)
