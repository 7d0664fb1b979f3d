"""A recipe: everything that training does with a dataset, as a readable TOML file, checked once."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from audiotag.errors import AudiotagError, require
from audiotag.network_settings import NetworkSettings
from audiotag.sound.settings import PRESETS, SpectrogramSettings

SHIPPED = Path(__file__).parent / "recipes"

Optimiser = Literal["ranger", "adam"]
Schedule = Literal["flat-cosine", "one-cycle"]
FoldMethod = Literal["stratified", "shuffled"]
Subset = Literal["curated", "noisy"]


@dataclass(frozen=True)
class Stage:
    """One pass of training over one subset; the next stage goes on from its weights.

    Attributes
    ----------
    subset : "curated" or "noisy"
        A stage whose subset the dataset lacks is left out.
    epochs : int
    lr : float
        The schedule's highest learning rate.
    mixup : float
        α of MixUp's beta distribution (Zhang et al. 2018); 0 for none.
    """

    subset: Subset
    epochs: int
    lr: float
    mixup: float = 0.0

    def __post_init__(self) -> None:
        _require_one_of("stages.subset", self.subset, Subset)
        require(1 <= self.epochs <= 1000, "stages.epochs", "be 1 to 1000", self.epochs, "a whole number of passes")
        require(0 < self.lr <= 1, "stages.lr", "be above 0, at most 1", self.lr, "3e-3 is common")
        require(0 <= self.mixup <= 10, "stages.mixup", "be 0 to 10", self.mixup, "0.4 is common, 0 turns it off")


@dataclass(frozen=True)
class Recipe:
    """Stages, folds, network, front-end, augmentation and optimiser of one training.

    Attributes
    ----------
    folds : int
        Parts that each subset is split into; each fold trains on all parts but its own. A dataset's own folds win.
    fold_method : "stratified" or "shuffled"
        Multi-label stratified, or scikit-learn's ``KFold(shuffle=True, random_state=seed)``.
    time_mask, mel_mask : int
        Width of the one time mask in frames and the one frequency mask in bands, filled with the picture's mean
        (SpecAugment, Park et al. 2019); 0 for none. On training clips only.
    seed : int
        Of folds, weights, order, crops and masks.
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
    time_mask: int = 0
    mel_mask: int = 0
    seed: int = 42
    spectrogram: SpectrogramSettings = field(default_factory=SpectrogramSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)

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
        require(0 <= self.seed < 2**31, "seed", "be 0 to below 2147483648", self.seed, "any such number will do")
        frames, bands = self.spectrogram.frames, self.spectrogram.n_mels
        require(
            0 <= self.time_mask < frames, "time_mask", f"be 0 to below {frames} frames", self.time_mask, "in frames?"
        )
        require(0 <= self.mel_mask < bands, "mel_mask", f"be 0 to below {bands} bands", self.mel_mask, "in bands?")

    def with_spectrogram(self, settings: SpectrogramSettings) -> Recipe:
        """The same recipe over other spectrogram settings; checked again, for a mask may be wider than the picture."""
        return replace(self, spectrogram=settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_dict` reads them back."""
        return asdict(self)

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
        for part, kind in (("spectrogram", SpectrogramSettings), ("network", NetworkSettings)):
            values[part] = _build(kind, values.get(part, {}), f"{part}.")
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
    return kind(**checked)


def _require_one_of(name: str, value: str, choices: Any) -> None:
    allowed = get_args(choices)
    require(value in allowed, name, f"be one of {', '.join(allowed)}", value, "check its spelling")
