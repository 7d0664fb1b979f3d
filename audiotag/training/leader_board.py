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
    """

    sweep: str
    entries: tuple[Entry, ...]
    ranking: Ranking | None
    held_out: int | None

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """The entries that have a rank."""
        return tuple(entry for entry in self.entries if entry.placed)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the ranking says, and how far it can be trusted."""
        if self.ranking is None:
            return ("No run has finished yet.",)
        best, *others = self.ranked
        assert best.placed is not None
        figure = f"The best is {best.name}: lwlrap {best.placed.lwlrap:.4f} on {_counted(self.ranking.clips, 'clip')}"
        found = [f"{figure} of {_counted(self.ranking.recordings, 'recording')} that all runs held out."]
        if not others:
            return (*found, *self.ranking.notes)
        alike = [entry for entry in others if entry.conclusion == "cannot be told apart"]
        if alike:
            found.append(f"{len(alike)} of the {len(others)} others cannot be told apart from it by these clips.")
            cheapest = min(alike, key=lambda entry: entry.fold_s or np.inf)
            if cheapest.fold_s and best.fold_s and cheapest.fold_s < 0.9 * best.fold_s:
                share = cheapest.fold_s / best.fold_s
                found.append(f"Of these, {cheapest.name} is the fastest: {share:.0%} of the time of the best.")
        else:
            found.append("All others are worse by these clips.")
        high = (
            f"The best of {len(self.ranked)} was chosen on the clips that it is measured on, so its lwlrap is too high "
            "for new clips"
        )
        if self.ranking.of_choice is not None:
            high += f"; expect about {min(self.ranking.of_choice, best.placed.lwlrap):.4f} of a choice made like this"
        found.append(f"{high}.")
        if self.held_out is None:
            found.append(
                "For a figure that no choice was made on, hold out one of the dataset's folds (--hold-out FOLD) and "
                "score the best run's ensemble on it."
            )
        else:
            found.append(
                f"Nothing was chosen on the dataset's fold {self.held_out}: publish the best run, and score its "
                "ensemble on that fold for a figure to report."
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
            "sentences": list(self.sentences),
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
    ranking = None
    if held_out:
        dataset = open_remembered(Path(settings.options.dataset), sweep.workspace)
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
    entries.sort(key=lambda entry: (entry.placed.rank if entry.placed else len(entries) + 1, entry.number))
    return LeaderBoard(sweep.name, tuple(entries), ranking, settings.runs[0].settings.held_out)


def _seconds_per_fold(run: Run) -> float | None:
    """Mean over the finished folds of the seconds of their epochs; those of stages that folds share are left out."""
    finished = run.finished_folds()
    events = epochs_done(run.events())
    seconds = [sum(epoch["seconds"] for epoch in events if epoch["fold"] == fold) for fold in finished]
    return fmean(seconds) if seconds else None


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
