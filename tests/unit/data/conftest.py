"""Small datasets of several layouts; their clips are empty files, because opening a dataset reads no sounds."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data import fsdkaggle2019, fsdkaggle2019_folder
from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import CURATED, NOISY, ON_KAGGLE, ON_ZENODO, TEST, Release
from audiotag.data.fsdkaggle2019_folder import FolderState
from audiotag.data.layouts import open_dataset

ZENODO_CLIPS = ("train_curated/c1.wav", "train_curated/1d44b0bd.wav", "train_noisy/n1.wav", "train_noisy/n2.wav")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder({"table.csv": text}, *clips)``: the folder of a dataset; its clips are empty files."""

    def make(tables: dict[str, str], *clips: str) -> Path:
        root = tmp_path / "sounds"
        for clip in clips:
            (root / clip).parent.mkdir(parents=True, exist_ok=True)
            (root / clip).touch()
        root.mkdir(exist_ok=True)
        for name, text in tables.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def zenodo(folder: Callable[..., Path]) -> Callable[..., Path]:
    """``zenodo(*clips)``: a small release on Zenodo with these of its sounds."""

    def make(*clips: str) -> Path:
        meta, freesound = "FSDKaggle2019.meta", "freesound_id,license"
        return folder(
            {
                f"{meta}/vocabulary.csv": "0,Bark\n1,Meow\n",
                f"{meta}/train_curated_post_competition.csv": f'fname,labels,{freesound}\nc1.wav,"Bark,Meow",11,CC0\n'
                "1d44b0bd.wav,Bark,12,CC-BY\n",
                f"{meta}/train_noisy_post_competition.csv": "fname,labels,flickr_video_URL,license\n"
                "n1.wav,Meow,http://www.flickr.com/videos/1/,CC BY 2.0\n"
                "n2.wav,Bark,http://www.flickr.com/videos/1/,CC BY 2.0\n",
                f"{meta}/test_post_competition.csv": f"fname,labels,usage,{freesound}\nt1.wav,Meow,Public,13,CC0\n"
                "t2.wav,Meow,Private,13,CC0\n",
            },
            *(f"FSDKaggle2019.audio_{clip}" for clip in clips),
        )

    return make


@pytest.fixture
def competition(folder: Callable[..., Path]) -> Callable[..., Path]:
    """``competition(rows)``: a folder of the competition with these further rows in its curated table."""

    def make(rows: str = "", *clips: str) -> Path:
        return folder(
            {
                "train_curated.csv": f'fname,labels\nc1.wav,Bark\nc2.wav,"Bark,Meow"\n{rows}',
                "train_noisy.csv": "fname,labels\nn1.wav,Meow\n",
                "test_truth.csv": "fname,labels\nt1.wav,Meow\n",
                "sample_submission.csv": "fname,Bark,Meow\nt1.wav,0,0\n",
            },
            *("train_curated/c1.wav", "train_curated/c2.wav", "train_noisy/n1.wav", "test/t1.wav"),
            *(f"train_curated/{clip}" for clip in clips),
        )

    return make


def clip_names(dataset: Dataset) -> list[str]:
    return dataset.clips["clip"].tolist()


@pytest.fixture(scope="session")
def real_release(shared: Path) -> dict[bool, Dataset]:
    """The tables of FSDKaggle2019 from Zenodo, opened without and with the flagged clips."""
    root = shared / "data/fsdkaggle2019"
    return {keep_flagged: open_dataset(root, keep_flagged=keep_flagged) for keep_flagged in (False, True)}


# FSDKaggle2019 with few clips

FEW = {"curated": 3, "noisy": 14, "test": 2}
ZIP = b"PK\x05\x06" + bytes(18)  # a zip without files; every zip ends like this


def with_few_clips(release: Release) -> Release:
    parts = [dataclasses.replace(part, clips=FEW.get(part.subset, 0)) for part in release.parts]
    return dataclasses.replace(release, parts=tuple(parts))


@pytest.fixture
def few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both releases have the counts of `FEW`."""
    for module in (fsdkaggle2019, fsdkaggle2019_folder):
        monkeypatch.setattr(module, "ON_ZENODO", with_few_clips(ON_ZENODO))
        monkeypatch.setattr(module, "ON_KAGGLE", with_few_clips(ON_KAGGLE))


@pytest.fixture
def release_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds of 2019"
    folder.mkdir()
    return folder


@pytest.fixture
def put(release_folder: Path) -> Callable[..., None]:
    """``put(*names, content)``: files in the release's folder."""

    def make(*names: str, content: bytes = b"") -> None:
        for name in names:
            (release_folder / name).parent.mkdir(parents=True, exist_ok=True)
            (release_folder / name).write_bytes(content)

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
