"""DCASE acoustic scenes: the published folds of the lists, and the place of each recording as its group."""

import shutil
from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import LAYOUTS, open_dataset

from .conftest import TAU, TUT2016, Build, by_clip, files


def test_scenes_split_and_places(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(TAU))
    assert dataset.labels == ("airport", "metro")
    assert by_clip(dataset, "subset", "labels", "split", "fold", "group") == {
        "airport-barcelona-0-0-a.wav": ("curated", ("airport",), "train", None, "barcelona-0"),
        "airport-barcelona-0-1-a.wav": ("curated", ("airport",), "train", None, "barcelona-0"),
        "airport-lyon-7-40-b.wav": ("curated", ("airport",), "validation", 1, "lyon-7"),
        "metro-prague-1163-44094-a.wav": ("curated", ("metro",), "train", None, "prague-1163"),
    }
    assert (dataset.name, dataset.problems, dataset.missing) == ("release", (), ())
    assert dataset.readings[0].ignored == ("source_label is the device of a recording.",)


def test_clips_of_no_list_are_flagged_and_can_be_used(example: Callable[[Build], Path]) -> None:
    root = example(TAU)
    (flagged,) = open_dataset(root).flagged
    assert flagged.reason == "park-milan-1164-44095-s1.wav is in no list of evaluation_setup."
    dataset = open_dataset(root, keep_flagged=True)
    assert by_clip(dataset, "split", "group")["park-milan-1164-44095-s1.wav"] == ("train", "milan-1164")


def test_places_are_in_the_names_where_the_table_has_no_column(example: Callable[[Build], Path]) -> None:
    root = example(TAU)
    rows = [line.split("\t")[:2] for line in (root / "meta.csv").read_text().splitlines()]
    (root / "meta.csv").write_text("".join("\t".join(row) + "\n" for row in rows))
    places = set(open_dataset(root, keep_flagged=True).clips["group"])
    assert places == {"barcelona-0", "lyon-7", "prague-1163", "milan-1164"}


def test_folds_and_places_can_be_declined(example: Callable[[Build], Path]) -> None:
    clips = open_dataset(example(TAU), group_column="-", fold_column="-").clips
    assert clips["group"].isna().all()
    assert clips["fold"].isna().all()


def test_several_folds_hold_out_the_clips_of_their_lists(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(TUT2016))
    assert dataset.own_folds == (1, 2)
    assert by_clip(dataset, "labels", "split", "fold", "group") == {
        "b020_90_100.wav": (("beach",), None, 2, "b020"),
        "b020_110_120.wav": (("beach",), None, 2, "b020"),
        "a001_0_30.wav": (("bus",), None, 1, "a001"),
    }


def test_missing_lists_are_said_and_every_clip_opens(example: Callable[[Build], Path]) -> None:
    root = example(TAU)
    shutil.rmtree(root / "evaluation_setup")
    dataset = open_dataset(root / "meta.csv")
    assert len(dataset.clips) == 5
    assert dataset.clips["fold"].isna().all()
    assert dataset.flagged == ()
    assert dataset.missing == ("evaluation_setup/fold1_evaluate.csv is not there: the published folds are not known.",)


def test_clip_that_is_not_in_the_table_is_a_problem(example: Callable[[Build], Path]) -> None:
    root = example(TUT2016)
    (root / "audio/c003_0_30.wav").touch()
    assert [(problem.clip, problem.kind) for problem in open_dataset(root).problems] == [("c003_0_30.wav", "counts")]


def test_tables_of_other_tasks_are_not_taken(example: Callable[[Build], Path]) -> None:
    events = "audio/street/a001.wav\tstreet\t1.58\t2.38\tcar\tmixture\ta001\n"
    root = example(
        files({"meta.txt": events, "evaluation_setup/street_fold1_train.txt": events}, "audio/street/a001.wav")
    )
    assert not LAYOUTS.get("dcase-scenes")().recognises(root)
