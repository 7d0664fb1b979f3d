"""A recipe: everything that training does with a dataset; `audiotag.training.recipe_files` reads it from a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from audiotag.augmentation.base import augmentation_from_dict
from audiotag.checks import build, check, error_path, readable
from audiotag.data.clip_lists import ClipLists
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.base import network_from_dict
from audiotag.training.losses.base import LOSSES, LossesByKind
from audiotag.training.negatives import Negatives, plain_negatives
from audiotag.training.parts import plain_part, read_part
from audiotag.training.recipe_checks import check_recipe
from audiotag.training.recipe_fields import RecipeFields
from audiotag.training.schedules.base import SCHEDULES
from audiotag.training.stage import Stage


@dataclass(frozen=True)
class Recipe(RecipeFields):
    """Stages, folds, network, spectrogram, augmentation, loss and optimiser of one training, whose parts fit together.

    The fields are those of `audiotag.training.recipe_fields.RecipeFields`.

    Raises
    ------
    AudiotagError
        If a field is out of its range, or parts do not fit together, such as a mask and the spectrogram.
    """

    def __post_init__(self) -> None:
        check(self)
        check_recipe(self)

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
