"""Write the scores that an ensemble gave to the clips of a dataset as a submission into the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.tagging.card import Card
from audiotag.tagging.export.rows import Row
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.submission import DIGITS, Sheet, write_submission
from audiotag.workspace import Workspace

Part = Literal["training", "test"]  # the test clips of a dataset, or all others


def submission_path(dataset: str, ensemble: str, part: Part, workspace: Workspace) -> Path:
    """The table of an ensemble's scores, by the names of dataset and ensemble.

    The scores of training clips are held out: each is by the folds that were not trained on the clip.
    """
    name = dataset if part == "test" else f"{dataset}-held-out"
    return workspace.root / "submissions" / f"{name}-{ensemble}.csv"


def write_scores(path: Path, rows: pd.DataFrame, dataset: Dataset, card: Card, part: Part) -> None:
    """Write a submission; that of test clips has the columns and rows of the dataset's sample submission, if any.

    Parameters
    ----------
    path : Path
    rows : pandas.DataFrame
        ``clip``, ``path``, and ``scores`` in the order of the card's labels; None or empty where there are none.
    dataset : Dataset
    card : Card
        Of the ensemble.
    part : "training" or "test"
    """
    found: dict[str, Row] = {
        clip: {"clip": clip, "scores": dict(zip(card.labels, np.round(scores.astype(float), DIGITS), strict=True))}
        for clip, scores in zip(rows["clip"], rows["scores"], strict=True)
        if scores is not None and len(scores)
    }
    if part == "test":
        sheet = Sheet.of(dataset, card)
    else:
        files = [SoundFile(path, clip) for clip, path in zip(rows["clip"], rows["path"], strict=True) if clip in found]
        sheet = Sheet(["fname", *card.labels], "fname", files)
    write_submission(path, (found.get(file.clip, {"clip": file.clip}) for file in sheet.files), sheet)
