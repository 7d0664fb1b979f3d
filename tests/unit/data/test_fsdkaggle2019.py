"""The commands for a release make a folder in which nothing is missing, and sizes follow from the published hours."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag.data.fsdkaggle2019 import (
    CURATED,
    META,
    NOISY,
    ON_KAGGLE,
    ON_ZENODO,
    TEST,
    kaggle_commands,
    zenodo_commands,
)
from audiotag.data.fsdkaggle2019_folder import check_folder

from .conftest import kaggle_files, states, zenodo_files

GB = 1e9
pytestmark = pytest.mark.usefixtures("few_clips")


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


def test_releases_differ_in_the_test_clips_alone() -> None:
    for there, here in zip(ON_ZENODO.parts[:2], ON_KAGGLE.parts[:2], strict=True):
        assert (there.subset, there.clips, there.hours) == (here.subset, here.clips, here.hours)


def run_shell(commands: str, status: int = 0, **programs: str) -> str:
    """What a POSIX shell prints, with functions in place of the programs that need a network."""
    functions = "".join(f"{name}() {{ {body}; }}\n" for name, body in programs.items())
    done = subprocess.run(["sh", "-c", functions + commands], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")


NOTHING = dict.fromkeys(("mv", "zip", "unzip", "kaggle"), ":")


@posix
def test_every_archive_of_the_release_is_downloaded_once_from_its_address(release_folder: Path) -> None:
    curl = 'while [ "$1" != --output ]; do shift; done; echo $3; echo whole > $2'
    noisy = [f"FSDKaggle2019.audio_train_noisy.{end}" for end in ("z01", "z02", "z03", "z04", "z05", "z06", "zip")]
    others = [f"FSDKaggle2019.{name}.zip" for name in ("audio_train_curated", "audio_test", "meta", "doc")]
    (release_folder / noisy[0]).touch()
    missing = {*noisy[1:], *others}
    printed = run_shell(zenodo_commands(release_folder), **NOTHING | {"curl": curl, "mv": 'command mv "$@"'})
    assert set(printed.split()) == {f"https://zenodo.org/records/3612637/files/{name}" for name in missing}
    assert set(os.listdir(release_folder)) == {*noisy, *others}
    assert run_shell(zenodo_commands(release_folder), **NOTHING, curl=curl) == ""


@posix
def test_kaggle_is_asked_for_the_competition(release_folder: Path) -> None:
    printed = run_shell(kaggle_commands(release_folder), **NOTHING | {"kaggle": 'echo "$@"'})
    assert printed == "competitions download -c freesound-audio-tagging-2019\n"


@posix
@pytest.mark.parametrize("name", ["plain", "two words", 'it\'s; $(touch gone) `x` "q" &', "-x", "line\nbreak"])
@pytest.mark.parametrize("commands", [zenodo_commands, kaggle_commands])
def test_commands_change_to_the_folder_whatever_its_name(tmp_path: Path, name: str, commands: Callable) -> None:
    printed = run_shell(commands(tmp_path / name), **NOTHING | {"curl": "pwd", "kaggle": "pwd"})
    assert set(printed.split(f"{tmp_path / name}\n")) == {""}
    assert os.listdir(tmp_path) == [name]


@posix
@pytest.mark.parametrize("commands", [zenodo_commands, kaggle_commands])
def test_nothing_is_joined_or_unpacked_after_a_failed_download(release_folder: Path, commands: Callable) -> None:
    says = {name: f"echo {name}" for name in ("mv", "zip", "unzip")}
    assert run_shell(commands(release_folder), 7, **says, curl="return 7", kaggle="return 7") == ""


needs_zip = pytest.mark.skipif(
    os.name == "nt" or not (shutil.which("zip") and shutil.which("unzip")), reason="needs zip and unzip"
)


def zipped(release_folder: Path, inside: str, archive: Path, *options: str) -> None:
    """Move what is ``inside`` the release_folder into an archive."""
    subprocess.run(["zip", "-qrm", *options, str(archive), inside], cwd=release_folder, check=True)


@needs_zip
def test_after_the_commands_for_zenodo_nothing_is_missing(release_folder: Path, put: Callable, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(30_000)  # does not shrink: 14 make seven parts of 64 KiB, zip's smallest
    put(*zenodo_files(), "FSDKaggle2019.doc/README.md", content=noise)
    served = tmp_path / "served"
    served.mkdir()
    for name in os.listdir(release_folder):
        zipped(release_folder, name, served / f"{name}.zip", *(["-s", "64k"] if name == NOISY else []))
    assert sorted(path.name for path in served.glob(f"{NOISY}.*")) == list(ON_ZENODO.parts[1].archives)
    run_shell(zenodo_commands(release_folder), curl=f"cp {shlex.quote(str(served))}/* .", mv=":")
    found = check_folder(release_folder)
    assert found.complete, found.sentences
    assert (release_folder / "FSDKaggle2019.doc/README.md").read_bytes() == noise
    for name in (CURATED, NOISY, TEST, META):  # and each archive, as zip makes it, is found whole
        shutil.rmtree(release_folder / name)
    (release_folder / "unsplit.zip").unlink()
    assert states(check_folder(release_folder)) == dict.fromkeys(
        (CURATED, TEST, META), "its archive is downloaded; unpack it"
    ) | {NOISY: "all archives are downloaded; join and unpack them"}


@needs_zip
@pytest.mark.parametrize("in_a_folder", [False, True], ids=["bare files", "a folder in each archive"])
def test_after_the_commands_for_kaggle_nothing_is_missing(
    release_folder: Path, put: Callable, tmp_path: Path, in_a_folder: bool
) -> None:
    put(*kaggle_files(), content=b"sound")
    for part in ON_KAGGLE.parts:
        place, inside = (release_folder, part.name) if in_a_folder else (release_folder / part.name, ".")
        zipped(place, inside, release_folder / part.archives[0])
    zipped(release_folder, ".", tmp_path / "bundle.zip")
    run_shell(
        kaggle_commands(release_folder), kaggle=f"cp {shlex.quote(str(tmp_path / 'bundle.zip'))} {ON_KAGGLE.bundle}"
    )
    found = check_folder(release_folder)
    assert found.complete, found.sentences
    assert (release_folder / "train_noisy/3.wav").read_bytes() == b"sound"
