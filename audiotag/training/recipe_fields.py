"""The fields of a recipe, and what follows from them for each of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from audiotag.augmentation.base import Augmentation
from audiotag.checks import Within
from audiotag.data.clip_lists import ClipLists
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.base import NetworkSettings, default_network
from audiotag.training.losses.base import LossChoice, LossesByKind
from audiotag.training.negatives import Negatives
from audiotag.training.schedules.base import ScheduleChoice, find_schedule
from audiotag.training.stage import Stage

Optimiser = Literal["ranger", "adam", "torch-adam", "torch-adamw"]
FoldMethod = Literal["stratified", "shuffled"]
WeightsChoice = Literal["last", "best"]
Windows = Literal["mean", "max"]


@dataclass(frozen=True)
class RecipeFields:
    """Stages, folds, network, spectrogram, augmentation, loss and optimiser of one training.

    Attributes
    ----------
    name, title, about : str
        Name of its file and of the runs' folders; a title; a sentence for pages.
    folds : int
        Number of parts that each subset is split into; each fold trains on all parts but one. Folds that come with a
        dataset take precedence.
    fold_method : "stratified" or "shuffled"
        Multi-label stratification that keeps groups together, or scikit-learn's
        ``KFold(shuffle=True, random_state=seed)``.
    optimiser : str
        "ranger" or "adam", as fastai has them; "torch-adam" or "torch-adamw", with torch's constants (β₁ 0.9, β₂ 0.999,
        ε 1e-8).
    beta_2 : float
        Decay of the optimiser's mean of squared gradients; 0 for the optimiser's own: 0.99 of fastai's, 0.999 of
        torch's.
    schedule : str or Schedule
        A schedule of the learning rate in `audiotag.training.schedules`: a name, or a table with parameters.
    weight_decay : float
        Share of each weight that a step takes away, multiplied by the learning rate: decoupled (Loshchilov and Hutter
        2019). With "torch-adam" it is added to the gradient instead, times the weight. It does not apply to biases and
        normalisation layers, except with "torch-adam" and "torch-adamw".
    loss : str or LossSettings
        A loss in `audiotag.training.losses`, such as "bce" (binary cross-entropy) or "focal": a name, or a table with
        parameters.
    losses : LossesByKind
        Losses of trusted and of noisy clips, where they are others.
    weights : "last" or "best"
        The weights that are published unless others are asked for: those of each fold's last epoch, or of its best
        one, see `audiotag.training.weights_choice`.
    windows : "mean" or "max"
        How an ensemble of the recipe combines the windows of a clip.
    augment : tuple of Augmentation
        Augmentations of training clips. They are applied by domain (see `audiotag.augmentation.base`), in each domain
        in this order.
    augment_held_out : bool
        Whether held-out clips are cropped at random and masked as well while epochs are measured, as fastaudio does: a
        handicap that the published figures include. The figures of a finished fold are measured without it.
    whole_frames : bool
        Whether random crops start on whole frames, which lets a CPU compute each frame once.
    balance : float
        0 takes each clip once per epoch. Above 0 clips are drawn with a probability proportional to (number of clips
        of their rarest label) to the power of −balance, and 1 draws all labels about equally often.
    fraction : float
        Share of each fold's training clips that is used, chosen by the seed; where epochs have a fixed number of draws,
        the share of these. All held-out clips are used.
    lists : ClipLists
        Clips that are relabelled, trusted or left out, each a list by its name or path, as
        ``lists = { relabel = "argus-curated", trust = "mine.csv" }``; see `audiotag.data.clip_lists`.
    negatives : Negatives
        Sounds with none of the labels that each batch has beside its clips, as ``negatives = { share = 0.1 }``; see
        `audiotag.training.negatives`.
    seed : int
        Seed of folds, weights, order, crops and augmentation.
    exact_resume : bool
        Whether a run on a GPU that was interrupted gives, once resumed, the same weights as one that was not, to the
        last bit, which costs speed. On a CPU it always does.
    """

    name: str
    title: str
    about: str
    stages: tuple[Stage, ...]
    folds: Annotated[int, Within(2, 20), "5 is common"] = 5
    fold_method: FoldMethod = "stratified"
    batch_size: Annotated[int, Within(2, 4096, "clips"), "32 to 64 is common"] = 32
    optimiser: Optimiser = "adam"
    beta_2: Annotated[float, Within(0.5, 1, below=True, zero="the optimiser's own"), "0.99 or 0.999 is common"] = 0.0
    schedule: ScheduleChoice = "one-cycle"
    weight_decay: Annotated[float, Within(0, 1), "0.01 is fastai's default; 0 switches it off"] = 0.01
    loss: LossChoice = "bce"
    losses: LossesByKind = field(default_factory=LossesByKind)
    weights: WeightsChoice = "last"
    windows: Windows = "max"
    augment: tuple[Augmentation, ...] = ()
    augment_held_out: bool = False
    whole_frames: bool = True
    balance: Annotated[float, Within(0, 2), "0 uses each clip once per epoch, 1 balances the labels"] = 0.0
    fraction: Annotated[float, Within(0, 1, above=True), "write 0.2 for 20 %"] = 1.0
    seed: Annotated[int, Within(0, 2**31 - 1), "any whole number in this range"] = 42
    exact_resume: bool = False
    lists: ClipLists = field(default_factory=ClipLists)
    negatives: Negatives = field(default_factory=Negatives)
    spectrogram: SpectrogramSettings = field(default_factory=SpectrogramSettings)
    network: NetworkSettings = field(default_factory=default_network)

    def spectrogram_of(self, stage: Stage) -> SpectrogramSettings:
        """Spectrogram settings of this stage."""
        return self.spectrogram.with_changes(resize=stage.size) if stage.size else self.spectrogram

    def schedule_of(self, stage: Stage) -> ScheduleChoice:
        """The schedule of this stage."""
        return self.schedule if stage.schedule is None else stage.schedule

    def negatives_of(self, stage: Stage) -> Negatives:
        """The negatives that this stage adds to its batches."""
        return self.negatives if stage.negatives else Negatives()

    def augment_of(self, stage: Stage) -> tuple[Augmentation, ...]:
        """The augmentations of the training clips of this stage."""
        return tuple(augmentation for augmentation in self.augment if augmentation.kind not in stage.without)

    @property
    def follows_held_out(self) -> bool:
        """Whether a stage's learning rate or its end is chosen on the held-out clips, which flatters their figures."""
        return any(stage.stop_after or find_schedule(self.schedule_of(stage)).follows_held_out for stage in self.stages)

    def frames_of(self, stage: Stage) -> int:
        """Width of the network inputs that the stage trains on; a crop makes it smaller than for held-out clips."""
        frames = self.spectrogram_of(stage).width
        for augmentation in self.augment_of(stage):
            frames = augmentation.frames_after(frames)
        return frames

    def batches_per_epoch(self, stage: Stage, clips: int) -> int:
        """Training batches of an epoch of a stage that has so many clips; an incomplete last one is left out."""
        items = self.negatives_of(stage).items_per_epoch(self.clips_per_epoch(stage, clips))
        return max(1, items // self.batch_size)

    def fraction_of(self, subset: str) -> float:
        """The share of a subset's clips that is used: all, if each stage that takes some of them draws a fixed number.

        Otherwise a hundredth of the draws would be of a hundredth of the clips.
        """
        stages = [stage for stage in self.stages if subset in stage.subsets]
        return 1.0 if stages and all(stage.draws for stage in stages) else self.fraction

    def clips_per_epoch(self, stage: Stage, clips: int) -> int:
        """Clips of an epoch of a stage that has so many clips: all of them, or the recipe's fraction of its draws.

        A stage that has a least number of clips passes over fewer several times; of it, too, the recipe's fraction is
        taken.
        """
        if stage.draws:
            return max(1, round(self.fraction * stage.draws))
        return max(clips, round(self.fraction * stage.min_clips))

    @property
    def main_stage(self) -> Stage:
        """The main one of all stages, see `main_of`."""
        return self.main_of(self.stages)

    def main_of(self, stages: Sequence[Stage]) -> Stage:
        """The last of these stages that uses every augmentation of the recipe; if none does, the last stage.

        What follows it only finishes its network, so the learning rate that users set is that of this stage.
        """
        return next((stage for stage in reversed(stages) if self.augment_of(stage) == self.augment), stages[-1])

    @property
    def final_spectrogram(self) -> SpectrogramSettings:
        """Spectrogram settings of the last stage, which the trained network is used with."""
        return self.spectrogram_of(self.stages[-1])
