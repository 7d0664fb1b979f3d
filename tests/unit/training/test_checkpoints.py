"""Checkpoints: what was saved comes back, the old one stays until the new is whole, no code runs from a file."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from audiotag.training.checkpoints import CHECKPOINT, PREVIOUS, load_checkpoint, remove_checkpoints, save_checkpoint

VALUES: dict[str, Any] = {
    "stage": 1,
    "best": 0.75,
    "event": {"fold": -1, "curated_lwlrap": None, "per_class": [0.5, None], "subset": "noisy"},
    "state": {
        "network": {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7)},
        "optimiser": {"state": [{"step": 4, "do_wd": False, "mean": torch.ones(3)}, {}], "slow_weights": [[]]},
        "generators": {"cpu": torch.arange(8, dtype=torch.uint8)},
    },
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def test_what_was_saved_comes_back_until_it_is_removed(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "fold-1") is None
    save_checkpoint(tmp_path / "fold-1", VALUES)
    assert same(load_checkpoint(tmp_path / "fold-1"), VALUES)
    save_checkpoint(tmp_path / "fold-1", VALUES | {"stage": 2})
    assert sorted(os.listdir(tmp_path / "fold-1")) == [PREVIOUS, CHECKPOINT]
    loaded = load_checkpoint(tmp_path / "fold-1")
    assert loaded is not None
    assert loaded["stage"] == 2
    for _ in range(2):
        remove_checkpoints(tmp_path / "fold-1")
        assert load_checkpoint(tmp_path / "fold-1") is None
    assert os.listdir(tmp_path / "fold-1") == []


def damaged(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    return {
        "halved": content[:middle],
        "empty": b"",
        "zeroed": bytes(len(content)),
        "one bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }


@pytest.mark.parametrize("damage", ["halved", "empty", "zeroed", "one bit"])
def test_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_taken(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for stage in (1, 2, 3):
        save_checkpoint(tmp_path, VALUES | {"stage": stage})
    for name, left in ((CHECKPOINT, 2), (PREVIOUS, None)):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(damaged(content)[damage])
        loaded = load_checkpoint(tmp_path)
        assert (loaded and loaded["stage"]) == left
        assert (tmp_path / f"{name}.damaged").read_bytes() == damaged(content)[damage]
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
        "the fold resumes one epoch earlier.",
        "the fold starts anew.",
    ]


def test_checkpoint_of_audiotag_0_1_which_has_no_checksum_is_found(tmp_path: Path) -> None:
    torch.save(VALUES, tmp_path / CHECKPOINT)
    assert same(load_checkpoint(tmp_path), VALUES)


def test_kill_between_the_two_renamings_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, VALUES)
    original = os.replace

    def fails(source: Path, target: Path) -> None:
        if target == tmp_path / CHECKPOINT:
            raise KeyboardInterrupt
        original(source, target)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, VALUES | {"stage": 2})
    assert same(load_checkpoint(tmp_path), VALUES)
    assert os.listdir(tmp_path) == [PREVIOUS]


@pytest.mark.parametrize("at", ["save", "fsync", "replace"])
def test_saving_that_fails_leaves_the_old_checkpoint_and_no_litter(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, VALUES)

    def fails(*given: Any) -> None:
        if at == "save":
            given[1].write(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch if at == "save" else os, at, fails)
        with pytest.raises(OSError, match="No space left"):
            save_checkpoint(tmp_path, VALUES | {"stage": 2})
    assert same(load_checkpoint(tmp_path), VALUES)
    assert os.listdir(tmp_path) == [CHECKPOINT]


class _Runs:
    """A pickle that runs code when it is read."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("ran",)


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state": _Runs()}, tmp_path / CHECKPOINT)
    assert load_checkpoint(tmp_path) is None
    assert not (tmp_path / "ran").exists()
