"""What of FSDKaggle2019 is in a folder is counted and said; the commands make a folder of which nothing is missing."""

import dataclasses
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.data import fsdkaggle2019
from audiotag.data.fsdkaggle2019 import (
    CURATED,
    META,
    NOISY,
    ON_KAGGLE,
    ON_ZENODO,
    TEST,
    FolderState,
    Release,
    kaggle_commands,
    still_missing,
    zenodo_commands,
)
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

FEW = {"curated": 3, "noisy": 14, "test": 2}
GB = 1e9
ZIP = b"PK\x05\x06" + bytes(18)  # of no file; every zip ends like this


def in_small(release: Release) -> Release:
    """The release with the counts of `FEW`."""
    parts = [dataclasses.replace(part, clips=FEW.get(part.subset, 0)) for part in release.parts]
    return dataclasses.replace(release, parts=tuple(parts))


@pytest.fixture(autouse=True)
def _few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ON_ZENODO", "ON_KAGGLE"):
        monkeypatch.setattr(fsdkaggle2019, name, in_small(getattr(fsdkaggle2019, name)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds of 2019"
    folder.mkdir()
    return folder


@pytest.fixture
def put(folder: Path) -> Callable[..., None]:
    """``put(*names, content)``: files in the folder."""

    def make(*names: str, content: bytes = b"") -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    return make


def clips(name: str, count: int) -> list[str]:
    return [f"{name}/{number}.wav" for number in range(count)]


def zenodo_files() -> list[str]:
    return [*clips(CURATED, 3), *clips(NOISY, 14), *clips(TEST, 2), *ON_ZENODO.parts[3].tables]


def kaggle_files() -> list[str]:
    tables = [table for part in ON_KAGGLE.parts for table in part.tables]
    return [*clips("train_curated", 3), *clips("train_noisy", 14), *clips("test", 2), *tables]


def states(found: FolderState) -> dict[str, str]:
    return {row.part.name: row.state for row in found.rows}


def test_sizes_follow_from_hours_and_agree_with_the_clips_of_the_readme() -> None:
    assert [round(part.unpacked_bytes / GB, 1) for part in ON_ZENODO.parts] == [3.3, 25.4, 4.1, 0.0]
    assert ON_ZENODO.unpacked_bytes == sum(part.unpacked_bytes for part in ON_ZENODO.parts)
    assert round(ON_ZENODO.unpacked_bytes / GB) == 33
    assert ON_ZENODO.peak_bytes == 2 * ON_ZENODO.unpacked_bytes + ON_ZENODO.parts[1].unpacked_bytes
    assert round(ON_ZENODO.peak_bytes / GB, -1) == 90
    assert ON_KAGGLE.peak_bytes == 3 * ON_KAGGLE.unpacked_bytes  # a zip of zips
    for release in (ON_ZENODO, ON_KAGGLE):
        means_s = [3600 * part.hours / part.clips for part in release.parts if part.clips]
        assert np.round(means_s, 1).tolist() == [7.6, 14.5, 10.4]
    assert ON_ZENODO.disk == (
        "Zenodo: a download of at most 33 GB; at most 91 GB of disk while it is unpacked, 33 GB once the archives are "
        "deleted."
    )


def test_counts_are_those_of_the_tables(shared: Path) -> None:
    dataset = open_dataset(shared / "data/fsdkaggle2019", keep_flagged=True)
    assert {part.subset: part.clips for part in ON_ZENODO.parts if part.clips} == {
        subset: len(dataset.subset(subset)) for subset in dataset.subsets
    }
    submission = (shared / "data/fsdkaggle2019/capstone_submission.csv").read_text().splitlines()
    assert ON_KAGGLE.parts[2].clips == len(submission) - 1
    row = still_missing(shared / "data/fsdkaggle2019").rows[3]
    assert (row.complete, row.state) == (True, "complete (4 tables)")


def test_the_releases_differ_in_the_test_clips_alone() -> None:
    for there, here in zip(ON_ZENODO.parts[:2], ON_KAGGLE.parts[:2], strict=True):
        assert (there.subset, there.clips, there.hours) == (here.subset, here.clips, here.hours)


@pytest.mark.parametrize("there", [True, False])
def test_of_nothing_all_is_missing_by_the_release_on_zenodo(folder: Path, there: bool) -> None:
    found = still_missing(folder if there else folder / "deeper/still")
    assert found.release.name == "Zenodo"
    assert states(found) == dict.fromkeys((CURATED, NOISY, TEST, META), "is not there")
    assert [row.found for row in found.rows] == [0, 0, 0, 0]
    assert [row.wanted for row in found.rows] == [3, 14, 2, 4]
    assert not found.complete
    assert found.needed_bytes == ON_ZENODO.peak_bytes
    assert found.free_bytes == pytest.approx(shutil.disk_usage(folder).free, abs=GB)
    assert found.sentences[0] == "FSDKaggle2019.audio_train_curated: is not there."


@pytest.mark.parametrize("files", [zenodo_files, kaggle_files], ids=["zenodo", "kaggle"])
def test_of_a_whole_folder_nothing_is_missing(folder: Path, put: Callable, files: Callable) -> None:
    put(*files())
    found = still_missing(folder)
    assert found.complete
    assert [row.state for row in found.rows[:3]] == [f"complete ({FEW[subset]} sound files)" for subset in FEW]
    assert (found.needed_bytes, found.fits) == (0, True)
    assert found.disk.startswith("Nothing more is needed, ")


@pytest.mark.parametrize("files", [zenodo_files, kaggle_files], ids=["zenodo", "kaggle"])
def test_whatever_single_file_goes_its_part_is_incomplete(folder: Path, put: Callable, files: Callable) -> None:
    for name in files():
        put(*files())
        (folder / name).unlink()
        (row,) = [row for row in still_missing(folder).rows if not row.complete]
        if name.endswith(".wav"):
            assert row.part.name == Path(name).parent.name
            assert row.state == f"{row.wanted - 1} of {row.wanted} sound files"
            assert row.needed_bytes > 0
        else:
            assert name in row.part.tables
            assert row.state.endswith(f"; {Path(name).name} is not there")


def test_only_sounds_count_and_too_many_are_said(folder: Path, put: Callable) -> None:
    put(*clips(CURATED, 2), f"{CURATED}/._0.wav", f"{CURATED}/notes.txt", *clips(TEST, 5))
    found = still_missing(folder)
    assert states(found)[CURATED] == "2 of 3 sound files"
    assert states(found)[TEST] == "complete (5 sound files, 3 more than it should have)"
    assert [row.complete for row in found.rows] == [False, False, True, False]


@pytest.mark.parametrize("part", ["FSDKaggle2019.meta", "FSDKaggle2019.audio_test"])
def test_a_part_stands_for_the_folder_that_it_is_in(folder: Path, put: Callable, part: str) -> None:
    put(*zenodo_files())
    assert still_missing(folder / part).folder == folder
    assert still_missing(folder / part).complete


@pytest.mark.parametrize("name", ["train_curated.csv", "train_noisy.zip", "freesound-audio-tagging-2019.zip"])
def test_a_folder_with_files_of_the_competition_is_read_as_such(folder: Path, put: Callable, name: str) -> None:
    put(name)
    assert still_missing(folder).release.name == "Kaggle"


def test_both_layouts_in_one_folder_are_read_as_the_dataset_is_opened(folder: Path, put: Callable) -> None:
    put(*zenodo_files(), *kaggle_files())
    (folder / "train_curated.csv").write_text("fname,labels\n0.wav,Bark\n1.wav,Bark\n2.wav,Bark\n")
    (folder / "train_noisy.csv").write_text("fname,labels\n")
    (folder / "sample_submission.csv").write_text("fname,Bark\n")
    assert open_dataset(folder).layout == "Freesound Audio Tagging 2019"
    assert still_missing(folder).release.name == "Kaggle"


def test_archives_are_followed_from_the_first_to_the_last(folder: Path, put: Callable) -> None:
    *pieces, last = ON_ZENODO.parts[1].archives
    assert len(pieces) == 6
    put(*pieces[:2], content=bytes(100_000))
    names = f"{', '.join(pieces[2:])} and {last}"
    assert states(still_missing(folder))[NOISY] == f"archives {names} are not there"
    put(*pieces[:2], *pieces[3:], content=bytes(100_000))
    put(last, content=ZIP)
    assert states(still_missing(folder))[NOISY] == "archive FSDKaggle2019.audio_train_noisy.z03 is not there"
    put(pieces[2], content=bytes(1000))
    unfinished = "is not whole; go on with the download"
    assert states(still_missing(folder))[NOISY] == f"archive FSDKaggle2019.audio_train_noisy.z03 {unfinished}"
    put(pieces[2], content=bytes(99_950))  # zip parts an archive before a header, not within it
    put(last, content=ZIP[:3])
    assert states(still_missing(folder))[NOISY] == f"archive {last} {unfinished}"
    put(last, content=ZIP + b"Freesound")  # a comment may follow
    assert states(still_missing(folder))[NOISY] == "all archives are there; join and unpack them"
    put(*clips(NOISY, 1))
    assert states(still_missing(folder))[NOISY] == ("1 of 14 sound files; all archives are there; join and unpack them")
    put("unsplit.zip", content=ZIP)
    assert states(still_missing(folder))[NOISY] == "1 of 14 sound files; unsplit.zip is there; unpack it"


def test_a_single_archive_is_to_be_unpacked_and_a_part_that_is_whole_needs_none(folder: Path, put: Callable) -> None:
    put(*(part.archives[0] for part in ON_KAGGLE.parts), content=ZIP)
    assert set(states(still_missing(folder)).values()) == {"its archive is there; unpack it"}
    put(*clips("test", 2), "sample_submission.csv")
    assert states(still_missing(folder))["test"] == "complete (2 sound files)"


def test_the_competitions_one_archive_holds_all_others(folder: Path, put: Callable) -> None:
    put(ON_KAGGLE.bundle, content=ZIP)
    found = still_missing(folder)
    assert set(states(found).values()) == {f"{ON_KAGGLE.bundle} is there; unpack it"}
    assert found.needed_bytes == pytest.approx(2 * ON_KAGGLE.unpacked_bytes, abs=9)


def test_what_is_needed_shrinks_with_every_step(folder: Path, put: Callable) -> None:
    *pieces, last = ON_ZENODO.parts[1].archives
    needed = [still_missing(folder).needed_bytes]

    def step(*names: str, content: bytes = b"") -> None:
        put(*names, content=content)
        needed.append(still_missing(folder).needed_bytes)

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


def test_too_little_disk_is_said_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5_000_000_000))
    found = still_missing(folder)
    assert not found.fits
    assert found.disk.startswith(f"At most 91 GB more is needed, 5.0 GB are free where {folder} is. Make room,")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=ON_ZENODO.peak_bytes))
    assert still_missing(folder).fits
    assert "Make room" not in still_missing(folder).disk


@pytest.mark.parametrize("odd", ["{}/t.csv", "{}/t.csv/deeper", "{}/a\0b", "{}/" + "x" * 300, "~nobody-of-this-name/x"])
def test_a_path_that_is_no_folder_is_a_sentence(folder: Path, put: Callable, odd: str) -> None:
    put("t.csv")
    with pytest.raises(AudiotagError, match=r"(is not a folder|cannot be looked into: .*); give .* folder.*\.$"):
        still_missing(Path(odd.format(folder)))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_nowhere_is_not_there_yet(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "nowhere")
    assert not still_missing(folder / "link").complete


def test_folders_that_may_not_be_read_are_sentences(
    folder: Path, put: Callable, monkeypatch: pytest.MonkeyPatch
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
    found = still_missing(folder)
    assert states(found)[NOISY] == "cannot be looked into: Permission denied"
    assert [row.complete for row in found.rows] == [True, False, True, True]
    monkeypatch.setattr(os, "listdir", denied(folder.name))
    with pytest.raises(AudiotagError, match=r"sounds of 2019 cannot be looked into: Permission denied; give another"):
        still_missing(folder)


def test_files_in_place_of_folders_and_folders_in_place_of_files_are_not_taken_for_them(
    folder: Path, put: Callable
) -> None:
    put(CURATED, f"{META}/vocabulary.csv/x", f"{TEST}.zip".replace("zip", "zip/x"))
    assert set(states(still_missing(folder)).values()) == {"is not there"}


def test_looking_leaves_the_folder_as_it_was(folder: Path, put: Callable, contents: Callable) -> None:
    put(*zenodo_files(), *ON_ZENODO.parts[1].archives, content=ZIP)
    before = contents(folder)
    still_missing(folder)
    assert contents(folder) == before


def run(commands: str, status: int = 0, **programs: str) -> str:
    """What a POSIX shell prints, with functions in place of the programs that need a network."""
    functions = "".join(f"{name}() {{ {body}; }}\n" for name, body in programs.items())
    done = subprocess.run(["sh", "-c", functions + commands], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
NOTHING = dict.fromkeys(("mv", "zip", "unzip", "kaggle"), ":")


@posix
def test_every_archive_of_the_release_is_fetched_from_its_address_and_none_twice(folder: Path) -> None:
    curl = 'while [ "$1" != --output ]; do shift; done; echo $3; echo whole > $2'
    noisy = [f"FSDKaggle2019.audio_train_noisy.{end}" for end in ("z01", "z02", "z03", "z04", "z05", "z06", "zip")]
    others = [f"FSDKaggle2019.{name}.zip" for name in ("audio_train_curated", "audio_test", "meta", "doc")]
    (folder / noisy[0]).touch()
    missing = {*noisy[1:], *others}
    printed = run(zenodo_commands(folder), **NOTHING | {"curl": curl, "mv": 'command mv "$@"'})
    assert set(printed.split()) == {f"https://zenodo.org/records/3612637/files/{name}" for name in missing}
    assert set(os.listdir(folder)) == {*noisy, *others}
    assert run(zenodo_commands(folder), **NOTHING, curl=curl) == ""


@posix
def test_kaggle_is_asked_for_the_competition(folder: Path) -> None:
    printed = run(kaggle_commands(folder), **NOTHING | {"kaggle": 'echo "$@"'})
    assert printed == "competitions download -c freesound-audio-tagging-2019\n"


@posix
@pytest.mark.parametrize("name", ["plain", "two words", 'it\'s; $(touch gone) `x` "q" &', "-x", "line\nbreak"])
@pytest.mark.parametrize("commands", [zenodo_commands, kaggle_commands])
def test_the_commands_go_to_the_folder_whatever_its_name(tmp_path: Path, name: str, commands: Callable) -> None:
    printed = run(commands(tmp_path / name), **NOTHING | {"curl": "pwd", "kaggle": "pwd"})
    assert set(printed.split(f"{tmp_path / name}\n")) == {""}
    assert os.listdir(tmp_path) == [name]


@posix
@pytest.mark.parametrize("commands", [zenodo_commands, kaggle_commands])
def test_nothing_is_joined_or_unpacked_after_a_download_that_failed(folder: Path, commands: Callable) -> None:
    says = {name: f"echo {name}" for name in ("mv", "zip", "unzip")}
    assert run(commands(folder), 7, **says, curl="return 7", kaggle="return 7") == ""


needs_zip = pytest.mark.skipif(
    os.name == "nt" or not (shutil.which("zip") and shutil.which("unzip")), reason="needs zip and unzip"
)


def zipped(folder: Path, inside: str, archive: Path, *options: str) -> None:
    """Move what is ``inside`` the folder into an archive."""
    subprocess.run(["zip", "-qrm", *options, str(archive), inside], cwd=folder, check=True)


@needs_zip
def test_after_the_commands_for_zenodo_nothing_is_missing(folder: Path, put: Callable, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(30_000)  # does not shrink: 14 make seven parts of 64 KiB, zip's smallest
    put(*zenodo_files(), "FSDKaggle2019.doc/README.md", content=noise)
    served = tmp_path / "served"
    served.mkdir()
    for name in os.listdir(folder):
        zipped(folder, name, served / f"{name}.zip", *(["-s", "64k"] if name == NOISY else []))
    assert sorted(path.name for path in served.glob(f"{NOISY}.*")) == list(ON_ZENODO.parts[1].archives)
    run(zenodo_commands(folder), curl=f"cp {shlex.quote(str(served))}/* .", mv=":")
    found = still_missing(folder)
    assert found.complete, found.sentences
    assert (folder / "FSDKaggle2019.doc/README.md").read_bytes() == noise
    for name in (CURATED, NOISY, TEST, META):  # and each archive, as zip makes it, is found whole
        shutil.rmtree(folder / name)
    (folder / "unsplit.zip").unlink()
    assert states(still_missing(folder)) == dict.fromkeys((CURATED, TEST, META), "its archive is there; unpack it") | {
        NOISY: "all archives are there; join and unpack them"
    }


@needs_zip
@pytest.mark.parametrize("in_a_folder", [False, True], ids=["bare files", "a folder in each archive"])
def test_after_the_commands_for_kaggle_nothing_is_missing(
    folder: Path, put: Callable, tmp_path: Path, in_a_folder: bool
) -> None:
    put(*kaggle_files(), content=b"sound")
    for part in ON_KAGGLE.parts:
        place, inside = (folder, part.name) if in_a_folder else (folder / part.name, ".")
        zipped(place, inside, folder / part.archives[0])
    zipped(folder, ".", tmp_path / "bundle.zip")
    run(kaggle_commands(folder), kaggle=f"cp {shlex.quote(str(tmp_path / 'bundle.zip'))} {ON_KAGGLE.bundle}")
    found = still_missing(folder)
    assert found.complete, found.sentences
    assert (folder / "train_noisy/3.wav").read_bytes() == b"sound"
