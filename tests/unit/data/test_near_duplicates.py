from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.near_duplicates import (
    NearDuplicate,
    NearDuplicateSearch,
    connect,
    near_duplicates_path,
    read_near_duplicates,
    read_search,
    write_near_duplicates,
)
from audiotag.workspace import Workspace


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    for label, name in (("a", "a1.wav"), ("a", "a2.wav"), ("b", "b1.wav")):
        (tmp_path / "sounds" / label).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "sounds" / label / name, np.zeros(800), 8000)
    return open_dataset(tmp_path / "sounds")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def search_of(dataset: Dataset, *pairs: NearDuplicate) -> NearDuplicateSearch:
    files = frozenset(with_keys(dataset.clips)[KEY].itertuples(index=False, name=None))
    return NearDuplicateSearch("starter", len(dataset.clips), pairs, files, ("b1.wav cannot be read.",))


def pair_of(dataset: Dataset) -> NearDuplicate:
    clip, subset, other, other_subset = *dataset.clips.iloc[0][["clip", "subset"]], *dataset.clips.iloc[1][KEY[:2]]
    return NearDuplicate(subset, clip, other_subset, other, 0.7, 0.97)


def test_search_is_read_as_it_was_written(dataset: Dataset, workspace: Workspace) -> None:
    assert read_search(dataset, workspace) is None
    search = search_of(dataset, pair_of(dataset))
    write_near_duplicates(dataset, search, workspace)
    assert read_search(dataset, workspace) == search
    assert read_near_duplicates(dataset, workspace) == [pair_of(dataset)]


def test_pair_counts_only_as_long_as_both_files_are_unchanged(dataset: Dataset, workspace: Workspace) -> None:
    write_near_duplicates(dataset, search_of(dataset, pair_of(dataset)), workspace)
    without_second = replace(dataset, clips=dataset.clips.drop(1).reset_index(drop=True))
    assert read_near_duplicates(without_second, workspace) == []
    soundfile.write(dataset.clips["path"].iloc[1], np.zeros(900), 8000)
    assert read_near_duplicates(dataset, workspace) == []


def test_damaged_file_costs_a_new_search_and_is_set_aside(dataset: Dataset, workspace: Workspace) -> None:
    write_near_duplicates(dataset, search_of(dataset, pair_of(dataset)), workspace)
    path = near_duplicates_path(dataset.root, workspace)
    for content in (b"{", b"[]", path.read_bytes().replace(b"0.97", b'"x"')):
        path.write_bytes(content)
        assert read_search(dataset, workspace) is None
    assert len(list(path.parent.glob("*.damaged*"))) == 3


def test_pairs_that_share_a_clip_are_one_group() -> None:
    clips = pd.DataFrame({"subset": "curated", "clip": ["a", "b", "c", "d", "e", "f"]})
    pairs = [NearDuplicate("curated", one, "curated", other, 0, 1) for one, other in ("ac", "ce", "df", "xa")]
    groups = connect(clips, pairs)
    assert groups.isna().tolist() == [False, True, False, False, False, False]
    assert groups[0] == groups[2] == groups[4]
    assert groups[3] == groups[5] != groups[0]


def test_same_name_in_another_subset_is_another_clip() -> None:
    clips = pd.DataFrame({"subset": ["curated", "test", "curated"], "clip": ["a", "a", "b"]})
    groups = connect(clips, [NearDuplicate("test", "a", "curated", "b", 0, 1)])
    assert groups.isna().tolist() == [True, False, False]
