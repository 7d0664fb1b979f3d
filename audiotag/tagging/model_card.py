"""All facts about an ensemble that its report and the Tag page show, each computed in one place.

What an ensemble's files do not say is None or empty here, and is never made up: the report then names the command that
measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.metrics import average_precision_per_class, label_precisions, lwlrap_per_class
from audiotag.state import fits
from audiotag.tagging.ablation import Ablation, read_ablation
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import choice_of
from audiotag.tagging.familiar import read_familiar
from audiotag.tagging.learning_curves import Epoch, read_curves
from audiotag.tagging.out_of_fold import OutOfFold, read_out_of_fold
from audiotag.trust.findings import Findings
from audiotag.trust.intervals import bootstrap_ratio, wilson_interval

Result = TypeVar("Result")


@dataclass(eq=False)
class EnsembleFacts:
    """What is known about the ensemble in a folder; everything but the card is read when it is asked for.

    Attributes
    ----------
    folder : Path
    card : Card
    problems : list of str
        Sentences about files of the ensemble that are damaged; what they hold counts as not known.
    """

    folder: Path
    card: Card
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> EnsembleFacts:
        """Read the card in a folder; raises as `audiotag.tagging.card_reading.read_card`."""
        return cls(folder, read_card(folder))

    @cached_property
    def out_of_fold(self) -> OutOfFold | None:
        """The scores of the training clips, each by the fold that it was held out of."""
        return self._or_none(lambda: read_out_of_fold(self.folder, self.card))

    @cached_property
    def findings(self) -> Findings | None:
        """What the out-of-fold scores say; None without them."""
        found = self.out_of_fold
        return Findings(found.labelled(self.card)) if found is not None and len(found.scores) else None

    @cached_property
    def ablation(self) -> Ablation | None:
        """What folds and test-time augmentation gain."""
        return self._or_none(lambda: read_ablation(self.folder, self.card))

    @cached_property
    def curves(self) -> tuple[Epoch, ...]:
        """The learning curves of the folds; empty if they are not kept with the ensemble."""
        return self._or_none(lambda: read_curves(self.folder, self.card)) or ()

    @cached_property
    def familiarity_threshold(self) -> float | None:
        """The familiarity below which a sound is unlike the training sounds."""
        found = self._or_none(lambda: read_familiar(self.folder, self.card))
        return None if found is None else found.threshold

    @cached_property
    def engines(self) -> tuple[str, list[dict[str, Any]]]:
        """The machine on which engines were measured, and one row per engine; empty if they were not measured here."""
        if self.card.blend is not None:
            return "", []
        choice = choice_of(self.folder, self.card)
        return choice.get("machine", ""), choice.get("measured", [])

    @cached_property
    def lwlrap_interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval of lwlrap out of fold, over clips."""
        if self.findings is None or self.out_of_fold is None:
            return None
        precisions = label_precisions(self.out_of_fold.targets, self.out_of_fold.scores)
        has = self.out_of_fold.targets > 0
        return bootstrap_ratio((precisions * has).sum(axis=1), has.sum(axis=1))

    @cached_property
    def labels(self) -> pd.DataFrame | None:
        """One row per label in the order of the card; None without out-of-fold scores.

        The columns are ``label``, ``clips`` (held-out clips that have it), ``average_precision`` with its 95 % interval
        ``average_precision_low`` to ``average_precision_high``, ``lwlrap``, ``threshold``, and those of
        `audiotag.trust.tag_quality.tag_quality`. The interval is that of a proportion of the label's clips, as Boyd et
        al., "Area under the precision-recall curve" (ECML 2013), recommend, in Wilson's form.
        """
        if self.findings is None or self.out_of_fold is None:
            return None
        targets, scores = self.out_of_fold.targets, self.out_of_fold.scores
        precision = average_precision_per_class(targets, scores)
        clips = (targets > 0).sum(axis=0)
        low, high = wilson_interval(np.nan_to_num(precision) * clips, clips)
        table = self.findings.labels.rename(columns={"positives": "clips"})
        return table.assign(
            average_precision=precision,
            average_precision_low=low,
            average_precision_high=high,
            lwlrap=lwlrap_per_class(targets, scores)[0],
            threshold=self.card.thresholds,
        )

    @property
    def weights_bytes(self) -> int:
        """Size of the weights files in bytes, those of a blend's members included; 0 if they are not there."""
        total = 0
        for folder in {self.folder, *self.card.network_folders(self.folder)}:
            for path in folder.glob("*.safetensors"):
                with suppress(OSError):
                    total += path.stat().st_size if path.name.startswith(("fold-", "stacker-")) else 0
        return total

    def dataset_number(self, name: str) -> float | None:
        """A number about the training clips that the card may have: ``clips``, ``hours`` or ``recordings``."""
        value = self.card.dataset.get(name)
        return float(value) if value is not None and fits(value, float) and value >= 0 else None

    def _or_none(self, read: Callable[[], Result | None]) -> Result | None:
        try:
            return read()
        except AudiotagError as error:
            self.problems.append(str(error))
            return None


def members_table(card: Card) -> pd.DataFrame:
    """One row per member and stacker of a blend: its weight, lwlrap and accuracy."""
    assert card.blend is not None  # the caller has checked it
    names = [member.name for member in card.blend.members]
    names += [f"stacker {stacker.name}" for stacker in card.blend.stackers]
    rows = [
        {"number": voter.fold, "member": name, "weight": weight, "lwlrap": voter.lwlrap, "accuracy": voter.accuracy}
        for voter, name, weight in zip(card.folds, names, card.blend.weights, strict=True)
    ]
    return pd.DataFrame(rows)


def folds_table(card: Card) -> pd.DataFrame:
    """One row per fold: its lwlrap, accuracy and number of clips."""
    return pd.DataFrame(
        [
            {"fold": fold.fold, "lwlrap": fold.lwlrap, "accuracy": fold.accuracy, "clips": fold.clips}
            for fold in card.folds
        ]
    )


def parts_table(card: Card) -> pd.DataFrame:
    """One row per kind of sound: its lwlrap, accuracy and number of clips."""
    return pd.DataFrame(
        [
            {"sounds": part.name, "lwlrap": part.lwlrap, "accuracy": part.accuracy, "clips": part.clips}
            for part in card.parts
        ]
    )


def labels_table(card: Card, out_of_fold: OutOfFold) -> pd.DataFrame:
    """One row per label, the lowest lwlrap first: lwlrap out of fold and number of clips."""
    per_class, _ = lwlrap_per_class(out_of_fold.targets, out_of_fold.scores)
    positives = (out_of_fold.targets > 0).sum(axis=0)
    rows = pd.DataFrame({"label": card.labels, "lwlrap": per_class, "clips": positives})
    return rows.sort_values("lwlrap", kind="stable")


def engines_table(measured: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per engine: milliseconds per window, and the reason if it cannot be used."""
    return pd.DataFrame(
        [
            {
                "engine": row["engine"],
                "ms per window": row["ms_per_window"],
                "not usable because": row.get("why_not", ""),
            }
            for row in measured
        ]
    )


def how_trained(card: Card) -> str:
    """What the windows, the clips and the recipe of the training were, in one paragraph."""
    recipe = "" if card.blend else f" with the recipe {card.recipe.get('title', 'unknown')}"
    return (
        f"Windows of {card.spectrogram.clip_s:g} s, up to {card.spectrogram.f_max / 1000:g} kHz. Trained on "
        f"{card.dataset.get('clips', 0):,} clips of {card.dataset['name']}{recipe}, {card.created}. "
        f"Licence: {card.licence}"
    )
