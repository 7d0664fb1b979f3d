"""What somebody chose for a run, in words that a page's widgets and a command's options share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset
from audiotag.training.devices import check_device
from audiotag.training.folds import ONE_SPLIT_FOLDS, available_folds
from audiotag.training.recipe import load_recipe
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace


@dataclass(frozen=True)
class RunOptions:
    """What to train, and what to do differently from the recipe; None or empty leaves it as the recipe has it.

    Attributes
    ----------
    dataset : str
        Path.
    recipe : str
        Name of a shipped one, or path of a TOML file.
    preset : str
        Name of spectrogram settings.
    folds : tuple[int, ...]
        All where empty.
    epochs : tuple[int, ...]
        One number for all stages of the recipe, or one a stage.
    fraction : float or None
        Share of the training clips, above 0 to 1.
    balance : float or None
    seed : int or None
    held_out : int or None
        A fold of the dataset's own that takes no part.
    device : str
        As `RunSettings.device`.
    """

    dataset: str
    recipe: str = "quick"
    preset: str = ""
    folds: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()
    fraction: float | None = None
    balance: float | None = None
    seed: int | None = None
    held_out: int | None = None
    device: str = ""

    def settings(self, workspace: Workspace) -> RunSettings:
        """The settings of the run.

        Raises
        ------
        AudiotagError
            If recipe, preset or device is not there, or a choice does not fit the recipe; says which.
        """
        recipe = load_recipe(self.recipe)
        if self.preset:
            recipe = recipe.with_spectrogram(load_preset(self.preset, workspace))
        if self.epochs:
            recipe = recipe.with_epochs(self.epochs)
        changes: dict[str, Any] = {"fraction": self.fraction, "balance": self.balance, "seed": self.seed}
        recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
        check_device(self.device)
        return RunSettings(self.dataset, recipe, self.folds, self.held_out, self.device)


def epochs_of(text: str) -> tuple[int, ...]:
    """Numbers of epochs as they are written: one for all stages, or one a stage; empty for none.

    >>> epochs_of("2, 5"), epochs_of(" ")
    ((2, 5), ())

    Raises
    ------
    AudiotagError
        If it is anything else.
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise AudiotagError(
            f"epochs must be a whole number, or one a stage with commas between, got {text.strip()!r}; like 2 or 2,5."
        ) from None


def batches_per_epoch(dataset: Dataset, settings: RunSettings) -> dict[int, int]:
    """Batches of an epoch for each stage that the dataset has clips for, by the stage's number in the recipe.

    What is counted is clips in the tables: those that turn out unreadable make it fewer.
    """
    recipe = settings.recipe
    parts = len(available_folds(dataset, recipe, settings.held_out))
    found = {}
    for number, stage in enumerate(recipe.stages):
        rows = dataset.subset(stage.subset)
        clips = len(rows) if settings.held_out is None else int((rows["fold"] != settings.held_out).sum())
        if clips:
            split = ONE_SPLIT_FOLDS if stage.shared and not dataset.own_folds else parts
            in_training = round(clips * (1 - 1 / max(2, split)) * recipe.fraction)
            found[number] = max(1, in_training // recipe.batch_size)
    return found
