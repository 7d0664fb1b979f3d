"""A stage of a recipe: some epochs, what they train on and at which rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from audiotag.augmentation.base import AUGMENTATIONS
from audiotag.checks import Within, build, check, error_path, readable, require
from audiotag.training.agreement import Agreement
from audiotag.training.parts import check_part, plain_part, read_part
from audiotag.training.pools import Pools
from audiotag.training.schedules.base import SCHEDULES, ScheduleChoice

SubsetName = Literal["curated", "noisy"]
Start = Literal["weights", "weights and optimiser", "scratch"]

OMITTED_DEFAULTS = {"negatives": True, "without": ()}  # of fields that `Stage.to_dict` then leaves out


@dataclass(frozen=True)
class Stage:
    """One part of training: some epochs on the clips of a subset.

    The fields ``pools``, ``agreement`` and ``agreed`` bring in clips of another subset, and each excludes the others.
    Both ``agreement`` and ``agreed`` add noisy clips whose labels a network confirms. Use ``agreement`` where several
    folds are trained: it asks networks that were not trained on the clip. Use ``agreed`` for a single fold: it asks the
    fold's own network, which may know wrong labels by heart because it was trained on them.

    Attributes
    ----------
    subset : "curated" or "noisy"
        What it is measured on and, without ``pools``, trained on. A stage whose subset the dataset lacks is left out.
    epochs : int
    lr : float
        The schedule's highest learning rate.
    mixup : float
        α of MixUp's beta distribution (Zhang et al. 2018); 0 for none.
    size : int
        Height and width of the network input in pixels; 0 for those of the spectrogram settings.
    start : str
        What it continues from: the weights of the stage before, these and the optimiser's state, or nothing.
    shared : bool
        Whether one network, trained on nine tenths of the subset, is the start of all folds of the next stages; only
        the first stages can be shared. Otherwise each fold trains its own network.
    agreement : Agreement or None
        Noisy clips that are added to this stage's clips: those with whose labels networks agree that were not trained
        on them, as ``agreement = { stages = [1, 2], at_least = 0.5, most = 5 }``. Before such a stage all folds are
        trained up to it. None for none.
    pools : Pools or None
        What it draws from, and with which probabilities, as ``pools = { curated = 0.6, noisy = 0.4 }``: an epoch is
        then as many draws with replacement as there are clips, ``draws`` or ``min_clips``. ``subset`` says
        which clips each fold holds out, and that is measured. Of a subset that no stage is measured on, every fold
        trains on all clips, apart from those that belong with its held-out clips. The probabilities of pools that the
        dataset lacks go to the others. None for the clips of the subset alone.
    draws : int
        Clips of an epoch, drawn with replacement; 0 for as many as there are, without replacement where there are
        neither pools nor a balance.
    min_clips : int
        Clips of an epoch at least: a smaller set is passed over several times in each epoch, so that a set of hundreds
        of clips gets as many steps as it needs, and a large one not more passes than it needs. 0 for one pass.
    agreed : int
        Number of noisy clips per label that are added to this stage's clips: those of the fold's own training clips
        whose labels agree most with the network that this stage starts from (`audiotag.training.noisy_selection`).
        0 for none.
    stop_after : int
        The stage ends once lwlrap of the held-out clips has not risen for so many epochs in a row; 0 trains all
        ``epochs``. The end is then chosen on the clips that measure it, which flatters their figures a little.
    schedule : str, Schedule or None
        The schedule of this stage; None for the recipe's.
    negatives : bool
        Whether its batches have the recipe's negatives (`audiotag.training.negatives`), if the recipe has any.
    without : tuple of str
        Augmentations of the recipe that this stage does not use, as ``without = ["overlay", "mask"]``. A short last
        stage on sounds that are more like those to be tagged makes the network surer of them. Names of augmentations
        that the recipe does not have change nothing; the stage's own ``mixup`` is not one of them.
    """

    subset: SubsetName
    epochs: Annotated[int, Within(1, 1000), "passes over the clips"]
    lr: Annotated[float, Within(0, 1, above=True), "3e-3 is common"]
    mixup: Annotated[float, Within(0.01, 10, zero="none"), "0.4 is common"] = 0.0
    size: Annotated[int, Within(16, 1024, "pixels", zero="as in the spectrogram settings"), "128 or 256 is common"] = 0
    start: Start = "weights"
    shared: bool = False
    agreed: Annotated[int, Within(0, 10_000, "clips"), "5 is common; 0 adds none"] = 0
    agreement: Agreement | None = None
    stop_after: Annotated[int, Within(0, 1000, "epochs"), "18 is argus's; 0 trains all epochs"] = 0
    schedule: ScheduleChoice | None = None
    pools: Pools | None = None
    draws: Annotated[int, Within(2, 10_000_000, "clips", zero="one pass"), "32768 is 256 batches of 128"] = 0
    min_clips: Annotated[int, Within(2, 10_000_000, "clips", zero="one pass"), "3200 is 100 batches of 32"] = 0
    negatives: bool = True
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.without, list):
            object.__setattr__(self, "without", tuple(self.without))
        if self.pools is not None and not isinstance(self.pools, Pools):
            object.__setattr__(self, "pools", build(Pools, self.pools, "pools."))
        if self.agreement is not None and not isinstance(self.agreement, Agreement):
            object.__setattr__(self, "agreement", build(Agreement, self.agreement, "agreement."))
        check(self)
        require(
            isinstance(self.without, tuple) and all(isinstance(kind, str) for kind in self.without),
            "without",
            "be a list of names of augmentations",
            readable(self.without),
            'for example ["overlay", "mask"]',
        )
        for kind in self.without:
            with error_path("without: "):
                AUGMENTATIONS.get(kind)
        if self.schedule is not None:
            check_part(self.schedule, SCHEDULES, "schedule")
        require(
            self.pools is None or not (self.shared or self.agreed or self.agreement),
            "pools",
            "be left out in a shared stage, and in one that adds noisy clips by agreement",
            readable(self.pools),
            "draw from pools in the stages that each fold trains by itself",
        )
        require(
            not (self.min_clips and self.draws),
            "min_clips",
            "be left out beside draws, which says how many clips an epoch has",
            self.min_clips,
            "remove one of the two",
        )
        require(
            self.agreement is None or (self.subset == "curated" and not self.shared and not self.agreed),
            "agreement",
            "be left out in a noisy or shared stage, and beside agreed",
            readable(self.agreement),
            "it adds noisy clips to the curated ones",
        )
        require(
            not self.agreed or (self.subset == "curated" and self.start != "scratch" and not self.shared),
            "agreed",
            "be 0 in a noisy or shared stage, and in one that starts from scratch",
            self.agreed,
            "it adds noisy clips to the curated ones, chosen by the network of the stage before",
        )

    def describe_epochs(self) -> str:
        """The number of epochs in words.

        >>> Stage("curated", 1, 1e-3).describe_epochs(), Stage("curated", 700, 1e-3, stop_after=18).describe_epochs()
        ('1 epoch', 'at most 700 epochs')
        """
        return f"{'at most ' * bool(self.stop_after)}{self.epochs:d} epoch{'' if self.epochs == 1 else 's'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_dict` reads them back."""
        plain = asdict(self) | {"schedule": plain_part(self.schedule)}
        # Later versions added these, and recipes that do not use them stay as they were.
        return {
            name: value
            for name, value in plain.items()
            if name not in OMITTED_DEFAULTS or value != OMITTED_DEFAULTS[name]
        }

    @classmethod
    def from_dict(cls, values: Any) -> Stage:
        """A stage from plain values; raises `AudiotagError` as `audiotag.checks.build` does."""
        if isinstance(values, dict) and "schedule" in values:
            values = values | {"schedule": read_part(values["schedule"], SCHEDULES, "stages.schedule")}
        return build(cls, values, "stages.")

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets that it trains on, or is measured on: the latter comes first."""
        return tuple(dict.fromkeys((self.subset, *(self.pools.subsets if self.pools else ()))))

    def describe_clips(self) -> str:
        """What it trains on, in few words.

        >>> Stage("curated", 1, 1e-3, pools=Pools(curated=0.6, noisy=0.4)).describe_clips()
        '60 % curated and 40 % noisy'
        """
        shares = self.pools.probabilities if self.pools else {}
        return " and ".join(f"{100 * share:.3g} % {kind}" for kind, share in shares.items()) or self.subset

    def describe_without(self) -> str:
        """Which augmentations it leaves out, in words; empty if it leaves none out.

        >>> Stage("curated", 1, 1e-3, without=("crop", "overlay", "mask")).describe_without()
        'without crop, overlay and mask'
        """
        *others, last = self.without or ("",)
        return f"without {', '.join(others)}{' and ' * bool(others)}{last}" if last else ""
