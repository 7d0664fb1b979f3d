"""Checkpoints: what was saved comes back, the old one stays until the new is whole, no code runs from a file."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from audiotag.training.checkpoints import CHECKPOINT, load_checkpoint, remove_checkpoint, save_checkpoint

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
    assert os.listdir(tmp_path / "fold-1") == [CHECKPOINT]
    loaded = load_checkpoint(tmp_path / "fold-1")
    assert loaded is not None
    assert loaded["stage"] == 2
    for _ in range(2):
        remove_checkpoint(tmp_path / "fold-1")
        assert load_checkpoint(tmp_path / "fold-1") is None


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
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists()
