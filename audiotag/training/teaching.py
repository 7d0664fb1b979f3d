"""How the networks of an ensemble teach a new network: what is mixed into its targets, and which of them teaches.

A run with `Teaching` has a folder ``teacher`` with copies of the teachers' weights, one safetensors file per fold, and
``teacher.json``, which says which teachers have not been trained on each clip. The teacher scores the same augmented
network inputs as the student gets (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and
consistent"). One teacher scores each clip, so a batch costs one more forward pass, however many teachers there are:
cross-entropy is linear in its targets, so over the epochs the gradient is that of the mean of the teachers that take
turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from audiotag.checks import Within, build, check
from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.workspace import read_json, write_json

if TYPE_CHECKING:  # pages read runs without torch
    import torch
    from torch import nn

    from audiotag.training.clips import LabelledClips
    from audiotag.training.recipe import Recipe

FOLDER, TEACHER = "teacher", "teacher.json"
SHAPE = {"files": dict, "unseen": dict}


@dataclass(frozen=True)
class Teaching:
    """How a run distils an ensemble.

    Attributes
    ----------
    ensemble : str
        Its name, for messages.
    share : float
        Of the teacher's score in the targets, 0 to 1; the rest is the label.
    network : "single" or "per-fold"
        Train a single network on all clips of all folds; or one network per fold, on the clips of the fold, whose
        teacher is the network of the same fold. The latter measures out of fold what the former does.
    by : "unseen" or "all"
        Which network teaches a clip of the single network: one that was not trained on this clip (it may have been
        trained on another one that is mixed into it); or all in turn.

    Raises
    ------
    AudiotagError
        If a value is out of its range.
    """

    ensemble: str
    share: Annotated[float, Within(0, 1), "0.7 is common"] = 0.7
    network: Literal["single", "per-fold"] = "single"
    by: Literal["unseen", "all"] = "unseen"

    def __post_init__(self) -> None:
        check(self)

    def __str__(self) -> str:
        return f"{self.ensemble}, {self.share:.0%} of its scores, {self.network} network"

    @property
    def is_single(self) -> bool:
        """Whether one network is trained on all clips."""
        return self.network == "single"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any] | None) -> Teaching | None:
        """Read what `to_dict` gave; None for a run without a teacher."""
        return None if values is None else build(cls, values, "teaching.")


@dataclass(frozen=True)
class TeacherFiles:
    """The teachers of a run, as its folder holds them.

    Attributes
    ----------
    files : dict[int, str]
        Name of the weights file of each network, by its fold.
    unseen : dict[str, list[int]]
        For each clip, by its path, the folds whose networks were not trained on it.
    """

    files: dict[int, str]
    unseen: dict[str, list[int]] = field(default_factory=dict)

    def write(self, run_folder: Path) -> None:
        """Write `TEACHER`; after the weights, for it says that they are there."""
        files = {str(fold): name for fold, name in self.files.items()}
        write_json(run_folder / FOLDER / TEACHER, {"files": files, "unseen": self.unseen})

    @classmethod
    def read(cls, run_folder: Path) -> TeacherFiles:
        """Read what `write` wrote; raises `AudiotagError` if it is missing or damaged."""
        path = run_folder / FOLDER / TEACHER
        try:
            values = read_json(path)
            if not fits(values, SHAPE) or not all(fits(folds, [int]) for folds in values["unseen"].values()):
                raise ValueError("it has other values")
            return cls({int(fold): str(name) for fold, name in values["files"].items()}, values["unseen"])
        except (OSError, ValueError) as error:
            raise AudiotagError(f"{path} is missing or damaged; distil the ensemble again.") from error

    def of_fold(self, teaching: Teaching, fold: int) -> tuple[int, ...]:
        """The folds whose networks teach the network of a fold: its own one, or all where a single one is trained."""
        if teaching.is_single:
            return tuple(sorted(self.files))
        return (fold,) if fold in self.files else ()


class Teacher:
    """Networks in evaluation mode that score a student's network inputs.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        On the device of the inputs.
    share : float
        Of the teachers' scores in the targets, 0 to 1.
    may_teach : numpy.ndarray, shape=(clips, networks), bool
        Which networks may teach each clip of the stage; all may, where none of a row is true.
    """

    def __init__(self, networks: Sequence[nn.Module], share: float, may_teach: np.ndarray) -> None:
        self.networks, self.share = networks, share
        self._may_teach = may_teach | ~may_teach.any(axis=1, keepdims=True)

    def choose(self, items: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The number of the network that teaches each of these clips, drawn from those that may; shape ``(batch,)``."""
        draws = rng.random((len(items), len(self.networks)))
        return np.argmax(np.where(self._may_teach[items], draws, -1.0), axis=1)

    def targets(
        self, inputs: torch.Tensor, targets: torch.Tensor, items: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        """The targets of a batch: labels, mixed with the teachers' scores of the same inputs.

        Parameters
        ----------
        inputs : torch.Tensor, shape=(batch, channels, height, width)
        targets : torch.Tensor, shape=(batch, labels)
            0 to 1.
        items : numpy.ndarray, shape=(batch,), int
            Rows of the clips in ``may_teach``.
        rng : numpy.random.Generator
            Draws which network teaches which clip.

        Returns
        -------
        torch.Tensor, shape=(batch, labels)
            0 to 1, without a gradient.
        """
        import torch

        chosen = self.choose(items, rng)
        mixed = targets.clone()
        with torch.no_grad():
            for number in np.unique(chosen):
                rows = torch.from_numpy(np.flatnonzero(chosen == number)).to(inputs.device)
                scores = self.networks[number](inputs[rows]).float().sigmoid().to(targets.dtype)
                mixed[rows] = (1 - self.share) * targets[rows] + self.share * scores
        return mixed


@dataclass(frozen=True)
class RunTeachers:
    """The networks that teach one network of a run, on its device.

    Attributes
    ----------
    files : TeacherFiles
    teaching : Teaching
    folds : tuple[int, ...]
        Those of the networks.
    networks : list of torch.nn.Module
    """

    files: TeacherFiles
    teaching: Teaching
    folds: tuple[int, ...]
    networks: list[nn.Module]

    @classmethod
    def open(cls, run_folder: Path, teaching: Teaching, fold: int, recipe: Recipe, labels: int) -> RunTeachers | None:
        """Load the teachers of a fold's network; None for one without, such as that which feeds all folds.

        Raises
        ------
        AudiotagError
            If a file of the folder ``teacher`` is missing, damaged or of another network.
        """
        files = TeacherFiles.read(run_folder)
        folds = files.of_fold(teaching, fold)
        networks = [_load(run_folder / FOLDER / files.files[number], recipe, labels) for number in folds]
        return cls(files, teaching, folds, networks) if networks else None

    def on(self, device: str) -> RunTeachers:
        """The same with networks on a device."""
        import torch

        moved = [network.to(device, memory_format=torch.channels_last) for network in self.networks]  # type: ignore[call-overload]
        return replace(self, networks=moved)

    def __call__(self, labelled: LabelledClips) -> Teacher:
        """The teacher of these training clips."""
        allowed = np.ones((len(labelled.clips), len(self.folds)), dtype=bool)
        if self.teaching.is_single and self.teaching.by == "unseen":
            for row, clip in enumerate(labelled.clips):
                if (unseen := self.files.unseen.get(str(clip.path))) is not None:
                    allowed[row] = [fold in unseen for fold in self.folds]
        return Teacher(self.networks, self.teaching.share, allowed)


def _load(path: Path, recipe: Recipe, labels: int) -> nn.Module:
    """A network in evaluation mode, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    settings = recipe.network
    network = settings.for_inference(settings.build(labels, recipe.spectrogram.channels))
    try:
        weights = load(path.read_bytes())
        network.load_state_dict(
            {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
        )
    except (OSError, SafetensorError, RuntimeError) as error:
        raise AudiotagError(f"{path} is missing, damaged or of another network; distil the ensemble again.") from error
    return network.eval().requires_grad_(False)
