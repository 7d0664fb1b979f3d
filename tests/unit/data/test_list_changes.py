"""Clip lists: what a recipe relabels, trusts and drops, on a small dataset and on the real tables of FSDKaggle2019."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from audiotag.data.clip_lists import ClipLists, list_names, list_path
from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import FLAGGED
from audiotag.data.layouts import open_dataset
from audiotag.data.left_out import LeftOutClip, leave_out, without_left_out
from audiotag.data.list_changes import (
    CHANGES_SHAPE,
    DROPPED,
    TRUSTED,
    ListChanges,
    find_list_changes,
    read_clip_list,
)
from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.workspace import Workspace

META = Path(__file__).parents[4] / "shared" / "data" / "fsdkaggle2019"
CURATED = [("a.wav", "Bark"), ("77b925c2.wav", "Meow"), ("b.wav", "Meow"), ("f76181c4.wav", "Bark"), ("c.wav", "Hum")]
NOISY = [("n1.wav", "Bark"), ("n2.wav", "Hum,Bark"), ("n3.wav", "Meow")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five curated clips, of which the authors of FSDKaggle2019 marked two as wrong, and three noisy ones."""
    for subset, rows in (("train_curated", CURATED), ("train_noisy", NOISY)):
        (tmp_path / "sounds" / subset).mkdir(parents=True)
        lines = ["fname,labels", *(f'{clip},"{labels}"' for clip, labels in rows)]
        (tmp_path / "sounds" / f"{subset}.csv").write_text("\n".join(lines) + "\n")
        for number, (clip, _) in enumerate(rows):
            soundfile.write(tmp_path / "sounds" / subset / clip, [0.1 * number, 0.2], 8000)
    return tmp_path / "sounds"


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return open_dataset(folder)


def list_of(folder: Path, text: str, name: str = "mine.csv") -> str:
    (folder.parent / name).write_text(text)
    return str(folder.parent / name)


def labels_of(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    return dict(zip(dataset.clips["clip"], dataset.clips["labels"], strict=True))


def test_clips_are_relabelled_dropped_and_trusted(folder: Path, dataset: Dataset) -> None:
    lists = ClipLists(
        relabel=list_of(folder, '# ours\nclip,labels\na.wav,"Hum,Meow"\nb.wav,\nelsewhere.wav,Bark\n'),
        trust=list_of(folder, "fname\nn1.wav\na.wav\n", "trust.csv"),
        drop=list_of(folder, "clip\nn2.wav\nc.wav\nnowhere.wav\ngone.wav\n", "drop.csv"),
    )
    changes = find_list_changes(dataset, lists)
    assert changes.relabelled == (Correction("curated", "a.wav", ("Bark",), ("Hum", "Meow")),)
    assert changes.trusted == (("noisy", "n1.wav"),)
    flagged = {"77b925c2.wav", "f76181c4.wav"}
    assert set(changes.dropped) == {("noisy", "n2.wav"), *(("curated", clip) for clip in ("b.wav", "c.wav", *flagged))}
    assert changes.sentences == (
        "List mine.csv relabels 1 clip and leaves 1 out, in training and in held-out clips alike. "
        "It names 1 clip that sounds does not have.",
        "List trust.csv trusts the labels of 1 noisy clip.",
        "List drop.csv leaves 2 clips out. It names 2 clips that sounds does not have.",
    )
    changed = changes.apply(dataset)
    labels = labels_of(changed)
    assert {clip: labels[clip] for clip in labels.keys() - flagged} == labels_of(dataset) | {"a.wav": ("Hum", "Meow")}
    assert changed.clips.loc[changed.clips[TRUSTED], "clip"].tolist() == ["n1.wav"]
    assert set(changed.clips.loc[changed.clips[DROPPED], "clip"]) == {"b.wav", "n2.wav", "c.wav", *flagged}
    assert labels_of(open_dataset(folder)) == labels_of(dataset)


def test_clips_that_the_authors_marked_as_wrong_are_relabelled_in_their_places(folder: Path, dataset: Dataset) -> None:
    assert "f76181c4.wav" not in labels_of(dataset)
    lists = ClipLists(relabel=list_of(folder, "clip,labels\nf76181c4.wav,Hum\n77b925c2.wav,\n"))
    changes = find_list_changes(dataset, lists)
    changed = changes.apply(dataset)
    assert changed.clips["clip"].tolist() == [clip for clip, _ in (*CURATED, *NOISY)]
    assert labels_of(changed)["f76181c4.wav"] == ("Hum",)
    assert changes.dropped == (("curated", "77b925c2.wav"),)
    assert "relabels 1 clip and leaves 1 out" in changes.sentences[0]


def test_all_flagged_clips_are_there_for_folds_and_those_that_no_list_relabels_are_dropped(
    folder: Path, dataset: Dataset
) -> None:
    relabel = list_of(folder, "clip,labels\nf76181c4.wav,Hum\n")
    other = list_of(folder, "clip,labels\na.wav,\n", "other.csv")
    listed, unlisted = (find_list_changes(dataset, ClipLists(relabel=each)) for each in (relabel, other))
    assert set(listed.restored) == set(unlisted.restored) == {"77b925c2.wav", "f76181c4.wav"}
    assert listed.dropped == (("curated", "77b925c2.wav"),)
    assert set(unlisted.dropped) == {("curated", clip) for clip in ("a.wav", "77b925c2.wav", "f76181c4.wav")}
    assert "leaves 1 out" in unlisted.sentences[0]
    trust = list_of(folder, "clip\nn1.wav\n", "trust.csv")
    assert find_list_changes(dataset, ClipLists(trust=trust)).restored == ()


def test_of_two_flagged_clips_the_one_on_the_list_comes_back(folder: Path, dataset: Dataset) -> None:
    back = dataset.with_flagged(["f76181c4.wav"])
    assert back.clips["clip"].tolist()[:4] == ["a.wav", "b.wav", "f76181c4.wav", "c.wav"]
    both = back.with_flagged(["77b925c2.wav"])
    assert both.clips["clip"].tolist() == open_dataset(folder, keep_flagged=True).clips["clip"].tolist()
    assert both.flagged_clips is None


def test_flagged_clips_come_back_in_their_places_after_others_were_left_out(dataset: Dataset, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    leave_out(dataset, [LeftOutClip("curated", clip, "why") for clip in ("b.wav", "77b925c2.wav")], workspace)
    fewer = without_left_out(dataset, workspace)
    back = fewer.with_flagged(FLAGGED)
    assert back.clips["clip"].tolist()[:3] == ["a.wav", "f76181c4.wav", "c.wav"]


def test_what_reviewers_decided_takes_precedence_over_a_list(folder: Path, dataset: Dataset) -> None:
    lists = ClipLists(relabel=list_of(folder, "clip,labels\na.wav,Hum\nb.wav,Bark\n"))
    reviewed = Correction("curated", "a.wav", ("Bark",), ("Meow",))
    changes = find_list_changes(dataset, lists, {("curated", "a.wav")})
    assert labels_of(changes.apply(dataset, [reviewed]))["a.wav"] == ("Meow",)
    assert labels_of(changes.apply(dataset, [reviewed]))["b.wav"] == ("Bark",)
    assert "It changes nothing about 1 clip whose labels reviewers decided." in changes.sentences[0]


def test_label_that_the_dataset_lacks_is_refused_by_name(folder: Path, dataset: Dataset) -> None:
    lists = ClipLists(relabel=list_of(folder, 'clip,labels\na.wav,"Moo,Bark"\n'))
    with pytest.raises(AudiotagError, match=r"the labels in mine\.csv must be among those of sounds, got Moo; correct"):
        find_list_changes(dataset, lists)


def test_labels_of_clips_that_the_dataset_lacks_do_not_matter(dataset: Dataset) -> None:
    few = replace(dataset, flagged_clips=None)
    changes = find_list_changes(few, ClipLists("argus-curated", "argus-trusted", "argus-dropped"))
    assert changes == ListChanges(sentences=changes.sentences)
    assert [sentence.split(". ")[1] for sentence in changes.sentences] == [
        f"It names {count} clips that sounds does not have." for count in ("73", "1,745", "6,999")
    ]


def test_a_list_that_is_not_there_or_lacks_a_column_is_refused(folder: Path, dataset: Dataset) -> None:
    with pytest.raises(AudiotagError, match="mine is not a list of clips; choose one of argus-curated"):
        find_list_changes(dataset, ClipLists(trust="mine"))
    with pytest.raises(AudiotagError, match="label"):
        find_list_changes(dataset, ClipLists(relabel=list_of(folder, "clip\na.wav\n")))


def test_changes_survive_their_plain_values(folder: Path, dataset: Dataset) -> None:
    lists = ClipLists(relabel=list_of(folder, "clip,labels\na.wav,Hum\nf76181c4.wav,Hum\n"))
    changes = find_list_changes(dataset, lists)
    values = json.loads(json.dumps(changes.to_dict()))
    assert fits(values, CHANGES_SHAPE)
    assert ListChanges.from_dict(values) == changes


def test_paths_of_lists_are_relative_to_the_recipe(tmp_path: Path) -> None:
    lists = ClipLists(relabel="argus-curated", trust="mine.csv").relative_to(tmp_path)
    assert lists == ClipLists("argus-curated", str(tmp_path / "mine.csv"))


# The published lists


@pytest.mark.parametrize(
    ("name", "dropped", "relabelled"),
    [
        ("argus-curated", 15, 58),
        ("argus-curated-12", 5, 7),
        ("argus-curated-76", 14, 62),
        ("argus-curated-71", 14, 57),
    ],
)
def test_published_corrections_have_the_published_counts(name: str, dropped: int, relabelled: int) -> None:
    listed = read_clip_list(name, True)
    assert sum(not labels for labels in listed.values()) == dropped
    assert sum(bool(labels) for labels in listed.values()) == relabelled


def test_published_noisy_lists_have_the_published_counts_and_overlaps() -> None:
    trusted, dropped, sixth = (
        set(read_clip_list(name, False)) for name in ("argus-trusted", "argus-dropped", "mnpinto-trusted")
    )
    assert (len(trusted), len(dropped), len(sixth)) == (1745, 6999, 3438)
    assert not trusted & dropped
    assert (len(sixth & trusted), len(sixth & dropped)) == (1387, 126)


def test_each_shipped_list_names_its_source_and_licence() -> None:
    assert len(list_names()) == 7
    for name in list_names():
        text = list_path(name).read_text()
        assert "# Source: https://github.com/" in text
        assert "Licence: MIT" in text


@pytest.mark.skipif(not META.is_dir(), reason="the tables of FSDKaggle2019 are not here")
def test_published_lists_fit_the_real_tables() -> None:
    dataset = open_dataset(META)
    assert len(dataset.subset("curated")) == 4964
    changes = find_list_changes(dataset, ClipLists("argus-curated", "argus-trusted", "argus-dropped"))
    assert (len(changes.relabelled), len(changes.trusted), len(changes.dropped)) == (58, 1745, 15 + 6999)
    assert not any("does not have" in sentence for sentence in changes.sentences)
    assert set(changes.restored) == set(FLAGGED)
    changed = changes.apply(dataset)
    used = changed.clips[~changed.clips[DROPPED]]
    assert used["subset"].value_counts()[["curated", "noisy"]].tolist() == [4955, 12816]
    assert labels_of(changed)["f76181c4.wav"] == ("Bass_drum",)
    assert labels_of(changed)["c7db12aa.wav"] == ("Marimba_and_xylophone",)
    assert set(labels_of(changed)["7752cc8a.wav"]) == {"Dishes_and_pots_and_pans", "Chink_and_clink"}
    whole = open_dataset(META, keep_flagged=True)
    assert changed.clips["clip"].tolist() == whole.clips["clip"].tolist()
    for name in (name for name in recipe_names() if name.startswith("argus")):
        changes = find_list_changes(dataset, load_recipe(name).lists)
        assert changes.apply(dataset).clips["clip"].tolist() == whole.clips["clip"].tolist()
