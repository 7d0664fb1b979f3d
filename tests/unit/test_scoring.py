"""A submission gets its published score, and an error says what is wrong with a table."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.cli.main import main
from audiotag.data.label_names import write_aliases
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import lwlrap
from audiotag.scoring import PUBLISHED, score_submission, truth_table_of
from audiotag.workspace import Workspace

TRUTH = 'fname,labels,usage\na.wav,Bark,Public\nb.wav,"Bark,Meow",Private\nc.wav,Meow,Private\n'
SUBMISSION = "fname,Bark,Meow,Hiss\na.wav,0.9,0.1,0.2\nb.wav,0.2,0.5,0.9\nc.wav,0.6,0.5,0.4\n"


@pytest.fixture
def tables(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    def write(submission: str = SUBMISSION, truth: str = TRUTH) -> tuple[Path, Path]:
        (tmp_path / "submission.csv").write_text(submission)
        (tmp_path / "truth.csv").write_text(truth)
        return tmp_path / "submission.csv", tmp_path / "truth.csv"

    return write


def test_capstone_submission_has_its_published_score(shared: Path) -> None:
    data = shared / "data/fsdkaggle2019"
    score = score_submission(data / "capstone_submission.csv", data / "FSDKaggle2019.meta/test_post_competition.csv")
    assert round(score.lwlrap, 5) == 0.69788
    assert score.clips == 3361
    assert {name: (clips, round(value, 5)) for name, (clips, value) in score.per_split.items()} == {
        "Private": (3361, 0.69788)
    }
    assert len(score.per_class) == 80
    assert score.notes == (
        "1120 clips of test_post_competition.csv are not in capstone_submission.csv; they are left out.",
    )


def test_the_command_prints_the_published_score(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shared / "data/fsdkaggle2019"
    arguments = ["score", str(data / "capstone_submission.csv")]
    arguments += ["--truth", str(data / "FSDKaggle2019.meta/test_post_competition.csv")]
    with pytest.raises(SystemExit, match=r"^0$"):
        main(arguments)
    assert capsys.readouterr().out.startswith("lwlrap 0.69788 on 3361 clips")
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*arguments, "--json"])
    assert round(json.loads(capsys.readouterr().out)["lwlrap"], 5) == 0.69788


def test_score_equals_a_manual_calculation(tables: Callable) -> None:
    score = score_submission(*tables())
    # a: Bark first, 1. b: Meow second, 1/2; Bark third, 2/3. c: Meow second, 1/2.
    assert score.lwlrap == pytest.approx((1 + 1 / 2 + 2 / 3 + 1 / 2) / 4)
    assert score.accuracy == pytest.approx(2 / 4)
    assert score.per_split == {"Public": (1, 1.0), "Private": (2, pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3))}
    assert score.per_class["clips"].to_dict() == {"Meow": 2, "Bark": 2, "Hiss": 0}
    assert score.per_class["lwlrap"].iloc[:2].tolist() == [pytest.approx(1 / 2), pytest.approx(5 / 6)]
    assert pd.isna(score.per_class.loc["Hiss", "lwlrap"])
    assert score.notes == ()


def test_the_order_of_rows_and_columns_does_not_matter(tables: Callable) -> None:
    score = score_submission(*tables())
    mixed = "Hiss,fname,Meow,Bark\n0.4,c.wav,0.5,0.6\n0.2,a.wav,0.1,0.9\n0.9,b.wav,0.5,0.2\n"
    assert score_submission(*tables(mixed)).lwlrap == score.lwlrap


def test_clips_in_one_table_only_are_left_out_and_counted(tables: Callable) -> None:
    score = score_submission(*tables(SUBMISSION.replace("a.wav", "z.wav")))
    assert score.clips == 2
    assert score.notes == (
        "1 clips of truth.csv are not in submission.csv; they are left out.",
        "1 clips of submission.csv are not in truth.csv; they are left out.",
    )


def test_clips_without_a_split_count_only_in_the_overall_score(tables: Callable) -> None:
    score = score_submission(*tables(truth=TRUTH.replace(",Public", ",")))
    assert score.per_split == {"Private": (2, pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3))}
    assert score.clips == 3


@pytest.mark.parametrize(
    ("submission", "truth", "reason"),
    [
        (SUBMISSION + "b.wav,1,1,1\n", TRUTH, "submission.csv lists b.wav more than once"),
        (SUBMISSION, TRUTH + "c.wav,Bark,Public\n", "truth.csv lists c.wav more than once"),
        (SUBMISSION.replace("fname", "sound"), TRUTH, "submission.csv needs a column named fname"),
        (SUBMISSION, TRUTH.replace("fname", "sound"), "truth.csv needs a column named fname"),
        (SUBMISSION, TRUTH.replace("labels", "words"), "truth.csv needs a column named labels"),
        (SUBMISSION.replace("0.2,0.5", "high,0.5"), TRUTH, "submission.csv has 'high' for b.wav, Bark; every score"),
        (SUBMISSION.replace("0.2,0.5", "inf,0.5"), TRUTH, "submission.csv has 'inf' for b.wav, Bark"),
        (SUBMISSION.replace("0.2,0.5", ",0.5"), TRUTH, "submission.csv has nothing for b.wav, Bark"),
        (SUBMISSION.replace(".wav", "x"), TRUTH, "submission.csv and truth.csv have no clip in common"),
        (SUBMISSION.replace("Meow", "Miau"), TRUTH, "submission.csv has no column for the true label Meow"),
        (SUBMISSION, "fname,labels\na.wav,\nb.wav,\n", "truth.csv has no label for any of the 2 clips"),
        ("", TRUTH, "submission.csv cannot be read as a CSV file"),
    ],
)
def test_library_and_command_say_what_is_wrong_with_a_table(
    tables: Callable, capsys: pytest.CaptureFixture[str], submission: str, truth: str, reason: str
) -> None:
    paths = tables(submission, truth)
    with pytest.raises(AudiotagError) as error:
        score_submission(*paths)
    assert str(error.value).startswith(reason)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["score", str(paths[0]), "--truth", str(paths[1]), "--json"])
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"audiotag: {reason}")


def test_missing_table_is_named(tables: Callable, tmp_path: Path) -> None:
    _, truth = tables()
    with pytest.raises(AudiotagError, match=r"missing\.csv cannot be read: No such file"):
        score_submission(tmp_path / "missing.csv", truth)


def test_json_has_null_for_a_class_without_clips(tables: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    submission, truth = tables()
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["score", str(submission), "--truth", str(truth), "--json"])
    values = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert values["per_class"]["Hiss"] == {"lwlrap": None, "clips": 0}
    assert values["splits"]["Public"] == {"clips": 1, "lwlrap": 1.0}
    assert values["clips"] == 3


# Tables as other programs write them

LINES = SUBMISSION.splitlines()


def numbered(name: str, numbers: list[object]) -> str:
    return "\n".join(f"{number},{line}" for number, line in zip([name, *numbers], LINES, strict=True))


@pytest.mark.parametrize(
    "submission",
    [
        numbered("", [0, 1, 2]),
        numbered("Unnamed: 0", [0, 1, 2]),
        numbered("", [2, 0, 1]),
        numbered("", [10, 20, 30]),
        numbered("index", [0, 1, 2]),
        numbered("ID", [1, 2, 3]),
        numbered("level_0", ["0.0", "1.0", "2.0"]),
        numbered("__index_level_0__", [7, 8, 9]),
        numbered("counter of mine", [1, 2, 3]),
        "fname,Bark,Meow,Hiss,\na.wav,0.9,0.1,0.2,0\nb.wav,0.2,0.5,0.9,1\nc.wav,0.6,0.5,0.4,2\n",
        SUBMISSION.replace("fname", ""),  # pandas.DataFrame.to_csv with the names as index
        "\n".join(f"{line},{cell}" for line, cell in zip(LINES, ["model", "x", "x", "x"], strict=True)),
    ],
)
def test_a_column_that_is_no_class_is_ignored_and_said(tables: Callable, submission: str) -> None:
    expected = score_submission(*tables())
    score = score_submission(*tables(submission))
    assert (score.lwlrap, score.accuracy, list(score.scores.columns)) == (
        expected.lwlrap, expected.accuracy, ["Bark", "Meow", "Hiss"],
    )  # fmt: skip
    is_said = any("of submission.csv is not a class" in note for note in score.notes)
    assert is_said != submission.startswith(",Bark")  # there the column without a name has the file names


def test_scores_of_a_class_named_like_a_counter_count(tables: Callable) -> None:
    submission, truth = SUBMISSION.replace("Meow", "ID"), TRUTH.replace("Meow", "ID")
    assert score_submission(*tables(submission, truth)).lwlrap == score_submission(*tables()).lwlrap


def test_whole_scores_of_a_class_are_no_counter(tables: Callable) -> None:
    score = score_submission(*tables("fname,Bark,Meow\na.wav,0,1\nb.wav,1,2\nc.wav,2,3\n"))
    assert list(score.scores.columns) == ["Bark", "Meow"]


@pytest.mark.parametrize(
    ("submission", "encoding"),
    [
        (SUBMISSION, "utf-8-sig"),
        (SUBMISSION.replace("fname,Bark,Meow,Hiss", '"fname","Bark","Meow","Hiss"'), "utf-8"),
        (SUBMISSION.replace("fname,Bark,Meow,Hiss", '"fname","Bark","Meow","Hiss"'), "utf-8-sig"),
        (SUBMISSION.replace(",", ";"), "utf-8"),
        (SUBMISSION.replace(",", "\t"), "utf-8"),
        (SUBMISSION.replace("\n", "\r\n"), "utf-8"),
        (SUBMISSION.replace("fname", "FileName"), "utf-8"),
        (SUBMISSION.replace("a.wav", "A.WAV").replace("b.wav", "B.wav"), "utf-8"),
        (SUBMISSION.replace(".wav", ""), "utf-8"),
        (SUBMISSION.replace(".wav", ".flac"), "utf-8"),
        (SUBMISSION.replace("a.wav", "test/a.wav").replace("b.wav", "test\\b.wav"), "utf-8"),
        (SUBMISSION.replace("a.wav", " a.wav "), "utf-8"),
        (SUBMISSION + "b.wav,0.2,0.5,0.9\n", "utf-8"),
        (SUBMISSION.replace("Bark", "bark").replace("Meow", "MEOW"), "utf-8"),
    ],
)
def test_a_table_written_otherwise_has_the_same_score(tables: Callable, submission: str, encoding: str) -> None:
    expected = score_submission(*tables())
    path, truth = tables()
    path.write_bytes(submission.encode(encoding))
    score = score_submission(path, truth)
    assert (score.lwlrap, score.accuracy, score.per_split, score.clips) == (
        expected.lwlrap, expected.accuracy, expected.per_split, 3,
    )  # fmt: skip
    assert list(score.scores.index) == ["a.wav", "b.wav", "c.wav"]


def test_a_line_that_names_the_separator_is_read_or_refused_with_a_sentence(tables: Callable) -> None:
    paths = tables("sep=;\n" + SUBMISSION.replace(",", ";"))
    try:
        score = score_submission(*paths)
    except AudiotagError as error:
        assert "submission.csv" in str(error)  # noqa: PT017
    else:
        assert score.lwlrap == score_submission(*tables()).lwlrap


def test_a_decimal_comma_is_a_decimal_point(tables: Callable) -> None:
    submission = SUBMISSION.replace(",", ";").replace("0.", "0,")
    assert score_submission(*tables(submission)).lwlrap == score_submission(*tables()).lwlrap


def test_a_class_that_is_there_twice_counts_once_or_is_refused(tables: Callable) -> None:
    lines = [line.split(",") for line in LINES]
    same = "\n".join(",".join([*cells, cells[1]]) for cells in lines)
    score = score_submission(*tables(same))
    assert (score.lwlrap, list(score.scores.columns)) == (
        score_submission(*tables()).lwlrap, ["Bark", "Meow", "Hiss"],
    )  # fmt: skip
    assert "that column is there twice" in score_submission(*tables(same)).notes[0]
    other = "\n".join(",".join([*cells, "Bark" if not row else "0.3"]) for row, cells in enumerate(lines))
    with pytest.raises(AudiotagError, match="has two columns Bark that differ"):
        score_submission(*tables(other))


def test_what_was_matched_despite_its_spelling_is_said(tables: Callable) -> None:
    respelt = SUBMISSION.replace("a.wav", "A.WAV").replace("Meow", "meow")
    score = score_submission(*tables(respelt + "b.wav,0.2,0.5,0.9\n"))
    assert score.notes == (
        "1 row of submission.csv is there twice; the first is used.",
        "1 clip was matched despite the spelling of case, suffix or folder: a.wav = A.WAV.",
        "1 label was matched despite its spelling, or by an alias: Meow = meow.",
    )


def test_rows_of_one_clip_that_differ_are_refused_also_with_row_numbers(tables: Callable) -> None:
    same, other = numbered("", [0, 1, 2]) + "\n3,b.wav,0.2,0.5,0.9\n", numbered("", [0, 1, 2]) + "\n3,b.wav,0,0,0\n"
    assert score_submission(*tables(same)).lwlrap == score_submission(*tables()).lwlrap
    with pytest.raises(AudiotagError, match=r"submission\.csv lists b\.wav more than once"):
        score_submission(*tables(other))


def test_two_files_that_differ_in_case_are_two_clips(tables: Callable) -> None:
    truth = "fname,labels\na.wav,Bark\nA.wav,Meow\n"
    score = score_submission(*tables("fname,Bark,Meow\nA.wav,0.1,0.9\na.wav,0.9,0.1\n", truth))
    assert score.lwlrap == 1


def test_an_alias_gives_a_true_label_its_column(tables: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    paths = tables(SUBMISSION.replace("Meow", "Cat"))
    with pytest.raises(AudiotagError, match="add the alias Meow = "):
        score_submission(*paths)
    assert score_submission(*paths, {"Cat": "Meow"}).lwlrap == score_submission(*tables()).lwlrap
    paths = tables(SUBMISSION.replace("Meow", "Cat"))
    arguments = ["score", str(paths[0]), "--truth", str(paths[1])]
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*arguments, "--alias", "meow=cat"])
    assert "1 label was matched despite its spelling, or by an alias: Meow = Cat." in capsys.readouterr().out
    write_aliases({"Meow": "Cat"}, Workspace())
    with pytest.raises(SystemExit, match=r"^0$"):
        main(arguments)


def test_a_comma_may_be_part_of_a_label_of_the_submission(tables: Callable) -> None:
    submission = 'fname,"Vehicle horn, car horn",Bark\na.wav,0.9,0.1\nb.wav,0.1,0.9\n'
    truth = 'fname,labels\na.wav,"Vehicle horn, car horn"\nb.wav,Bark\n'
    assert score_submission(*tables(submission, truth)).lwlrap == 1


def test_the_cases_have_their_scores() -> None:
    cases = Path(__file__).parents[3] / "shared" / "cases" / "score"
    if not cases.is_dir():
        pytest.skip("the folder of cases is not beside the repository")
    for name in ("index.csv", "ok.csv"):
        assert score_submission(cases / name, cases / "truth.csv").lwlrap == 1


# Per clip


def test_hardest_clips_equal_a_manual_calculation(tables: Callable) -> None:
    table = score_submission(*tables()).per_clip
    assert table.index.tolist() == ["c.wav", "b.wav", "a.wav"]
    assert table["labels"].tolist() == [("Meow",), ("Bark", "Meow"), ("Bark",)]
    assert table["precision"].tolist() == pytest.approx([1 / 2, (1 / 2 + 2 / 3) / 2, 1])
    assert table["wrong"].tolist() == ["Bark", "Hiss", "Hiss"]
    assert table["wrong_score"].tolist() == [0.6, 0.9, 0.2]
    assert table["above"].tolist() == [1, 1, 0]


def random_tables(tables: Callable, clips: int, seed: int) -> tuple[Path, Path]:
    """Scores with only five values, so that many are equal."""
    rng = np.random.default_rng(seed)
    names = [f"l{number}" for number in range(6)]
    submission, truth = [",".join(["fname", *names])], ["fname,labels"]
    for clip in range(clips):
        submission.append(",".join([f"{clip}.wav", *(f"{value / 4}" for value in rng.integers(5, size=6))]))
        truth.append(f'{clip}.wav,"{",".join(rng.choice(names, rng.integers(1, 7), replace=False))}"')
    return tables("\n".join(submission), "\n".join(truth))


@pytest.mark.parametrize("seed", range(5))
def test_mean_of_clip_precisions_weighted_by_label_count_is_the_lwlrap(tables: Callable, seed: int) -> None:
    score = score_submission(*random_tables(tables, 40, seed))
    numbers = score.per_clip["labels"].map(len)
    assert (score.per_clip["precision"] * numbers).sum() / numbers.sum() == pytest.approx(score.lwlrap)
    assert score.per_clip["precision"].is_monotonic_increasing


@pytest.mark.parametrize("seed", range(5))
def test_precision_of_a_clip_is_the_lwlrap_of_this_clip(tables: Callable, seed: int) -> None:
    score = score_submission(*random_tables(tables, 20, seed))
    for clip, row in score.per_clip.iterrows():
        own = score.scores.loc[[clip]].to_numpy()
        assert row["precision"] == pytest.approx(lwlrap(np.isin(score.scores.columns, row["labels"])[None], own))


def test_larger_wrong_score_makes_the_harder_clip(tables: Callable) -> None:
    submission = "fname,Bark,Meow\na.wav,0.4,0.5\nb.wav,0.1,0.9\nc.wav,0.3,0.5\n"
    table = score_submission(*tables(submission, "fname,labels\na.wav,Bark\nb.wav,Bark\nc.wav,Bark\n")).per_clip
    assert table.index.tolist() == ["b.wav", "c.wav", "a.wav"]


def test_clip_with_all_labels_has_no_wrong_label_and_clip_without_labels_is_left_out(tables: Callable) -> None:
    submission = "fname,Bark,Meow\na.wav,0.4,0.5\nb.wav,0.1,0.9\n"
    table = score_submission(*tables(submission, 'fname,labels\na.wav,"Bark,Meow"\nb.wav,\n')).per_clip
    assert table.index.tolist() == ["a.wav"]
    assert (table["wrong"].iloc[0], table["above"].iloc[0], table["precision"].iloc[0]) == ("", 0, 1)
    assert pd.isna(table["wrong_score"].iloc[0])


def test_scores_are_those_of_the_submission(tables: Callable) -> None:
    scores = score_submission(*tables()).scores
    assert scores.loc["b.wav"].to_dict() == {"Bark": 0.2, "Meow": 0.5, "Hiss": 0.9}


# Published scores


def test_only_the_whole_private_test_set_is_compared_with_published_scores(
    shared: Path, tables: Callable, tmp_path: Path
) -> None:
    data = shared / "data/fsdkaggle2019"
    truth = data / "FSDKaggle2019.meta/test_post_competition.csv"
    whole = (data / "capstone_submission.csv").read_text().splitlines(keepends=True)
    compared = score_submission(data / "capstone_submission.csv", truth).comparable
    assert compared is not None
    assert round(compared, 5) == PUBLISHED["capstone"]
    (tmp_path / "part.csv").write_text("".join(whole[:-1]))
    assert score_submission(tmp_path / "part.csv", truth).comparable is None
    assert score_submission(*tables()).comparable is None


# True labels of a dataset


def test_true_labels_of_fsdkaggle2019_are_found_from_either_folder(shared: Path) -> None:
    data = shared / "data/fsdkaggle2019"
    table = data / "FSDKaggle2019.meta/test_post_competition.csv"
    assert truth_table_of(open_dataset(data)) == table
    assert truth_table_of(open_dataset(table.parent)) == table


def test_true_labels_in_the_competition_layout_are_beside_its_tables(tmp_path: Path) -> None:
    (tmp_path / "train_curated.csv").write_text("fname,labels\na.wav,Bark\n")
    assert truth_table_of(open_dataset(tmp_path)) is None
    (tmp_path / "test_truth.csv").write_text(TRUTH)
    assert truth_table_of(open_dataset(tmp_path)) == tmp_path / "test_truth.csv"


def test_table_of_clips_has_no_test_clips(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "clips.csv").write_text("fname,label\na.wav,Bark\n")
    assert truth_table_of(open_dataset(tmp_path)) is None
    assert truth_table_of(open_dataset(tmp_path / "clips.csv")) is None


@pytest.mark.parametrize("cell", ["dog|cat", '"[""dog"", ""cat""]"', "\"['dog', 'cat']\"", "dog cat", "dog;cat"])
def test_labels_of_the_truth_may_be_written_in_any_usual_way(tables: Callable, cell: str) -> None:
    scores = "fname,dog,cat\na.wav,0.9,0.1\nb.wav,0.2,0.7\nc.wav,0.8,0.6\n"
    score = score_submission(*tables(scores, f"fname,labels\na.wav,dog\nb.wav,cat\nc.wav,{cell}\n"))
    assert (score.lwlrap, set(score.per_class["clips"])) == (1.0, {2})


def test_truth_may_have_a_column_of_0_and_1_per_label(tables: Callable) -> None:
    scores = "fname,dog,cat\na.wav,0.9,0.1\nb.wav,0.2,0.7\nc.wav,0.8,0.6\n"
    score = score_submission(*tables(scores, "fname,Dog,cat\na.wav,1,0\nb.wav,0,1\nc.wav,1,1\n"))
    assert (score.lwlrap, set(score.per_class["clips"])) == (1.0, {2})


@pytest.mark.parametrize("name", ["fold", "duration", "target"])
def test_columns_that_are_about_the_clip_are_no_classes(tables: Callable, name: str) -> None:
    scores = f"fname,{name},dog,cat\na.wav,4,0.9,0.1\nb.wav,2,0.2,0.7\n"
    score = score_submission(*tables(scores, "fname,labels\na.wav,dog\nb.wav,cat\n"))
    assert (score.lwlrap, len(score.per_class)) == (1.0, 2)
    assert any(f"The column {name} of " in note for note in score.notes)
