"""A recipe: everything that training does with a dataset, as a readable TOML file, checked once."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from audiotag.augmentation.base import Augmentation
from audiotag.augmentation.chain import KINDS, Chain, kind_of
from audiotag.augmentation.spectrograms import TimeCrop
from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.networks.base import NetworkSettings, default_network, network_from_dict

SHIPPED = Path(__file__).parent / "recipes"

Optimiser = Literal["ranger", "adam"]
Schedule = Literal["flat-cosine", "one-cycle"]
Loss = Literal["bce", "focal"]
FoldMethod = Literal["stratified", "shuffled"]
SubsetName = Literal["curated", "noisy"]
Start = Literal["weights", "weights and optimiser", "scratch"]


@dataclass(frozen=True)
class Stage:
    """One pass of training over one subset.

    Attributes
    ----------
    subset : "curated" or "noisy"
        A stage whose subset the dataset lacks is left out.
    epochs : int
    lr : float
        The schedule's highest learning rate.
    mixup : float
        α of MixUp's beta distribution (Zhang et al. 2018); 0 for none.
    size : int
        Height and width that pictures are resized to, in pixels; 0 for what the spectrogram settings say.
    start : str
        What it takes over from the stage before: its weights, these and the optimiser's state, or nothing.
    shared : bool
        Whether one network, trained on nine tenths of the subset, feeds all folds of the stages after it; only the
        first stages can be. Otherwise each fold trains its own.
    agreed : int
        Noisy clips a label that are added to this stage's: those of the fold's own training clips whose labels the
        network that this stage starts from agrees with most (`audiotag.training.noisy_selection`). 0 for none.
    """

    subset: SubsetName
    epochs: int
    lr: float
    mixup: float = 0.0
    size: int = 0
    start: Start = "weights"
    shared: bool = False
    agreed: int = 0

    def __post_init__(self) -> None:
        _require_one_of("stages.subset", self.subset, SubsetName)
        require(1 <= self.epochs <= 1000, "stages.epochs", "be 1 to 1000", self.epochs, "a whole number of passes")
        require(0 < self.lr <= 1, "stages.lr", "be above 0, at most 1", self.lr, "3e-3 is common")
        mixes = self.mixup == 0 or 0.01 <= self.mixup <= 10
        require(mixes, "stages.mixup", "be 0 (none) or 0.01 to 10", self.mixup, "0.4 is common")
        require(
            self.size == 0 or 16 <= self.size <= 1024,
            "stages.size",
            "be 0 (as the spectrogram settings say) or 16 to 1024 pixels",
            self.size,
            "128 or 256 is common",
        )
        _require_one_of("stages.start", self.start, Start)
        require(0 <= self.agreed <= 10_000, "stages.agreed", "be 0 (none) to 10000 clips", self.agreed, "5 is common")
        require(
            not self.agreed or (self.subset == "curated" and self.start != "scratch" and not self.shared),
            "stages.agreed",
            "be 0 in a noisy or shared stage, and in one that starts from scratch",
            self.agreed,
            "it adds noisy clips to the curated ones, chosen by the network of the stage before",
        )


@dataclass(frozen=True)
class Recipe:
    """Stages, folds, network, front-end, augmentation and optimiser of one training.

    Attributes
    ----------
    folds : int
        Parts that each subset is split into; each fold trains on all parts but its own. A dataset's own folds win.
    fold_method : "stratified" or "shuffled"
        Multi-label stratified and true to groups, or scikit-learn's ``KFold(shuffle=True, random_state=seed)``.
    weight_decay : float
        Share of each weight that a step takes away, times the rate: decoupled (Loshchilov and Hutter 2019). Biases and
        norms keep theirs.
    loss : "bce" or "focal"
        Binary cross-entropy, or focal loss with γ 2 (Lin et al. 2017), of the logits.
    augment : tuple of augmentations
        Of training clips, in their order, each at its place: see `audiotag.augmentation.chain`.
    augment_held_out : bool
        Whether held-out clips are cropped at random and masked as well while epochs are measured, as fastaudio does:
        a handicap that the published figures carry. The figures of a finished fold are without it.
    whole_frames : bool
        Whether random crops start on whole frames, which lets a CPU compute each frame once.
    balance : float
        0 takes each clip once an epoch; above it clips are drawn with a chance of (clips of their rarest label) to
        the power of −balance, and 1 draws all labels about as often.
    fraction : float
        Share of each fold's training clips that is used, drawn by the seed; held-out clips are all used.
    seed : int
        Of folds, weights, order, crops and augmentation.
    """

    name: str
    title: str
    about: str
    stages: tuple[Stage, ...]
    folds: int = 5
    fold_method: FoldMethod = "stratified"
    batch_size: int = 32
    optimiser: Optimiser = "adam"
    schedule: Schedule = "one-cycle"
    weight_decay: float = 0.01
    loss: Loss = "bce"
    augment: tuple[Augmentation, ...] = ()
    augment_held_out: bool = False
    whole_frames: bool = True
    balance: float = 0.0
    fraction: float = 1.0
    seed: int = 42
    spectrogram: SpectrogramSettings = field(default_factory=SpectrogramSettings)
    network: NetworkSettings = field(default_factory=default_network)

    def __post_init__(self) -> None:
        require(
            bool(self.name) and Path(self.name).name == self.name and "\\" not in self.name,
            "name",
            "be a plain name, for runs' folders carry it",
            repr(self.name),
            "leave it out to take the file's name",
        )
        require(len(self.stages) > 0, "stages", "hold at least one stage", "none", "add [[stages]]")
        require(2 <= self.folds <= 20, "folds", "be 2 to 20", self.folds, "5 is common")
        require(2 <= self.batch_size <= 4096, "batch_size", "be 2 to 4096", self.batch_size, "32 to 64 is common")
        _require_one_of("fold_method", self.fold_method, FoldMethod)
        _require_one_of("optimiser", self.optimiser, Optimiser)
        _require_one_of("schedule", self.schedule, Schedule)
        _require_one_of("loss", self.loss, Loss)
        require(0 <= self.weight_decay <= 1, "weight_decay", "be 0 (none) to 1", self.weight_decay, "0.01 is fastai's")
        require(0 <= self.balance <= 2, "balance", "be 0 (each clip once) to 2", self.balance, "1 evens labels out")
        require(0 < self.fraction <= 1, "fraction", "be above 0, at most 1", self.fraction, "in per cent?")
        require(0 <= self.seed < 2**31, "seed", "be 0 to below 2147483648", self.seed, "any such number will do")
        shared = [stage.shared for stage in self.stages]
        require(
            shared == sorted(shared, reverse=True) and not all(shared),
            "stages.shared",
            "be true of the first stages alone, with one after them",
            shared,
            "folds part ways only once",
        )
        both = {s.subset for s in self.stages if s.shared} & {s.subset for s in self.stages if not s.shared}
        require(
            not both,
            "stages.shared",
            "be true of a subset that no later stage trains on, or folds would be measured on what they have seen",
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
        self._check_augment()

    def _check_augment(self) -> None:
        """A mask wider than the picture, for one, shows when it is drawn."""
        rng = np.random.default_rng(0)
        for stage in self.stages:
            settings, chain = self.spectrogram_of(stage), Chain.of(self.augment, stage.mixup)
            for augmentations, shape in (
                (chain.on_waveforms, (1, settings.clip_samples)),
                (chain.on_log_mels, (1, 1, settings.n_mels, settings.frames)),
                (chain.on_pictures, (1, settings.channels, settings.height, settings.width)),
            ):
                width = shape[-1]
                for augmentation in augmentations:
                    try:
                        augmentation.sample(rng, (*shape[:-1], width))
                    except AudiotagError as error:
                        name = kind_of(augmentation) if type(augmentation) in KINDS.values() else "mixup"
                        raise AudiotagError(f"augment, {name}: {error}") from error
                    if isinstance(augmentation, TimeCrop):
                        width = augmentation.frames
            fewest = self.network.fewest_frames
            require(
                self.frames_of(stage) >= fewest,
                "the picture",
                f"have at least {fewest} frames for this network",
                self.frames_of(stage),
                "lengthen the clip or the crop, or take fewer frames at once",
            )

    def spectrogram_of(self, stage: Stage) -> SpectrogramSettings:
        """What the network gets of a clip in this stage."""
        return self.spectrogram.changed(resize=stage.size) if stage.size else self.spectrogram

    def frames_of(self, stage: Stage) -> int:
        """Width of the pictures that the stage trains on, which a crop makes narrower than those that are scored."""
        settings = self.spectrogram_of(stage)
        return min([settings.width, *(item.frames for item in self.augment if isinstance(item, TimeCrop))])

    @property
    def final_spectrogram(self) -> SpectrogramSettings:
        """What the network gets in the end, and the tagger gives it: that of the last stage."""
        return self.spectrogram_of(self.stages[-1])

    def with_epochs(self, epochs: tuple[int, ...]) -> Recipe:
        """The same recipe over other numbers of epochs: one for all stages, or one a stage."""
        if len(epochs) not in (1, len(self.stages)):
            raise AudiotagError(
                f"epochs must be one number, or one a stage ({len(self.stages)} in {self.name}), got {len(epochs)}."
            )
        each = epochs * len(self.stages) if len(epochs) == 1 else epochs
        return replace(self, stages=tuple(replace(s, epochs=n) for s, n in zip(self.stages, each, strict=True)))

    def with_spectrogram(self, settings: SpectrogramSettings) -> Recipe:
        """The same recipe over other spectrogram settings; checked again, for a mask may be wider than the picture."""
        return replace(self, spectrogram=settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_dict` reads them back."""
        kinds = [{"kind": kind_of(item)} for item in self.augment]
        values = asdict(self)
        augment = [kind | item for kind, item in zip(kinds, values["augment"], strict=True)]
        return values | {"augment": augment, "network": self.network.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """From plain values, each checked.

        Raises
        ------
        AudiotagError
            If a field is unknown, missing, of the wrong kind or out of its range; names it.
        """
        values = dict(values)
        stages = values.get("stages", ())
        if not isinstance(stages, list | tuple):
            raise AudiotagError(f"stages must be a list of tables, got {stages!r}; write [[stages]] above each.")
        values["stages"] = tuple(_build(Stage, stage, "stages.") for stage in stages)
        values["augment"] = _augmentations(values.get("augment", ()))
        values["spectrogram"] = _build(SpectrogramSettings, values.get("spectrogram", {}), "spectrogram.")
        network = values.get("network", {})
        if not isinstance(network, dict):
            raise AudiotagError(f"network must be a table of fields, got {network!r}.")
        values["network"] = network_from_dict(network)
        return _build(cls, values, "")


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by its name, or a user's own by the path of its TOML file.

    In the file ``preset`` names the spectrogram settings to start from; ``[spectrogram]`` changes some of them.
    """
    path = SHIPPED / f"{name}.toml"
    if not path.is_file():
        path = Path(name).expanduser()
        if path.suffix != ".toml" or not path.is_file():
            raise AudiotagError(f"{name} is no recipe: there are {', '.join(recipe_names())}, or give a .toml file.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path.name} cannot be read as TOML: {error}.") from error
    preset = values.pop("preset", "capstone")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise AudiotagError(f"{path.name}: preset must be one of {', '.join(PRESETS)}, got {preset}.")
    changes = values.get("spectrogram", {})
    if isinstance(changes, dict):  # what is none is refused below
        values["spectrogram"] = PRESETS[preset].to_dict() | changes
    try:
        return Recipe.from_dict({"name": path.stem, **values})
    except AudiotagError as error:
        raise AudiotagError(f"{path.name}: {error}") from error


def recipe_names() -> list[str]:
    """The shipped recipes."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def _augmentations(values: Any) -> tuple[Augmentation, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(item, dict) for item in values):
        raise AudiotagError(f"augment must be a list of tables, got {values!r}; write [[augment]] above each.")
    found = []
    for item in values:
        kind = item.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise AudiotagError(f"augment.kind must be one of {', '.join(KINDS)}, got {kind!r}.")
        rest = {name: value for name, value in item.items() if name != "kind"}
        found.append(_build(KINDS[kind], rest, f"augment, {kind}: "))
    return tuple(found)


def _build(kind: type, values: Any, prefix: str) -> Any:
    if not isinstance(values, dict):
        raise AudiotagError(f"{prefix.rstrip('.')} must be a table of fields, got {values!r}.")
    known = {item.name: item for item in fields(kind)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise AudiotagError(f"{prefix}{name} is no field of a recipe; there are {', '.join(known)}.")
        wanted = str(known[name].type)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_whole = is_number and float(value).is_integer()
        if (
            (wanted == "int" and not is_whole)
            or (wanted.startswith("float") and not is_number and (value is not None or "None" not in wanted))
            or (wanted == "bool" and not isinstance(value, bool))
            or (wanted == "str" and not isinstance(value, str))
        ):
            raise AudiotagError(f"{prefix}{name} must be of kind {wanted}, got {value!r}.")
        checked[name] = int(value) if wanted == "int" else value
    for name, item in known.items():
        if name not in checked and item.default is MISSING and item.default_factory is MISSING:
            raise AudiotagError(f"{prefix}{name} is missing; give it a value.")
    try:
        return kind(**checked)
    except AudiotagError as error:
        raise AudiotagError(f"{prefix}{error}" if prefix.startswith("augment") else str(error)) from error


def _require_one_of(name: str, value: str, choices: Any) -> None:
    allowed = get_args(choices)
    require(value in allowed, name, f"be one of {', '.join(allowed)}", value, "check its spelling")
