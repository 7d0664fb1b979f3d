"""A dataset's layout is recognised, or chosen by its key; what is not a dataset is refused with what was looked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import LAYOUTS, Layout, OpenOptions, open_dataset, register_layout
from audiotag.data.layouts.base import layouts_in_order
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table, list_sounds
from audiotag.data.tables import split_labels
from audiotag.errors import AudiotagError

from ..conftest import ZENODO_CLIPS


def test_folder_that_is_not_a_dataset_is_refused_with_what_was_looked_for(folder: Callable[..., Path]) -> None:
    root = folder({}, "notes.pdf")
    with pytest.raises(
        AudiotagError, match=r"sounds is not a dataset: it holds 1 file \(\.pdf\), but no sounds .* has a table "
    ):
        open_dataset(root)


def test_path_that_does_not_exist_and_file_of_another_kind_are_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.pdf")
    for path in (root / "missing", root / "missing.csv", root / "missing.wav", root / "a.pdf"):
        with pytest.raises(AudiotagError) as error:
            open_dataset(path)
        assert str(path) in str(error.value)


def test_dataset_says_which_layout_it_has_by_key_and_by_title(
    competition: Callable[..., Path], folder: Callable[..., Path]
) -> None:
    dataset = open_dataset(competition())
    assert (dataset.layout_key, dataset.layout) == ("fsdkaggle2019-kaggle", "Freesound Audio Tagging 2019")
    dataset = open_dataset(folder({"t.csv": "fname,label\na.wav,Rain\n"}, "a.wav") / "t.csv")
    assert (dataset.layout_key, dataset.layout) == ("table", "table with a file and a label column")


def test_path_may_be_text_and_options_may_be_keywords(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS)
    options = OpenOptions(keep_flagged=True)
    assert len(open_dataset(str(root)).subset("curated")) == 1
    assert len(open_dataset(str(root), options).subset("curated")) == 2
    assert len(open_dataset(root, options, keep_flagged=False).subset("curated")) == 1


def test_layouts_are_tried_in_their_order_whatever_their_files_are_called() -> None:
    layouts = layouts_in_order()
    keys = [layout.key for layout in layouts]
    assert keys[0] == "fsdkaggle2019-kaggle"
    assert keys.index("table") > max(map(keys.index, ("fsd50k", "clip-names", "split-tables")))
    assert keys[-4:] == ["table", "folder-per-class", "folder-of-sounds", "one-sound"]  # from specific to general
    assert len({layout.order for layout in layouts}) == len(layouts)
    assert all(layout.title for layout in layouts)
    assert {layout.key for layout in layouts if layout.can_be_fetched} == {
        "fsdkaggle2019-kaggle",
        "fsdkaggle2019-zenodo",
    }


def test_layout_can_be_chosen_by_its_key(folder: Callable[..., Path]) -> None:
    root = folder({"list.csv": "fname,label\na.wav,Rain\n"}, "a.wav", "Dog/b.wav")
    chosen = {key: open_dataset(root, layout=key) for key in ("table", "folder-per-class", "folder-of-sounds")}
    assert {key: dataset.layout_key for key, dataset in chosen.items()} == {key: key for key in chosen}
    assert {key: dataset.labels for key, dataset in chosen.items()} == {
        "table": ("Rain",),
        "folder-per-class": ("Dog",),
        "folder-of-sounds": (),
    }


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("fsdkaggle2019-kaggle", r"no usable clip\. train_curated\.csv is not in "),
        ("fsdkaggle2019-zenodo", r"no usable clip\. train_curated_post_competition\.csv is not in "),
        ("table", "has no table"),
        ("folder-per-class", "has no sounds in folders"),
        ("folder-of-sounds", "has no sounds; choose another folder"),
        ("one-sound", "is not a sound file"),
        ("huggingface-parquet", "has no Parquet file with sounds in it"),
        ("huggingface-audiofolder", "has no table of metadata with the column file_name"),
        ("desed", "has no table with the columns filename and event_label"),
        ("sonyc-ust", "has no annotations.csv with the columns of SONYC-UST"),
        ("audioset", "has no CSV file of AudioSet's segments"),
        ("label-studio", "has no export of Label Studio"),
        ("audacity-labels", "has no label tracks of Audacity"),
        ("raven-selections", "has no selection tables of Raven"),
        ("fodler", "'fodler' is not a known layout; choose one of .*folder-of-sounds, folder-per-class, "),
    ],
)
def test_layout_that_does_not_fit_is_refused_with_the_reason(
    folder: Callable[..., Path], key: str, reason: str
) -> None:
    root = folder({}, "notes.pdf")
    with pytest.raises(AudiotagError, match=reason):
        open_dataset(root, layout=key)


def test_chosen_layout_of_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="gone does not exist; give the folder of a dataset"):
        open_dataset(tmp_path / "gone", layout="folder-of-sounds")


def test_layout_of_another_package_is_recognised_before_those_after_it(
    folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LAYOUTS.names()  # so that all shipped layouts are registered
    monkeypatch.setattr(LAYOUTS, "_parts", dict(LAYOUTS._parts))

    @register_layout("text-per-clip")
    class TextPerClip(Layout):
        title = "one text file of labels per clip"
        order = 35
        looks_for = "a text file beside each sound"

        def recognises(self, path: Path) -> bool:
            return path.is_dir() and any(file.with_suffix(".txt").is_file() for file in list_sounds(path.glob("*")))

        def open(self, path: Path, options: OpenOptions) -> Dataset:
            files = list_sounds(path.glob("*"))
            texts = [file.with_suffix(".txt").read_text() for file in files]
            clips = clip_table(
                clip=[file.name for file in files], path=files, subset="curated", labels=[*map(split_labels, texts)]
            )
            return build_dataset(path, [clips], Findings())

    dataset = open_dataset(folder({"a.txt": "Bark, Meow", "b.txt": "Rain"}, "a.wav", "b.wav"))
    assert (dataset.layout_key, dataset.layout) == ("text-per-clip", "one text file of labels per clip")
    assert dataset.clips["labels"].tolist() == [("Bark", "Meow"), ("Rain",)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        AudiotagError, match=r"it is empty\. A dataset has .*, a text file beside each sound, sounds in a folder"
    ):
        open_dataset(tmp_path / "empty")


@pytest.mark.parametrize("separator", ["", "ab", r"\s+", ",;", " "])
def test_text_that_is_not_a_separator_is_refused(separator: str) -> None:
    with pytest.raises(AudiotagError, match="separator must be a comma, a semicolon, a tab or a bar, got "):
        OpenOptions(separator=separator)


def test_saved_options_of_another_version_are_read() -> None:
    saved = {"separator": ";", "file_column": None, "label_column": "what", "keep_flagged": True}
    assert OpenOptions.from_dict(saved) == OpenOptions(separator=";", label_column="what", keep_flagged=True)
    assert OpenOptions.from_dict(saved | {"colour": "red", "layout": "table"}).layout == "table"


def test_separator_of_labels_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(AudiotagError, match=r"label_separator must be one of comma, semicolon, .*, got 'slash'"):
        OpenOptions(label_separator="slash")
