"""The leader board of a sweep: its runs ranked by lwlrap on the clips that all of them held out, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.training.comparison import scores_of
from audiotag.training.ranking import Placed, Ranking, rank_runs
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import Run, RunSettings
from audiotag.training.sweep_settings import Value, name_of
from audiotag.training.sweeps import Sweep
from audiotag.training.true_labels import Truth, true_labels

NOT_STARTED = "not started"


@dataclass(frozen=True)
class Entry:
    """One combination of settings.

    Attributes
    ----------
    number : int
        From 1, in the order in which they are trained.
    values : dict of str to bool, int, float or str
        What is varied.
    settings : RunSettings
    run : str
        Name of its run; empty if there is none yet.
    state : str
        As `Run.state`, or `NOT_STARTED`.
    problem : str
        Why it is not ranked although its run has ended; else empty.
    placed : Placed or None
        Its rank and figures; None if it is not ranked.
    fold_s : float or None
        Seconds of training and measuring, per fold.
    shape : tuple[int, int, int]
        Channels, height and width of the network input.
    parameters, macs : int or None
        Of the network; multiplications are those of one input.
    """

    number: int
    values: dict[str, Value]
    settings: RunSettings
    run: str
    state: str
    problem: str
    placed: Placed | None
    fold_s: float | None
    shape: tuple[int, int, int]
    parameters: int | None
    macs: int | None

    @property
    def name(self) -> str:
        """The values in one line."""
        return name_of(self.values)

    @property
    def conclusion(self) -> str:
        """What can be said of it: "best", "worse", "cannot be told apart", or the state of a run without a rank."""
        if self.placed is None:
            return "not ranked" if self.problem else self.state
        return "best" if self.placed.against_best is None else self.placed.against_best.conclusion

    @property
    def input_text(self) -> str:
        """Height and width of the network input, after the channels if there are several."""
        channels, height, width = self.shape
        return f"{channels} × {height} × {width}" if channels > 1 else f"{height} × {width}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        found: dict[str, Any] = {
            "number": self.number, "values": self.values, "run": self.run, "state": self.state,
            "problem": self.problem, "conclusion": self.conclusion, "rank": None, "lwlrap": None, "low": None,
            "high": None, "against_best": None, "seconds_per_fold": self.fold_s, "input": list(self.shape),
            "parameters": self.parameters, "macs": self.macs,
        }  # fmt: skip
        if self.placed:
            low, high = (None, None) if np.isnan(self.placed.low) else (self.placed.low, self.placed.high)
            against = self.placed.against_best
            found |= {"rank": self.placed.rank, "lwlrap": self.placed.lwlrap, "low": low, "high": high}
            found["against_best"] = None if against is None else against.to_dict()
        return found


@dataclass(frozen=True)
class LeaderBoard:
    """The combinations of a sweep, the best first; those without a rank come last.

    Attributes
    ----------
    sweep : str
    entries : tuple[Entry, ...]
    ranking : Ranking or None
        None before a run has finished.
    held_out : int or None
        The dataset's fold that took no part.
    has_own_folds : bool
        Whether the dataset has folds, one of which could be held out.
    """

    sweep: str
    entries: tuple[Entry, ...]
    ranking: Ranking | None
    held_out: int | None = None
    has_own_folds: bool = False

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """The entries that have a rank."""
        return tuple(entry for entry in self.entries if entry.placed)

    @property
    def findings(self) -> tuple[str, ...]:
        """What the ranking says, in sentences."""
        if self.ranking is None:
            return ("No run has finished yet.",)
        best, *others = self.ranked
        assert best.placed is not None
        figure = f"The best is {best.name}: lwlrap {best.placed.lwlrap:.4f} on {_counted(self.ranking.clips, 'clip')}"
        found = [f"{figure} of {_counted(self.ranking.recordings, 'recording')} that all runs held out."]
        alike = [entry for entry in others if entry.conclusion == "cannot be told apart"]
        if alike:
            found.append(f"{len(alike)} of the {len(others)} others cannot be told apart from it by these clips.")
            cheapest = min(alike, key=lambda entry: entry.fold_s or np.inf)
            if cheapest.fold_s and best.fold_s and cheapest.fold_s < 0.9 * best.fold_s:
                share = cheapest.fold_s / best.fold_s
                found.append(f"Of these, {cheapest.name} is the fastest: {share:.0%} of the time of the best.")
        elif others:
            found.append("All others are worse by these clips." if len(others) > 1 else "The other one is worse.")
        return tuple(found)

    @property
    def cautions(self) -> tuple[str, ...]:
        """How far the figure of the best can be trusted, and which clips do not count, in sentences."""
        if self.ranking is None:
            return ()
        if len(self.ranked) < 2:
            return self.ranking.notes
        best = self.ranked[0].placed
        assert best is not None
        high = (
            f"The best of {len(self.ranked)} was chosen on the clips that it is measured on, so its lwlrap is too high "
            "for new clips"
        )
        if self.ranking.of_choice is not None:
            high += f"; expect about {min(self.ranking.of_choice, best.lwlrap):.4f} of a choice made like this"
        found = [f"{high}."]
        if self.held_out is not None:
            found.append(
                f"Nothing was chosen on the dataset's fold {self.held_out}: publish the best run, and score its "
                "ensemble on that fold for a figure to report."
            )
        elif self.has_own_folds:
            found.append(
                "For a figure to report, hold out one of the dataset's folds (--hold-out FOLD), on which nothing is "
                "chosen, and score the ensemble of the best run on it."
            )
        return (*found, *self.ranking.notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        ranking = self.ranking
        return {
            "sweep": self.sweep,
            "clips": ranking.clips if ranking else 0,
            "recordings": ranking.recordings if ranking else 0,
            "lwlrap_of_choice": ranking.of_choice if ranking else None,
            "held_out": self.held_out,
            "entries": [entry.to_dict() for entry in self.entries],
            "findings": list(self.findings),
            "cautions": list(self.cautions),
        }


def leader_board(sweep: Sweep, truth: Truth = "corrected") -> LeaderBoard:
    """The leader board of a sweep as its runs are now; runs that have not finished are listed without a rank.

    Raises
    ------
    AudiotagError
        If the settings of the sweep are damaged, or the runs cannot be ranked.
    """
    settings, runs = sweep.settings(), sweep.runs()
    held_out, problems = {}, {}
    for number, run in runs.items():
        state = run.state()
        if state == "finished":
            try:
                scores = scores_of(run)
                if np.isnan(scores.scores).any():
                    raise AudiotagError("its scores are not numbers: the training diverged.")
                held_out[str(number)] = scores
            except AudiotagError as error:
                problems[number] = str(error)
        elif state in ("failed", "interrupted"):
            problems[number] = run.reason()
    ranking, has_own_folds = None, False
    if held_out:
        dataset = open_remembered(Path(settings.options.dataset), sweep.workspace)
        has_own_folds = len(dataset.own_folds) > 1
        known = true_labels(dataset, settings.runs[0].settings, sweep.workspace, truth)
        ranking = rank_runs(held_out, known)
    placed = {int(each.name): each for each in ranking.placed} if ranking else {}
    costs = sweep.costs()
    entries = []
    for number, combination in enumerate(settings.runs, 1):
        spectrogram = combination.settings.recipe.final_spectrogram
        cost = costs[number - 1] if len(costs) == len(settings.runs) else {}
        of_number = runs.get(number)
        entries.append(
            Entry(
                number=number,
                values=combination.values,
                settings=combination.settings,
                run=of_number.name if of_number else "",
                state=of_number.state() if of_number else NOT_STARTED,
                problem=problems.get(number, ""),
                placed=placed.get(number),
                fold_s=_seconds_per_fold(of_number) if of_number else None,
                shape=(spectrogram.channels, spectrogram.height, spectrogram.width),
                parameters=cost.get("parameters"),
                macs=cost.get("macs"),
            )
        )
    entries.sort(key=lambda entry: (entry.placed is None, entry.placed.rank if entry.placed else entry.number))
    return LeaderBoard(sweep.name, tuple(entries), ranking, settings.runs[0].settings.held_out, has_own_folds)


def _seconds_per_fold(run: Run) -> float | None:
    """Mean over the finished folds of the seconds of their epochs; those of stages that folds share are left out."""
    finished = run.finished_folds()
    events = epochs_done(run.events())
    seconds = [sum(epoch["seconds"] for epoch in events if epoch["fold"] == fold) for fold in finished]
    return fmean(seconds) if seconds else None


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
