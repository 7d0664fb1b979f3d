"""Score the clips of a dataset by an ensemble, each only by the folds that were not trained on it.

``python -m audiotag.review.ensemble_scores FOLDER DATASET ENSEMBLE PART`` is the process. It can be stopped and
continued: it writes its results in parts, and scores only clips that are new or have changed. Which folds were trained
on a clip is known by the clip's content (`audiotag.tagging.known_clips`), so a renamed copy counts as well. A clip that
all folds were trained on has no score. The part is that of the test clips, or all other clips: the Score page scores
either, the Review page the latter.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import pandas as pd

from audiotag import in_hand
from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, cache_name, check_keys, with_keys, write_parquet
from audiotag.data.label_names import LabelNames, read_aliases
from audiotag.data.saved_options import open_remembered
from audiotag.detached_job import DetachedJob
from audiotag.errors import AudiotagError
from audiotag.review.submissions import Part, submission_path, write_scores
from audiotag.state import read_state
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.settings import MEASURED
from audiotag.tagging.sound_files import SoundFile
from audiotag.training.held_out import HeldOutScores
from audiotag.workspace import Workspace

EDITION = 1  # rises when scores of the same clip by the same ensemble change
PART_INTERVAL_S = 3.0  # between parts that are written to disk
POLL_INTERVAL_S = 0.2
# "scores" is empty where all folds were trained on the clip, and None where it cannot be read; "problem" then says why.
ROW_COLUMNS = ["folds", "scores", "problem"]


@dataclass(frozen=True)
class EnsembleResult:
    """What an `EnsembleScores` job has found about the clips of a dataset.

    Attributes
    ----------
    held_out : HeldOutScores
        Its ``fold`` is NA where several folds scored the clip.
    problems : tuple[str, ...]
        A sentence for each clip that cannot be read.
    trained_by_all : int
        Clips without a score because all folds were trained on them.
    unscored : int
        Clips that are still to be scored.
    unknown_labels : tuple[str, ...]
        Labels of the dataset that the ensemble does not know.
    """

    held_out: HeldOutScores
    problems: tuple[str, ...]
    trained_by_all: int
    unscored: int
    unknown_labels: tuple[str, ...]


@dataclass(frozen=True)
class EnsembleScores(DetachedJob):
    """The scores of a dataset's clips by an ensemble, and their folder in the workspace.

    Attributes
    ----------
    folder : Path
    root : Path
        The dataset.
    ensemble : Path
        Folder of the ensemble.
    card : Card
    part : "training" or "test"
        Whether the test clips are scored, or all others.
    """

    root: Path
    ensemble: Path
    card: Card
    part: Part = "training"

    module: ClassVar[str] = "audiotag.review.ensemble_scores"
    activity: ClassVar[str] = "Scoring"
    past: ClassVar[str] = "scored"

    @classmethod
    def of(cls, dataset: Dataset, ensemble: Path, workspace: Workspace, part: Part = "training") -> EnsembleScores:
        """The job for a part of a dataset and the ensemble in a folder; nothing is started or written yet.

        Raises
        ------
        AudiotagError
            If the ensemble has no label of the dataset. For clips that are not test clips, also if it does not know
            which clips its folds were trained on.
        """
        card = read_card(ensemble)
        if not card.known_clips and part == "training":
            raise AudiotagError(
                f"{card.name} does not say which clips each of its folds was trained on, so its scores of them may be "
                "too high; publish its run again while the training clips are there (audiotag publish RUN), or use the "
                "out-of-fold scores of a run."
            )
        if not set(_label_names(card, dataset, workspace)) & set(dataset.labels):
            raise AudiotagError(
                f"{card.name} knows none of the {len(dataset.labels)} labels of {dataset.name}, it knows "
                f"{', '.join(card.labels[:10])}{', …' if card.labels[10:] else ''}; choose an ensemble that was "
                "trained on such labels, or say in the aliases of the Score page which labels mean the same."
            )
        digest = hashlib.sha256(json.dumps([EDITION, card.scoring_fields()], sort_keys=True).encode()).hexdigest()[:12]
        folder = workspace.root / "scores" / f"{cache_name(dataset.root, dataset.name)}-{digest}"
        folder = folder.with_name(f"{folder.name}-test") if part == "test" else folder
        return cls(folder, dataset.root, ensemble.absolute(), card, part)

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.root), str(self.ensemble), self.part]

    def stamp(self) -> int:
        """A number that changes whenever there are more results to read."""
        return len(self._parts())

    def finished_s(self) -> float:
        """When the newest results were written, in seconds since the epoch; there must be some."""
        return max(path.stat().st_mtime for path in self._parts())

    def read(self, dataset: Dataset, workspace: Workspace) -> EnsembleResult:
        """The results so far for the clips of a dataset, as these are on disk now."""
        rows = self.with_results(dataset)
        is_scored = np.array([scores is not None and len(scores) > 0 for scores in rows["scores"]], dtype=bool)
        scored = rows[is_scored].reset_index(drop=True)
        names = _label_names(self.card, dataset, workspace)
        matrix = np.array(scored["scores"].tolist(), np.float32).reshape(len(scored), len(names))
        columns = {label: column for column, label in enumerate(names)}
        targets = np.zeros_like(matrix)
        for row, labels in enumerate(scored["labels"]):
            targets[row, [columns[label] for label in labels if label in columns]] = 1
        folds = [int(voting) if voting.isdecimal() else pd.NA for voting in scored["folds"]]
        clips = scored[["subset", "clip"]].assign(fold=pd.array(folds, dtype="Int64"))
        no_votes = sum(scores is not None and not len(scores) for scores in rows["scores"])
        return EnsembleResult(
            held_out=HeldOutScores(names, clips, matrix, targets),
            problems=tuple(rows["problem"].dropna()),
            trained_by_all=no_votes,
            unscored=int((rows["folds"].isna() & rows["problem"].isna()).sum()),
            unknown_labels=tuple(label for label in dataset.labels if label not in columns),
        )

    def with_results(self, dataset: Dataset) -> pd.DataFrame:
        """The clips of the part, with their `ROW_COLUMNS`: NA or None where they are not scored."""
        clips = dataset.clips[(dataset.clips["subset"] == "test") == (self.part == "test")]
        clips = with_keys(clips) if len(clips) else clips.assign(size=0, modified_ns=0)
        results = self._rows()
        known = {tuple(key): number for number, key in enumerate(results[KEY].values.tolist())}
        places = [known.get(tuple(key), -1) for key in clips[KEY].values.tolist()]
        columns = {name: results[name].tolist() for name in ROW_COLUMNS}
        found = {
            name: pd.Series([values[place] if place >= 0 else None for place in places], clips.index, dtype=object)
            for name, values in columns.items()
        }
        return clips.assign(**found)

    def write_part(self, rows: list[tuple]) -> None:
        """Write the results of some clips: tuples of `KEY` and `ROW_COLUMNS`."""
        numbers = (int(path.stem.removeprefix("part-")) for path in self._parts())
        part = max(numbers, default=-1) + 1
        write_parquet(pd.DataFrame(rows, columns=[*KEY, *ROW_COLUMNS]), self.folder / f"part-{part:06}.parquet")

    def _rows(self) -> pd.DataFrame:
        """The last result of each clip."""
        labels = len(self.card.labels)
        otherwise = "its clips are scored again"
        parts = [
            read_state(part, lambda content: _parse_part(content, labels), None, otherwise) for part in self._parts()
        ]
        tables = [pd.DataFrame(columns=[*KEY, *ROW_COLUMNS]), *(part for part in parts if part is not None)]
        tables = [table for table in tables if len(table)] or tables[:1]
        return pd.concat(tables, ignore_index=True).drop_duplicates(KEY, keep="last")

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-" + "[0-9]" * 6 + ".parquet"))


def score_and_wait(
    dataset: Dataset, ensemble: Path, workspace: Workspace, progress: Callable[[int, int], None] | None = None
) -> EnsembleResult:
    """Score the clips that are not scored yet, and wait for the end; if the wait is interrupted, the process stops.

    Parameters
    ----------
    dataset : Dataset
        As `audiotag.data.saved_options.open_remembered` opens it.
    ensemble : Path
        Folder of the ensemble.
    workspace : Workspace
    progress : callable(done, total), optional
        Called as clips are scored.

    Raises
    ------
    AudiotagError
        If the ensemble cannot be used, see `EnsembleScores.of`, or scoring as a whole fails.
    """
    job = EnsembleScores.of(dataset, ensemble, workspace)
    found = job.read(dataset, workspace)
    if not found.unscored and not found.problems and not job.is_active():
        return found
    job.start()
    try:
        while job.is_active():
            if progress and (state := job.progress()):
                progress(state["done"], state["total"])
            time.sleep(POLL_INTERVAL_S)
    except BaseException:
        job.stop()
        raise
    if failure := job.failure():
        raise AudiotagError(failure)
    return job.read(dataset, workspace)


def score_clips(job: EnsembleScores, workspace: Workspace) -> None:
    """Score the clips that are not scored yet, or could not be read, until all are done or `stop` is called.

    At the end all scores are written as a submission into the workspace.
    """
    dataset = open_remembered(job.root, workspace)
    _score_missing(job, dataset)
    if not job.is_stop_requested():
        path = submission_path(dataset.name, job.ensemble.name, job.part, workspace)
        write_scores(path, job.with_results(dataset), dataset, job.card, job.part)


def _score_missing(job: EnsembleScores, dataset: Dataset) -> None:
    clips = job.with_results(dataset)
    todo = clips[clips["folds"].isna()]
    done_before, keys = len(clips) - len(todo), todo[KEY].values.tolist()
    job.write_progress(done_before, len(clips), 0.0)
    if not len(todo):
        return
    files = [SoundFile(path, clip) for path, clip in zip(todo["path"], todo["clip"], strict=True)]
    tagger = open_tagger(job.ensemble, MEASURED)
    rows: list[tuple] = []
    began = last = time.monotonic()

    def write(done: int) -> None:
        job.write_part(rows)
        left_s = (time.monotonic() - began) / done * (len(todo) - done)
        job.write_progress(done_before + done, len(clips), left_s)

    with in_hand.noting(job.folder / ".in-hand"), closing(tag_files(tagger, files)) as results:
        for done, (key, result) in enumerate(zip(keys, results, strict=True), 1):
            tags = result.tags
            row: tuple[str | None, np.ndarray | None, str | None]
            if tags is None:
                row = (None, None, result.problem)
            elif tags.trained_folds == len(job.card.folds):
                row = ("", np.zeros(0, np.float32), None)
            else:
                row = (",".join(map(str, tags.voting_folds)), tags.scores.astype(np.float32), None)
            rows.append((*key, *row))
            if time.monotonic() - last > PART_INTERVAL_S or done == len(todo) or job.is_stop_requested():
                write(done)
                rows, last = [], time.monotonic()
            if job.is_stop_requested():
                return


def _label_names(card: Card, dataset: Dataset, workspace: Workspace) -> tuple[str, ...]:
    """The ensemble's labels as the dataset spells them; what the dataset does not have stays as it is."""
    names, used, found = LabelNames(dataset.labels, read_aliases(workspace)), set(card.labels), []
    for label in card.labels:
        name = names.find(label)
        if name is None or (name != label and name in used):  # two labels of the ensemble are one in the dataset
            name = label
        used.add(name)
        found.append(name)
    return tuple(found)


def _parse_part(content: bytes, labels: int) -> pd.DataFrame:
    """The table of one part; raises if a column is missing or has other values than scoring writes."""
    table = pd.read_parquet(io.BytesIO(content))[[*KEY, *ROW_COLUMNS]]
    check_keys(table)
    for column in ("folds", "problem"):
        if not all(isinstance(value, str) for value in table[column].dropna()):
            raise ValueError(f"{column} has other values")
    for folds, scores, problem in table[ROW_COLUMNS].itertuples(index=False, name=None):
        if isinstance(folds, str):
            wanted = labels if folds else 0
            if (
                not isinstance(scores, np.ndarray)
                or scores.shape != (wanted,)
                or not ((scores >= 0) & (scores <= 1)).all()
            ):
                raise ValueError("scores has other values")
        elif not isinstance(problem, str):
            raise ValueError("a clip has neither scores nor a problem")
    return table.astype({"folds": object, "problem": object})


def main() -> None:
    """Score a part of the dataset of the second argument by the ensemble of the third into the folder of the first."""
    folder, root, ensemble = map(Path, sys.argv[1:4])
    (part,) = (part for part in get_args(Part) if part == sys.argv[4])
    job = EnsembleScores(folder, root, ensemble, read_card(ensemble), part)
    job.run(lambda: score_clips(job, Workspace(folder.parents[1])))


if __name__ == "__main__":
    main()
