"""Settings for tagging: one object, which the page, the command and the library all build."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from audiotag.checks import Within, check, require

Combine = Literal["mean", "geometric", "weighted"]
Windows = Literal["mean", "max"]
WindowRule = Literal["tiles", "spread", "steps", "steps-padded"]
MAX_OVERLAP, DEFAULT_OVERLAP = 0.95, 0.5  # of neighbouring windows, as a share of a window
COMBINE_TITLES = {  # as pages and reports call them
    "mean": "arithmetic mean",
    "geometric": "geometric mean",
    "weighted": "mean of logits, each fold calibrated on its held-out clips",
}


@dataclass(frozen=True)
class TagSettings:
    """How the scores of folds, windows and passes become the scores of a clip.

    Attributes
    ----------
    combine : "mean", "geometric" or "weighted"
        How the folds are combined, see `audiotag.tagging.fold_fusion`.
    tta : bool
        Test-time augmentation: four more passes over shifted, masked windows. Takes five times as long.
    overlap : float or None
        Overlap of neighbouring windows as a fraction of a window, 0 to 0.95; None for what the ensemble's card says,
        else 0.5. From 0.75 on, timelines have a score per moment, see `audiotag.tagging.moments`.
    windows : "mean", "max" or None
        How the windows of a long clip are combined; None for what the ensemble's card says.
    folds : tuple[int, ...]
        Numbers of the folds to use; all, if empty.
    calibrated : bool
        Give scores as probabilities, see `audiotag.trust.temperature`. Thresholds are changed in the same way, so the
        tags and their order stay the same. Weighted folds are calibrated already, and stay as they are.
    hold_back : bool
        Give no tag to a sound that is unlike all training sounds, see `audiotag.tagging.familiar_tags`.
    window_rule : "tiles", "spread", "steps", "steps-padded" or None
        Where the windows are, for an ensemble whose crops are cut from spectrograms, see
        `audiotag.tagging.spectrogram_windows`; None for "tiles".
    fast : bool
        Tag with the ensemble's single network, see `audiotag.tagging.single_network`, instead of its folds.

    Raises
    ------
    AudiotagError
        If a value is out of its range.
    """

    combine: Annotated[Combine, "mean is common"] = "mean"
    tta: bool = False
    overlap: Annotated[
        float | None, Within(0, MAX_OVERLAP, "of a window"), "leave it out to use the ensemble's own"
    ] = None
    windows: Annotated[Windows | None, "leave it out to use the ensemble's own"] = None
    folds: tuple[int, ...] = ()
    calibrated: bool = False
    hold_back: bool = False
    window_rule: Annotated[WindowRule | None, "tiles is common; leave it out where crops are cut from waveforms"] = None
    fast: bool = False

    def __post_init__(self) -> None:
        check(self)
        require(
            not (self.fast and self.folds), "fast", "be off where folds are named", "on", "the single network has none"
        )

    def hop(self, window: int) -> int:
        """Samples from the start of a window of ``window`` samples to the start of the next."""
        return max(1, round(window * (1 - self.overlap_share)))

    @property
    def overlap_share(self) -> float:
        """The overlap as a fraction of a window; 0.5 where the card's is meant and is not known here."""
        return DEFAULT_OVERLAP if self.overlap is None else self.overlap

    @property
    def overlap_cost(self) -> float:
        """How many times as many windows there are as without overlap."""
        return 1 / (1 - self.overlap_share)

    def windows_per_minute(self, window_s: float) -> float:
        """How many windows of ``window_s`` seconds a minute of sound has.

        >>> TagSettings(overlap=0.5).windows_per_minute(5.0)
        24.0
        """
        return 60 / (window_s * (1 - self.overlap_share))

    def or_overlap(self, of_card: float | None) -> TagSettings:
        """The settings with an overlap: their own, else that of the ensemble's card, else 0.5.

        >>> TagSettings().or_overlap(0.9).overlap, TagSettings(overlap=0.0).or_overlap(0.9).overlap
        (0.9, 0.0)
        """
        if self.overlap is not None:
            return self
        return replace(self, overlap=DEFAULT_OVERLAP if of_card is None else of_card)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; without ``window_rule`` and ``fast`` where unset, as earlier versions wrote them."""
        return {name: value for name, value in asdict(self).items() if value or name not in ("window_rule", "fast")}


# How ensembles are measured and embeddings made, whatever the card says.
MEASURED = TagSettings(overlap=DEFAULT_OVERLAP)
