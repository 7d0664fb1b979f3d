"""Sounds without a label are listed if that is asked for, beside those that tables and folders label."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset
from audiotag.data.saved_options import count_unlabelled_sounds, keep_unlabelled, open_remembered
from audiotag.workspace import Workspace


def labels_of(root: Path, **options: bool) -> dict[str, tuple[str, ...]]:
    clips = open_dataset(root, **options).clips
    return dict(zip(clips["clip"], clips["labels"], strict=True))


def test_table_that_names_some_sounds_of_its_folder(folder: Callable[..., Path]) -> None:
    table = "fname,labels,fold\na.wav,Rain,1\nb.wav,,2\ngone.wav,Rain,1\n"
    for root in (folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"),
                 folder({"t.csv": table}, "audio/a.wav", "audio/b.wav", "audio/c.wav")):  # fmt: skip
        assert labels_of(root) == {"a.wav": ("Rain",)}
        assert labels_of(root, keep_unlabelled=True) == {"a.wav": ("Rain",), "b.wav": (), "c.wav": ()}
        dataset = open_dataset(root, keep_unlabelled=True)
        assert dataset.clips["path"].map(lambda path: path.is_file()).all()
        assert [problem.kind for problem in dataset.problems] == ["missing"]
        assert dataset.labels == ("Rain",)


def test_folders_that_label_some_sounds(folder: Callable[..., Path]) -> None:
    root = folder({}, "Rain/a.wav", "Rain/b.wav", "Dog/c.wav", "Dog/d.wav", "e.wav", "unlabeled/f.wav")
    assert set(labels_of(root)) == {"Rain/a.wav", "Rain/b.wav", "Dog/c.wav", "Dog/d.wav"}
    kept = labels_of(root, keep_unlabelled=True)
    assert kept["e.wav"] == kept["unlabeled/f.wav"] == ()
    assert kept["Rain/a.wav"] == ("Rain",)


def test_choice_is_saved_and_counted(folder: Callable[..., Path]) -> None:
    root, workspace = folder({"t.csv": "fname,labels\na.wav,Rain\n"}, "audio/a.wav", "audio/b.wav"), Workspace()
    assert count_unlabelled_sounds(root, workspace) == 1
    keep_unlabelled(root, workspace)
    assert count_unlabelled_sounds(root, workspace) == 0
    assert len(open_remembered(root, workspace).clips) == 2
