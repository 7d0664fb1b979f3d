"""Which network a fold starts from: the shared one as it was in the end, or none at all."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from audiotag.errors import AudiotagError
from audiotag.training import checkpoints, fold_training
from audiotag.training.fold_training import FoldTraining, train_fold
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import SHARED_FOLD, Run, RunSettings, create_run
from audiotag.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose shared network is trained, and has two checkpoints."""
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick")))
    for epoch in (1, 2):
        checkpoints.save_checkpoint(run.fold_folder(SHARED_FOLD), {"epoch": epoch, "state": {"a": torch.ones(1)}})
    run.write_event("shared-finished", fold=SHARED_FOLD, lwlrap=0.5)
    return run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The folds that are trained; no training takes place."""
    folds: list[int] = []

    class NoTraining:
        def __init__(self, run: Run, session: Any, fold: int, *others: Any) -> None:
            folds.append(fold)

        def begin_or_resume(self) -> None: ...
        def train_stages(self) -> bool:
            return False

    monkeypatch.setattr(fold_training, "FoldTraining", NoTraining)
    return folds


def damage(run: Run) -> None:
    (run.fold_folder(SHARED_FOLD) / checkpoints.CHECKPOINT).write_bytes(b"damaged")


def test_shared_network_is_trained_again_where_its_last_checkpoint_is_damaged_and_a_fold_needs_it(
    run: Run, trained: list[int]
) -> None:
    session: Any = SimpleNamespace(folds=(1,))
    assert train_fold(run, session, SHARED_FOLD, "cpu", lambda: False)
    assert trained == []
    damage(run)
    assert not train_fold(run, session, SHARED_FOLD, "cpu", lambda: False)
    assert trained == [SHARED_FOLD]  # from the checkpoint before, which no fold may start from
    run.write_event("fold-finished", fold=1, lwlrap=0.5)
    assert train_fold(run, session, SHARED_FOLD, "cpu", lambda: False)
    assert trained == [SHARED_FOLD]


def test_fold_does_not_start_from_another_network_than_the_shared_one(run: Run) -> None:
    training = FoldTraining.__new__(FoldTraining)
    training.run, training.session, training.fold = run, SimpleNamespace(has_shared_stages=True), 1  # type: ignore[assignment]
    training.is_shared, training.folder = False, run.fold_folder(1)
    damage(run)
    with pytest.raises(AudiotagError, match=r"the shared network of run .* is damaged; resume the run"):
        training.begin_or_resume()
