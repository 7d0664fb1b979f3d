"""What a folder has of FSDKaggle2019 is counted and reported, with the disk space for the rest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import CURATED, META, NOISY, ON_KAGGLE, ON_ZENODO, TEST
from audiotag.data.fsdkaggle2019_folder import check_folder
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from .conftest import FEW, ZIP, clips, kaggle_files, states, zenodo_files

GB = 1e9
pytestmark = pytest.mark.usefixtures("few_clips")


def test_counts_of_clips_are_those_of_the_tables(real_release: dict[bool, Dataset], shared: Path) -> None:
    dataset = real_release[True]
    assert {part.subset: part.clips for part in ON_ZENODO.parts if part.clips} == {
        subset: len(dataset.subset(subset)) for subset in dataset.subsets
    }
    submission = (shared / "data/fsdkaggle2019/capstone_submission.csv").read_text().splitlines()
    assert ON_KAGGLE.parts[2].clips == len(submission) - 1
    row = check_folder(shared / "data/fsdkaggle2019").rows[3]
    assert (row.complete, row.state) == (True, "complete (4 tables)")


@pytest.mark.parametrize("there", [True, False])
def test_everything_is_missing_in_an_empty_folder(release_folder: Path, there: bool) -> None:
    found = check_folder(release_folder if there else release_folder / "deeper/still")
    assert found.release.name == "Zenodo"
    assert states(found) == dict.fromkeys((CURATED, NOISY, TEST, META), "is missing")
    assert [row.found for row in found.rows] == [0, 0, 0, 0]
    assert [row.wanted for row in found.rows] == [3, 14, 2, 4]
    assert not found.complete
    assert found.needed_bytes == ON_ZENODO.peak_bytes
    assert found.free_bytes == pytest.approx(shutil.disk_usage(release_folder).free, abs=GB)
    assert found.sentences[0] == "FSDKaggle2019.audio_train_curated: is missing."


@pytest.mark.parametrize("files", [zenodo_files, kaggle_files], ids=["zenodo", "kaggle"])
def test_nothing_is_missing_in_a_complete_folder(release_folder: Path, put: Callable, files: Callable) -> None:
    put(*files())
    found = check_folder(release_folder)
    assert found.complete
    assert [row.state for row in found.rows[:3]] == [f"complete ({FEW[subset]} sound files)" for subset in FEW]
    assert (found.needed_bytes, found.fits) == (0, True)
    assert found.disk.startswith("Nothing more is needed, ")


@pytest.mark.parametrize("files", [zenodo_files, kaggle_files], ids=["zenodo", "kaggle"])
def test_part_is_incomplete_without_any_one_of_its_files(release_folder: Path, put: Callable, files: Callable) -> None:
    for name in files():
        put(*files())
        (release_folder / name).unlink()
        (row,) = [row for row in check_folder(release_folder).rows if not row.complete]
        if name.endswith(".wav"):
            assert row.part.name == Path(name).parent.name
            assert row.state == f"{row.wanted - 1} of {row.wanted} sound files"
            assert row.needed_bytes > 0
        else:
            assert name in row.part.tables
            assert row.state.endswith(f"; {Path(name).name} is missing")


def test_only_sounds_are_counted_and_surplus_ones_are_reported(release_folder: Path, put: Callable) -> None:
    put(*clips(CURATED, 2), f"{CURATED}/._0.wav", f"{CURATED}/notes.txt", *clips(TEST, 5))
    found = check_folder(release_folder)
    assert states(found)[CURATED] == "2 of 3 sound files"
    assert states(found)[TEST] == "complete (5 sound files, 3 more than it should have)"
    assert [row.complete for row in found.rows] == [False, False, True, False]


@pytest.mark.parametrize("part", ["FSDKaggle2019.meta", "FSDKaggle2019.audio_test"])
def test_path_of_a_part_stands_for_the_folder_that_it_is_in(release_folder: Path, put: Callable, part: str) -> None:
    put(*zenodo_files())
    assert check_folder(release_folder / part).folder == release_folder
    assert check_folder(release_folder / part).complete


@pytest.mark.parametrize("name", ["train_curated.csv", "train_noisy.zip", "freesound-audio-tagging-2019.zip"])
def test_folder_with_files_of_the_competition_is_compared_with_it(
    release_folder: Path, put: Callable, name: str
) -> None:
    put(name)
    assert check_folder(release_folder).release.name == "Kaggle"


def test_both_layouts_in_one_folder_are_compared_as_the_dataset_is_opened(release_folder: Path, put: Callable) -> None:
    put(*zenodo_files(), *kaggle_files())
    (release_folder / "train_curated.csv").write_text("fname,labels\n0.wav,Bark\n1.wav,Bark\n2.wav,Bark\n")
    (release_folder / "train_noisy.csv").write_text("fname,labels\n")
    (release_folder / "sample_submission.csv").write_text("fname,Bark\n")
    assert open_dataset(release_folder).layout == "Freesound Audio Tagging 2019"
    assert check_folder(release_folder).release.name == "Kaggle"


def test_state_follows_the_archives_from_the_first_to_the_last(release_folder: Path, put: Callable) -> None:
    *pieces, last = ON_ZENODO.parts[1].archives
    assert len(pieces) == 6
    put(*pieces[:2], content=bytes(100_000))
    names = f"{', '.join(pieces[2:])} and {last}"
    assert states(check_folder(release_folder))[NOISY] == f"archives {names} are missing"
    put(*pieces[:2], *pieces[3:], content=bytes(100_000))
    put(last, content=ZIP)
    assert states(check_folder(release_folder))[NOISY] == "archive FSDKaggle2019.audio_train_noisy.z03 is missing"
    put(pieces[2], content=bytes(1000))
    unfinished = "is incomplete; continue the download"
    assert states(check_folder(release_folder))[NOISY] == f"archive FSDKaggle2019.audio_train_noisy.z03 {unfinished}"
    put(pieces[2], content=bytes(99_950))  # zip parts an archive before a header, not within it
    put(last, content=ZIP[:3])
    assert states(check_folder(release_folder))[NOISY] == f"archive {last} {unfinished}"
    put(last, content=ZIP + b"Freesound")  # a comment may follow
    assert states(check_folder(release_folder))[NOISY] == "all archives are downloaded; join and unpack them"
    put(*clips(NOISY, 1))
    assert states(check_folder(release_folder))[NOISY] == (
        "1 of 14 sound files; all archives are downloaded; join and unpack them"
    )
    put("unsplit.zip", content=ZIP)
    assert states(check_folder(release_folder))[NOISY] == "1 of 14 sound files; unsplit.zip is downloaded; unpack it"


def test_single_archive_is_to_be_unpacked_unless_its_part_is_complete(release_folder: Path, put: Callable) -> None:
    put(*(part.archives[0] for part in ON_KAGGLE.parts), content=ZIP)
    assert set(states(check_folder(release_folder)).values()) == {"its archive is downloaded; unpack it"}
    put(*clips("test", 2), "sample_submission.csv")
    assert states(check_folder(release_folder))["test"] == "complete (2 sound files)"


def test_one_archive_of_the_competition_contains_all_others(release_folder: Path, put: Callable) -> None:
    put(ON_KAGGLE.bundle, content=ZIP)
    found = check_folder(release_folder)
    assert set(states(found).values()) == {f"{ON_KAGGLE.bundle} is downloaded; unpack it"}
    assert found.needed_bytes == pytest.approx(2 * ON_KAGGLE.unpacked_bytes, abs=9)


def test_needed_space_shrinks_with_every_step(release_folder: Path, put: Callable) -> None:
    *pieces, last = ON_ZENODO.parts[1].archives
    needed = [check_folder(release_folder).needed_bytes]

    def step(*names: str, content: bytes = b"") -> None:
        put(*names, content=content)
        needed.append(check_folder(release_folder).needed_bytes)

    step(*pieces[:3], content=bytes(100_000))
    step(*pieces[3:], last, content=bytes(100_000) + ZIP)
    step("unsplit.zip", content=ZIP)
    step(*clips(NOISY, 1))
    step(*clips(NOISY, 14))
    assert needed == sorted(needed, reverse=True)
    assert len(set(needed)) == len(needed)
    others = sum(part.unpacked_bytes for part in ON_ZENODO.parts if part.subset != "noisy")
    assert needed[3] == 2 * others + ON_ZENODO.parts[1].unpacked_bytes
    assert needed[-1] == 2 * others


def test_lack_of_disk_space_is_reported_with_what_to_do(release_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(release_folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5_000_000_000))
    found = check_folder(release_folder)
    assert not found.fits
    assert found.disk.startswith(
        f"At most 91 GB more is needed, 5.0 GB are free where {release_folder} is. Free some space,"
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=ON_ZENODO.peak_bytes))
    assert check_folder(release_folder).fits
    assert "Free some space" not in check_folder(release_folder).disk


@pytest.mark.parametrize("odd", ["{}/t.csv", "{}/t.csv/deeper", "{}/a\0b", "{}/" + "x" * 300, "~nobody-of-this-name/x"])
def test_path_that_is_not_a_folder_is_refused_in_a_sentence(release_folder: Path, put: Callable, odd: str) -> None:
    put("t.csv")
    with pytest.raises(AudiotagError, match=r"(is not a folder|cannot be read: .*); give .* folder.*\.$"):
        check_folder(Path(odd.format(release_folder)))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_link_to_nowhere_counts_as_a_folder_that_does_not_exist_yet(release_folder: Path) -> None:
    (release_folder / "link").symlink_to(release_folder / "nowhere")
    assert not check_folder(release_folder / "link").complete


def test_folders_without_read_permission_are_reported(
    release_folder: Path, put: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*zenodo_files())
    listdir = os.listdir

    def denied(name: str) -> Callable:
        def list_others(path: Path) -> list[str]:
            if Path(path).name == name:
                raise PermissionError(13, "Permission denied", str(path))
            return listdir(path)

        return list_others

    monkeypatch.setattr(os, "listdir", denied(NOISY))
    found = check_folder(release_folder)
    assert states(found)[NOISY] == "cannot be read: Permission denied"
    assert [row.complete for row in found.rows] == [True, False, True, True]
    monkeypatch.setattr(os, "listdir", denied(release_folder.name))
    with pytest.raises(AudiotagError, match=r"sounds of 2019 cannot be read: Permission denied; give another"):
        check_folder(release_folder)


def test_files_in_place_of_folders_and_folders_in_place_of_files_do_not_count(
    release_folder: Path, put: Callable
) -> None:
    put(CURATED, f"{META}/vocabulary.csv/x", f"{TEST}.zip".replace("zip", "zip/x"))
    assert set(states(check_folder(release_folder)).values()) == {"is missing"}


def test_checking_leaves_the_folder_as_it_was(release_folder: Path, put: Callable, contents: Callable) -> None:
    put(*zenodo_files(), *ON_ZENODO.parts[1].archives, content=ZIP)
    before = contents(release_folder)
    check_folder(release_folder)
    assert contents(release_folder) == before
