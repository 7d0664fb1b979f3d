"""Negative examples: sounds with none of the labels, that training adds to each batch with targets of 0.

Without them a network has only ever seen sounds that have a label, and gives one to steady noise and hum as well. They
come from two places: sounds that `audiotag.training.background_sounds` renders, and a folder of the user's own sounds.
They are never scored as clips, because a clip without a label has no lwlrap.

Mixers mix them with each other alone: else hardly a sound without a label would be left in recipes that mix every clip
of a batch. A stage may do without them (`audiotag.training.stage.Stage.negatives`): a network that first learns the
labels, and then, in few epochs, which sounds have none, keeps more of the former than one that meets both at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from audiotag.checks import Within, check, require
from audiotag.disk import expanded, modified_ns
from audiotag.errors import AudiotagError
from audiotag.training.background_sounds import kinds_without
from audiotag.wording import shortened

TAGGED_FROM = 0.5  # score from which a held-out negative counts as tagged; thresholds are not known yet


@dataclass(frozen=True)
class Negatives:
    """Which sounds with none of the labels a recipe adds, as ``[negatives]`` in its file.

    Attributes
    ----------
    share : float
        Share of each batch that are negatives; 0 for none. The other places are for clips, so an epoch becomes longer.
    rendered : int
        Number of sounds that audiotag renders from the recipe's seed.
    folder : str
        Folder of sounds that have none of the labels, with all folders below it; empty for none. In a recipe file it is
        relative to the file.
    """

    share: Annotated[float, Within(0, 0.5), "0.1 is common; 0 adds none"] = 0.0
    rendered: Annotated[int, Within(0, 5000, "sounds"), "200 are common"] = 200
    folder: str = ""

    def __post_init__(self) -> None:
        check(self)
        require(
            not self.share or bool(self.rendered or self.folder),
            "rendered",
            "be at least 1 where share is above 0 and there is no folder",
            self.rendered,
            "or name a folder of sounds that have none of the labels",
        )

    def __bool__(self) -> bool:
        return bool(self.share)

    def relative_to(self, folder: Path) -> Negatives:
        """The same negatives, with a folder that is relative to ``folder`` made absolute."""
        if not self.folder:
            return self
        return replace(self, folder=str((folder / expanded(self.folder)).absolute()))

    def for_card(self) -> Negatives:
        """The same negatives with the folder's name instead of its path, for the card of an ensemble, which travels.

        >>> Negatives(0.1, folder="/home/me/rooms").for_card().folder
        'rooms'
        """
        return replace(self, folder=Path(self.folder).name)

    def items_per_epoch(self, clips: int) -> int:
        """Items of an epoch of so many clips, with the negatives.

        >>> Negatives(share=0.1).items_per_epoch(90)
        100
        """
        return round(clips / (1 - self.share))

    def sounds(self) -> list[Path]:
        """The sounds of the folder, sorted.

        Raises
        ------
        AudiotagError
            If the folder does not exist or has no sounds.
        """
        if not self.folder:
            return []
        from audiotag.data.layouts.reading import list_sounds  # it needs pandas; reading a recipe does not

        folder = expanded(self.folder)
        if not folder.is_dir():
            raise AudiotagError(f"negatives.folder must be a folder of sounds, got {shortened(self.folder)}; check it.")
        if not (found := list_sounds(folder.rglob("*"))):
            raise AudiotagError(f"negatives.folder must have sounds, but there are none in {shortened(self.folder)}.")
        return found

    def stamp(self) -> list[tuple[str, int, int]]:
        """Changes when the sounds of the folder change: path, size and time of each."""
        if not self.share:
            return []
        stats = [(path, path.stat()) for path in self.sounds()]
        return [(str(path), stat.st_size, modified_ns(stat)) for path, stat in stats]

    def sentence(self, labels: tuple[str, ...]) -> str:
        """What a training adds, for pages and commands; empty if nothing.

        >>> Negatives(0.1).sentence(("Hum", "Tap", "Siren"))[:85]
        '10 % of each batch are sounds with none of the labels: 200 rendered noises, tones and'
        """
        if not self.share:
            return ""
        parts = [f"the sounds in {self.folder}"] if self.folder else []
        kinds, left_out = kinds_without(labels)
        names = [kind.plural for kind in kinds]
        if self.rendered and names:
            listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
            parts.insert(0, f"{self.rendered} rendered {listed}")
        without = "".join(f" No {kind.plural}, because {label} is a label." for kind, label in left_out)
        places = ", and ".join(parts) or "there are none"
        return f"{100 * self.share:.3g} % of each batch are sounds with none of the labels: {places}.{without}"


def negative_places(items: int, negatives: int) -> np.ndarray:
    """Which of the items of an epoch are negatives: evenly spread, so that each batch has its share; bool.

    >>> negative_places(6, 2).astype(int)
    array([0, 0, 1, 0, 0, 1])
    """
    counts = np.arange(items + 1) * negatives // max(items, 1)
    return np.diff(counts) > 0


def draw_negatives(rng: np.random.Generator, count: int, of: int) -> np.ndarray:
    """Rows of ``count`` negatives out of ``of``: each is drawn once before any is drawn again."""
    passes = [rng.permutation(of) for _ in range(-(-count // of))]
    return np.concatenate(passes)[:count] if passes else np.empty(0, int)


def share_tagged(scores: np.ndarray) -> float:
    """Share of sounds with a score of `TAGGED_FROM` or more for any label; ``scores`` has shape (sounds, labels)."""
    return float((scores.max(axis=1) >= TAGGED_FROM).mean())


def plain_negatives(negatives: Negatives) -> dict[str, dict[str, object]]:
    """``{"negatives": …}`` for `audiotag.training.recipe.Recipe.to_dict`; empty where a recipe has none.

    Recipes without negatives stay as they were before there were any, and so do their runs.
    """
    return {} if negatives == Negatives() else {"negatives": asdict(negatives)}
