"""A single sound file is a dataset of one clip, whatever lies beside it."""

from pathlib import Path

import pytest

from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.data.stamp import dataset_stamp
from audiotag.errors import AudiotagError
from audiotag.inspection.faults import find_faults

from .examples_folders import tone


def test_one_sound_is_a_dataset_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "A b.WAV"
    path.write_bytes(tone())
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    dataset = open_dataset(path)
    assert (dataset.name, dataset.root, dataset.layout_key) == ("A b", path, "one-sound")
    assert (dataset.labels, dataset.subsets, dataset.problems) == ((), ("curated",), ())
    assert scan(dataset)["duration_s"].tolist() == [0.05]
    assert dict(dataset_stamp(path)).keys() == {str(path), str(tmp_path)}


def test_one_sound_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"no sound")
    dataset = open_dataset(path)
    (fault,) = find_faults(dataset, scan(dataset)).to_dict("records")
    assert (fault["clip"], fault["kind"]) == ("broken.wav", "unreadable")
    with pytest.raises(AudiotagError, match=r"gone\.wav does not exist"):
        open_dataset(tmp_path / "gone.wav")
