"""The options of a run as a user gives them: the same fields for the Train page, the command and the API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from audiotag.checks import require
from audiotag.cluster import check_place
from audiotag.data.near_duplicates import knows_near_duplicates
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset
from audiotag.training.devices import check_device, check_device_on_cluster
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import FoldSource, RunSettings, Together
from audiotag.workspace import Workspace


@dataclass(frozen=True)
class RunOptions:
    """What to train, and what to change in the recipe; None or empty leaves the recipe's own value.

    Attributes
    ----------
    dataset : str
        Path of the dataset.
    recipe : str
        Name of a shipped recipe, or path of a TOML file.
    preset : str
        Name of spectrogram settings.
    folds : tuple[int, ...]
        Empty for all.
    epochs : tuple[int, ...]
        One number for all stages of the recipe, or one number per stage.
    fraction : float or None
        Share of the training clips, above 0 to 1.
    balance : float or None
    seed : int or None
    learning_rate : float or None
        Highest learning rate of the recipe's main stage, above 0 to 1; the other stages keep their ratio to it.
    held_out : int or None
        One of the dataset's own folds that takes no part.
    device : str
        As `RunSettings.device`.
    folds_from : "dataset" or "recipe"
        As `RunSettings.folds_from`.
    corrected : bool or None
        As `RunSettings.corrected`; None if there are verdicts on the dataset.
    keep_together : tuple of "names" or "near-duplicates", or None
        As `RunSettings.keep_together`; None keeps near-duplicates together if some are known.
    on : str
        As `RunSettings.on`.
    """

    dataset: str
    recipe: str = "quick"
    preset: str = ""
    folds: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()
    fraction: float | None = None
    balance: float | None = None
    seed: int | None = None
    learning_rate: float | None = None
    held_out: int | None = None
    device: str = ""
    folds_from: FoldSource = "dataset"
    corrected: bool | None = None
    keep_together: tuple[Together, ...] | None = None
    on: str = ""

    def settings(self, workspace: Workspace) -> RunSettings:
        """The settings of the run.

        Raises
        ------
        AudiotagError
            If recipe, preset or device does not exist, or an option does not fit the recipe; says which.
        """
        recipe = load_recipe(self.recipe)
        if self.preset:
            recipe = recipe.with_spectrogram(load_preset(self.preset, workspace))
        if self.epochs:
            recipe = recipe.with_epochs(self.epochs)
        if self.learning_rate is not None:
            recipe = recipe.with_learning_rate(self.learning_rate)
        changes: dict[str, Any] = {"fraction": self.fraction, "balance": self.balance, "seed": self.seed}
        recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
        on = check_place(self.on)
        if on:
            check_device_on_cluster(self.device)
        else:
            check_device(self.device)
        sources = get_args(FoldSource)
        require(self.folds_from in sources, "folds_from", f"be {' or '.join(sources)}", self.folds_from, "check it")
        kinds = get_args(Together)
        by_default: tuple[Together, ...] = ()
        if self.keep_together is None and knows_near_duplicates(Path(self.dataset), workspace):
            by_default = ("near-duplicates",)
        together = by_default if self.keep_together is None else self.keep_together
        for kind in together:
            require(kind in kinds, "keep_together", f"be {' or '.join(kinds)}", kind, "check it")
        corrected = self.corrected
        if corrected is None:
            corrected = bool(VerdictJournal.of(Path(self.dataset), workspace).verdicts())
        return RunSettings(
            self.dataset,
            recipe,
            self.folds,
            self.held_out,
            self.device,
            self.folds_from,
            corrected=corrected,
            keep_together=tuple(kind for kind in kinds if kind in together),
            on=on,
        )


def epochs_of(text: str) -> tuple[int, ...]:
    """Read numbers of epochs: one number for all stages, or one per stage; empty for an empty text.

    >>> epochs_of("2, 5"), epochs_of(" ")
    ((2, 5), ())

    Raises
    ------
    AudiotagError
        If the text is anything else.
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise AudiotagError(
            f"epochs must be a whole number, or one per stage separated by commas, got {text.strip()!r}; try 2 or 2,5."
        ) from None
