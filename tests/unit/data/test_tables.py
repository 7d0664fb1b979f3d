"""Tables of any separator, CSV or Parquet, are read as text; a file that is not a table is refused in a sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.sound_paths import SoundPaths
from audiotag.data.tables import RowCheck, column_of, map_cells, read_table, sound_names, split_labels
from audiotag.errors import AudiotagError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def cells(table: pd.DataFrame) -> dict[str, list[str | None]]:
    """The columns, with None for an empty cell."""
    return {name: [cell if pd.notna(cell) else None for cell in table[name]] for name in table.columns}


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
def test_separator_is_detected_and_the_cells_are_the_same(tmp_path: Path, separator: str) -> None:
    rows = [["fname", "labels", "fold"], ["a.wav", "Bark", "1"], ["b.wav", "NA", ""]]
    path = tmp_path / "t.csv"
    path.write_text("".join(separator.join(row) + "\n" for row in rows))
    wanted = {"fname": ["a.wav", "b.wav"], "labels": ["Bark", "NA"], "fold": ["1", None]}
    assert cells(read_table(path)) == cells(read_table(path, separator)) == wanted


def test_commas_within_cells_are_not_read_as_the_separator(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('fname;labels\na.wav;Bark,Meow\nb.wav;"Bark;Meow"\n')
    assert cells(read_table(path)) == {"fname": ["a.wav", "b.wav"], "labels": ["Bark,Meow", "Bark;Meow"]}


def test_quoted_header_may_hold_other_separators(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('fname,"labels; one; or; more"\na.wav,Bark\n')
    assert list(read_table(path).columns) == ["fname", "labels; one; or; more"]


def test_parquet_gives_the_same_text_as_a_csv(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "fname": ["a.wav", "b.wav", None],
            "category": pd.Categorical(["Rain", None, "Dog"]),
            "fold": [1, 2, 3],
            "source_id": [77.0, np.nan, 1e6],  # pandas makes floats of whole numbers with a gap
            "take": pd.array([1, None, 3], dtype="Int8"),
            "level_db": [-1.5, 0.0, 0.25],
            "labels": [["Bark", "Meow"], [], None],
            "licence": ["CC0", "", "NA"],
        }
    )
    table.to_parquet(tmp_path / "t.parquet")
    assert cells(read_table(tmp_path / "t.parquet")) == {
        "fname": ["a.wav", "b.wav", None],
        "category": ["Rain", None, "Dog"],
        "fold": ["1", "2", "3"],
        "source_id": ["77", None, "1000000"],
        "take": ["1", None, "3"],
        "level_db": ["-1.5", "0", "0.25"],
        "labels": ["Bark,Meow", None, None],
        "licence": ["CC0", None, "NA"],
    }


def test_index_of_a_parquet_table_is_a_column(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": ["Rain", "Dog"]}, index=pd.Index(["a.wav", "b.wav"], name="fname"))
    table.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["fname"].tolist() == ["a.wav", "b.wav"]


@pytest.mark.parametrize("damage", ["empty", "text", "head", "tail", "middle", "magic"])
def test_damaged_parquet_table_is_refused_in_one_short_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"fname": [f"{n}.wav" for n in range(1000)], "label": "Rain"}).to_parquet(path)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "text": b"fname,label\na.wav,Rain\n",
            "head": whole[:half],
            "tail": whole[half:],
            "middle": whole[:100] + bytes(half) + whole[100 + half :],
            "magic": b"PAR1" + bytes(range(256)) + b"PAR1",
        }[damage]
    )
    with pytest.raises(AudiotagError, match=r"^t\.parquet cannot be read as a Parquet table: ") as error:
        read_table(path)
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_missing_table_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(AudiotagError, match=rf"gone\.{suffix} cannot be read"):
        read_table(tmp_path / f"gone.{suffix}")


def test_header_line_that_does_not_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a" * 200_000)
    with pytest.raises(AudiotagError, match=r"^t\.csv cannot be read as a CSV file with a header line") as error:
        read_table(tmp_path / "t.csv")
    assert len(str(error.value)) < 300


def test_first_wanted_column_is_taken_and_otherwise_the_columns_are_listed() -> None:
    table = pd.DataFrame(columns=["category", "tags", "sound"])
    assert column_of(table, ("labels", "tags", "category"), Path("t.csv")) == "tags"
    with pytest.raises(AudiotagError, match="a column named fname or file, it has category, tags, sound; rename one"):
        column_of(table, ("fname", "file"), Path("t.csv"))
    with pytest.raises(AudiotagError, match="a column named what, it has category, tags, sound; name one of these"):
        column_of(table, ("what",), Path("t.csv"))


def test_function_of_a_cell_is_called_once_per_distinct_cell() -> None:
    calls = []

    def split(cell: str) -> tuple[str, ...]:
        calls.append(cell)
        return split_labels(cell)

    column = pd.Series(["Bark", None, "Bark; Meow", "Bark"], dtype="str")
    assert map_cells(column, split) == [("Bark",), (), ("Bark", "Meow"), ("Bark",)]
    assert sorted(calls) == ["", "Bark", "Bark; Meow"]


def test_names_of_sounds_are_found_without_hidden_ones() -> None:
    names = [
        "a.wav",
        "b.WAV",
        "c.flac",
        "d.ogg",
        "e.mp3",
        "wav",
        "f.wav.part",
        ".g.wav",
        "._a.wav",
        "t.csv",
        "h.raw",
        "",
    ]
    assert sound_names(names) == ["a.wav", "b.WAV", "c.flac", "d.ogg", "e.mp3"]


@pytest.mark.parametrize("seed", range(20))
def test_surplus_sounds_are_those_in_the_folder_but_not_in_the_table(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = np.array([f"{number}.wav" for number in range(6)])
    present, named = ({"a.wav", *(str(name) for name in names[rng.random(6) < 0.7])} for _ in range(2))
    for name in present | {"t.csv"}:
        (tmp_path / name).touch()
    sounds = SoundPaths(tmp_path)
    problem = RowCheck("t.csv", sounds, sounds.locate(named), (), "").surplus()
    extra = sorted(present - named)
    assert (problem is None) == (not extra)
    if problem:
        assert (problem.kind, problem.clip) == ("counts", extra[0])
        folder = f"{tmp_path.name}/ holds {len(present)} sounds"
        assert problem.reason.startswith(f"{folder}, t.csv names {len(named)}: ")
        assert f"{len(extra)}, like {extra[0]}, are not in the table." in problem.reason or extra == [problem.clip]


def test_folder_without_sounds_has_no_surplus(tmp_path: Path) -> None:
    assert RowCheck("t.csv", SoundPaths(tmp_path / "gone"), {"a.wav": None}, (), "").surplus() is None
