"""A recipe: everything that training does with a dataset; `audiotag.training.recipe_files` reads it from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from audiotag.augmentation.base import Augmentation, Mixer, augmentation_from_dict
from audiotag.augmentation.chain import Chain
from audiotag.checks import Within, build, check, error_path, readable, require
from audiotag.data.clip_lists import ClipLists
from audiotag.errors import AudiotagError
from audiotag.features.settings import DELTA_FRAMES, SpectrogramSettings
from audiotag.networks.base import NetworkSettings, check_network_input, default_network, network_from_dict
from audiotag.training.losses.base import LOSSES, LossChoice, LossesByKind
from audiotag.training.negatives import Negatives, plain_negatives
from audiotag.training.parts import check_part, part_name, plain_part, read_part
from audiotag.training.schedules.base import SCHEDULES, ScheduleChoice, find_schedule
from audiotag.training.stage import Stage

MAX_NAME_CHARS = 100
MAX_BATCH_VALUES = 2**30  # samples, or values of the network inputs: 4 GiB in single precision

Optimiser = Literal["ranger", "adam", "torch-adam", "torch-adamw"]
FoldMethod = Literal["stratified", "shuffled"]
WeightsChoice = Literal["last", "best"]
Windows = Literal["mean", "max"]


@dataclass(frozen=True)
class Recipe:
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

    Raises
    ------
    AudiotagError
        If a field is out of its range, or parts do not fit together, such as a mask and the spectrogram.
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

    def __post_init__(self) -> None:
        check(self)
        require(
            0 < len(self.name) <= MAX_NAME_CHARS
            and self.name.isprintable()
            and Path(self.name).name == self.name
            and "\\" not in self.name,
            "name",
            f"be a plain name of at most {MAX_NAME_CHARS} characters, because it is part of the name of a run's folder",
            readable(self.name),
            "leave it out to use the file's name",
        )
        check_part(self.loss, LOSSES, "loss")
        check_part(self.schedule, SCHEDULES, "schedule")
        self._check_stages()
        require(
            bool(self.lists.trust) or not any(stage.pools and stage.pools.trusted for stage in self.stages),
            "lists.trust",
            "name a list where a stage draws from trusted clips",
            "none",
            "it says which noisy clips are trusted",
        )
        require(
            not self.negatives or any(stage.negatives for stage in self.stages),
            "negatives.share",
            "be 0 where all stages say negatives = false",
            self.negatives.share,
            "let one of them have negatives",
        )
        check_network_input(self.network, self.spectrogram)
        for stage in self.stages:
            self._check_targets(stage)
            self._check_waveform_input(stage)
            self._check_end(stage)
            self._check_augmentations(stage)
            self._check_batch(self.spectrogram_of(stage))
            fewest, frames = self.network.fewest_frames, self.frames_of(stage)
            require(
                frames >= fewest,
                "the network input",
                f"have at least {fewest} {self.spectrogram.column_unit} for this network",
                frames,
                "lengthen the clip or the crop, or take fewer frames at once",
            )
            fewest, bands = self.network.fewest_bands, self.spectrogram_of(stage).height
            require(
                bands >= fewest,
                "the network input",
                f"have at least {fewest} bands for this network",
                bands,
                "raise n_mels, or resize or size if one of them is set",
            )

    def _check_stages(self) -> None:
        require(len(self.stages) > 0, "stages", "hold at least one stage", "none", "add [[stages]]")
        shared = [stage.shared for stage in self.stages]
        require(
            shared == sorted(shared, reverse=True) and not all(shared),
            "stages.shared",
            "be true only for leading stages",
            shared,
            "at least one later stage must not be shared, because each fold needs a network of its own",
        )
        both = {s.subset for s in self.stages if s.shared} & {s.subset for s in self.stages if not s.shared}
        require(
            not both,
            "stages.shared",
            "not be true for a subset that a later stage trains on, or folds would be measured on clips they have seen",
            ", ".join(sorted(both)),
            "share the noisy stages",
        )
        require(
            not self.stages[0].agreed,
            "stages.agreed",
            "be 0 in the first stage",
            self.stages[0].agreed,
            "there is no network yet that could agree",
        )
        for number, stage in enumerate(self.stages):
            self._check_agreement(number, stage)

    def _check_agreement(self, number: int, stage: Stage) -> None:
        """Raise if a stage asks the networks of stages that cannot say whether a noisy clip's labels are right."""
        if stage.agreement is None:
            return
        require(
            all(asked <= number and not self.stages[asked - 1].shared for asked in stage.agreement.stages),
            "stages.agreement.stages",
            "name earlier stages that are not shared",
            list(stage.agreement.stages),
            "the first stage is 1",
        )
        require(
            any(earlier.subset == "noisy" and not earlier.shared for earlier in self.stages[:number]),
            "stages.agreement",
            "follow a noisy stage that is not shared",
            f"stage {number + 1} without one",
            "there each fold holds noisy clips out, which its networks are asked about",
        )

    def _check_end(self, stage: Stage) -> None:
        schedule = self.schedule_of(stage)
        require(
            not (stage.stop_after and find_schedule(schedule).needs_end),
            "stages.stop_after",
            f"be 0 with the schedule {part_name(schedule)}, whose rates are planned for all epochs",
            stage.stop_after,
            "use plateau or constant",
        )

    def _check_targets(self, stage: Stage) -> None:
        """Raise unless what a stage augments its clips with makes as many targets per label as the network has."""
        labels: tuple[str, ...] = ("label",)
        for augmentation in self.augment_of(stage):
            labels = augmentation.labels_after(labels)
        outputs = self.network.outputs_per_label
        require(
            len(labels) == outputs,
            "augment",
            f"make {outputs} targets per label for this network",
            len(labels),
            "the augmentation flip-labels and the network flip-labels need each other, in each stage",
        )

    def _check_batch(self, settings: SpectrogramSettings) -> None:
        """Raise if the waveforms or the network inputs of a batch take too much memory."""
        values = max(settings.clip_samples, settings.channels * settings.height * settings.width)
        require(
            self.batch_size * values <= MAX_BATCH_VALUES,
            "batch_size",
            f"be at most {MAX_BATCH_VALUES // values} with these spectrogram settings",
            self.batch_size,
            "or shorten clip_s, or lower size, resize or deltas",
        )

    def _check_waveform_input(self, stage: Stage) -> None:
        """Raise if the network gets waveforms and something is to change a spectrogram."""
        if self.spectrogram.network_input == "log-mel":
            return
        rule = "be 0 where the network gets the waveform, which is not resized"
        require(not stage.size, "stages.size", rule, stage.size, "leave it out")
        others = [augmentation.kind for augmentation in self.augment_of(stage) if augmentation.domain != "waveform"]
        require(
            not others,
            "augment",
            "change only waveforms where the network gets the waveform",
            ", ".join(others),
            'give it domain = "waveform" if it has one, or leave it out',
        )

    def _check_augmentations(self, stage: Stage) -> None:
        """Raise if one does not fit its batch, such as a mask wider than the spectrogram, which shows when sampled."""
        rng, settings = np.random.default_rng(0), self.spectrogram_of(stage)
        chain = Chain.of(self.augment_of(stage), stage.mixup)
        mixers = [augmentation.kind for augmentation in chain.on_waveforms if isinstance(augmentation, Mixer)]
        require(
            settings.crop == "waveform" or not mixers,
            "augment",
            "not mix waveforms where crops are cut from spectrograms, because whole clips differ in length",
            ", ".join(mixers),
            'give it domain = "network-input", or set crop to "waveform"',
        )
        for augmentations, (*sides, width) in (
            (chain.on_waveforms, (1, settings.clip_samples)),
            (chain.on_log_mels, (1, 1, settings.n_mels, settings.frames)),
            (chain.on_network_inputs, (1, settings.channels, settings.height, settings.width)),
        ):
            for augmentation in augmentations:
                with error_path(f"augment, {augmentation.kind}: "):
                    augmentation.sample(rng, (*sides, width))
                width = augmentation.frames_after(width)
            require(
                width >= DELTA_FRAMES or not settings.deltas or settings.delta_filter == "slope",
                "the network input",
                f"have at least {DELTA_FRAMES} frames for its deltas",
                width,
                "take more frames in the crop",
            )

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
        """Clips of an epoch of a stage that has so many clips: all of them, or the recipe's fraction of its draws."""
        return max(1, round(self.fraction * stage.draws)) if stage.draws else clips

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

    def with_epochs(self, epochs: tuple[int, ...]) -> Recipe:
        """The same recipe with other numbers of epochs: one for all stages, or one per stage."""
        if len(epochs) not in (1, len(self.stages)):
            raise AudiotagError(
                f"epochs must be one number, or one per stage ({len(self.stages)} in {self.name}), got {len(epochs)}."
            )
        each = epochs * len(self.stages) if len(epochs) == 1 else epochs
        with error_path("stages."):
            return replace(self, stages=tuple(replace(s, epochs=n) for s, n in zip(self.stages, each, strict=True)))

    def with_learning_rate(self, lr: float) -> Recipe:
        """The same recipe with this highest learning rate in its main stage; other stages keep their ratio to it."""
        main = self.main_stage.lr
        with error_path("stages."):
            return replace(
                self,
                stages=tuple(replace(s, lr=lr if s.lr == main else min(1.0, lr * s.lr / main)) for s in self.stages),
            )

    def with_spectrogram(self, settings: SpectrogramSettings) -> Recipe:
        """The same recipe with other spectrogram settings; checked again, for a mask may be wider than these allow."""
        return replace(self, spectrogram=settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_dict` reads them back."""
        parts = {
            "stages": tuple(stage.to_dict() for stage in self.stages),
            "augment": [item.to_dict() for item in self.augment],
            "spectrogram": self.spectrogram.to_dict(),
            "network": self.network.to_dict(),
            "schedule": plain_part(self.schedule),
            "loss": plain_part(self.loss),
            "losses": self.losses.to_dict(),
        }
        plain = asdict(self)
        del plain["negatives"]
        return plain | parts | plain_negatives(self.negatives)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """A recipe from plain values, such as those of `to_dict`.

        Raises
        ------
        AudiotagError
            If a field is unknown, missing, of the wrong type or out of its range; names it.
        """
        if not isinstance(values, dict):
            raise AudiotagError(f"a recipe must be a table of fields, got {readable(values)}.")
        stages, augment = values.get("stages", ()), values.get("augment", ())
        if not isinstance(stages, list | tuple):
            raise AudiotagError(
                f"stages must be a list of tables, got {readable(stages)}; write [[stages]] above each."
            )
        if not isinstance(augment, list | tuple) or not all(isinstance(item, dict) for item in augment):
            raise AudiotagError(
                f"augment must be a list of tables, got {readable(augment)}; write [[augment]] above each."
            )
        parts = {
            "stages": tuple(Stage.from_dict(stage) for stage in stages),
            "augment": tuple(augmentation_from_dict(item) for item in augment),
            "lists": build(ClipLists, values.get("lists", {}), "lists."),
            "negatives": build(Negatives, values.get("negatives", {}), "negatives."),
            "spectrogram": build(SpectrogramSettings, values.get("spectrogram", {}), "spectrogram."),
            "network": network_from_dict(values.get("network", {})),
            "schedule": read_part(values.get("schedule", cls.schedule), SCHEDULES, "schedule"),
            "loss": read_part(values.get("loss", cls.loss), LOSSES, "loss"),
            "losses": LossesByKind.from_dict(values.get("losses", {})),
        }
        return build(cls, values | parts)
