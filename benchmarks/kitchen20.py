"""Measure the accuracy on a second set of real recordings: ``python benchmarks/kitchen20.py [FOLDER] --seeds 1,2,3``.

kitchen20 (Moreaux et al. 2019): 1,070 recordings of kitchens of up to five seconds, twenty classes, 467 sources.
Nothing that is trained on it is shipped. Clips of one source are in several of the published folds, which flatters (see
docs/accuracy.md), so here are five other folds, always the same ones, that keep the clips of a source together and
share the clips of each class evenly (`draw_folds`).

Everything else is as in ``esc10.py``: one run per fold, recipe and seed, the figures of the last epoch, in
``results/kitchen20.jsonl``. ``--table`` prints them, what the mean of the scores of all seeds reaches, and the accuracy
with a standard error clustered by source beside that of people, who were right in 0.794 of 1,411 answers. ``--pairs``
prints how much each recipe is above the first one on the same clips. Settings are tuned elsewhere: by ``trials.py``,
inside the training parts of folds 1 and 2.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from cross_validation import FoldedSet, cross_validate
from fold_tables import People

from audiotag.workspace import Workspace, open_atomic

KITCHEN20 = Path(__file__).parents[2] / "shared" / "data" / "kitchen20"
TABLE = "kitchen20.csv"
FOLDS = 5
SEED = 20
DIGEST = "2401c7f6dcc0"  # of the folds of the published clips, which must not change with a library
# Sources that hold the same sound, as docs/accuracy.md has found under "Near-duplicates".
SAME_RECORDINGS = {"J2-couvert(1).mp4": "J2-couvert.mp4", "M2": "M-presseAgrume.wav"}


def main() -> None:
    """Train and score each combination that is not recorded yet."""
    cross_validate(FoldedSet("kitchen20", "kitchen20", KITCHEN20, People(0.794, 1411), with_folds), __doc__)


def draw_folds(labels: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """The fold of each clip, from 1 to `FOLDS`; the order of the clips does not matter.

    The folds that a recipe draws share sources evenly, and up to 14 clips of a class more are then in one fold than in
    another, because a source has one to eleven clips. This shares clips: at most 2 more.

    Parameters
    ----------
    labels, sources : numpy.ndarray, shape=(clips,), str
        Clips that have both in common cannot be told apart, nor have to be: they are in one fold.

    Notes
    -----
    scikit-learn's ``StratifiedGroupKFold``: sources are given to folds one by one, those with the most uneven labels
    first, each to the fold for which the deviation of the clips per class over folds is the least.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    order = np.lexsort((labels, sources))
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    fold = np.zeros(len(labels), dtype=int)
    splits = splitter.split(np.zeros(len(labels)), labels[order], sources[order])
    for number, (_, held_out) in enumerate(splits, start=1):
        fold[order[held_out]] = number
    return fold


def read_table(folder: Path) -> pd.DataFrame:
    """The published table, with the folds of `draw_folds`, and with one name for sources that hold the same sound."""
    table = pd.read_csv(folder / TABLE, dtype=str)
    table["usr_id"] = table["usr_id"].replace(SAME_RECORDINGS)
    table["fold"] = draw_folds(table["category"].to_numpy(dtype=str), table["usr_id"].to_numpy(dtype=str))
    return table


def digest_of_folds(table: pd.DataFrame) -> str:
    """A digest of which clip is in which fold."""
    lines = sorted(f"{path}:{fold}" for path, fold in zip(table["path"], table["fold"], strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def with_folds(published: Path) -> Path:
    """The folder of the same sounds with the table of `read_table`, which is made anew if it is not there.

    Raises
    ------
    SystemExit
        If the folds are not those of the recorded figures.
    """
    table = read_table(published)
    if digest_of_folds(table) != DIGEST:
        raise SystemExit(
            f"the folds of {published} must have the digest {DIGEST}, got {digest_of_folds(table)}; is the table "
            "complete, and scikit-learn of the version in requirements.txt?"
        )
    folder = Workspace().root / "kitchen20-five-folds"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "audio").exists():
        (folder / "audio").symlink_to((published / "audio").resolve(), target_is_directory=True)
    content = table.to_csv(index=False).encode()
    if not (folder / TABLE).exists() or (folder / TABLE).read_bytes() != content:
        with open_atomic(folder / TABLE) as file:
            file.write(content)
    return folder


if __name__ == "__main__":
    main()
