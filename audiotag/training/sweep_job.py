"""Train the runs of a sweep that are not finished: ``python -m audiotag.training.sweep_job FOLDER``, detached.

Runs are trained one after the other, so that each begins with what the first one noted, and wait in the device's queue
like all others; on a cluster, the folds of a run share the nodes. When the sweep is asked to stop, so is its run, which
stops after its current batch. A run that fails does not end the sweep.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.training.begun import begin_as
from audiotag.training.estimate import macs_per_input
from audiotag.training.recipe import Recipe
from audiotag.training.run_blocking import how_it_ended
from audiotag.training.run_progress import epochs_done, plan_of, share_of_epoch
from audiotag.training.runs import Run, create_run
from audiotag.training.session import Session
from audiotag.training.sweep_settings import Combination
from audiotag.training.sweeps import Sweep

POLL_S = 0.5


def train_missing(sweep: Sweep) -> None:
    """Train until all runs are finished or `Sweep.stop` is called.

    Raises
    ------
    AudiotagError
        If a run failed or was stopped by somebody else; says why, after all others are trained.
    """
    settings, workspace = sweep.settings(), sweep.workspace
    work = Work(sweep)
    waiting, watched = sweep.missing(), dict[int, Run]()
    while True:
        active = [number for number, run in watched.items() if run.is_active()]
        if sweep.is_stop_requested():
            for number in active:
                watched[number].stop()
            waiting = []
        if waiting and not active:
            number = waiting.pop(0)
            watched[number] = _start(sweep, number, settings.runs[number - 1])
            active.append(number)
        work.write_progress()
        if not active and not waiting:
            break
        time.sleep(POLL_S)
    workspace.remember_dataset(Path(settings.options.dataset))
    failed = {} if sweep.is_stop_requested() else {n: run for n, run in watched.items() if run.state() != "finished"}
    if failed:
        number, run = next(iter(failed.items()))
        raise AudiotagError(
            f"{len(failed)} of {len(settings.runs)} runs did not finish. The run of {settings.runs[number - 1].name} "
            f"{how_it_ended(run)} Start the same sweep again to resume it."
        )


def _start(sweep: Sweep, number: int, combination: Combination) -> Run:
    """Start the run of a number, resume it, or leave it to its worker if that is still running."""
    runs = sweep.runs()
    run = runs.get(number)
    if run is None:
        run = create_run(sweep.workspace, combination.settings)
        sweep.add_run(number, run)
    if not (run.folder / "process.json").exists():  # new, or this process was killed before it could start it
        for other in runs.values():
            begin_as(run, other)
            if plan_of(other.events()) is not None:
                break
    if not (run.folder / "process.json").exists() or not run.is_active():
        run.start()
    return run


class Work:
    """How much there is to train, and how much of it is done.

    The time that is left follows from that of the epochs so far. An epoch of another run is assumed to take as much
    longer as its network computes more.

    Parameters
    ----------
    sweep : Sweep
        Its costs are written, if they are not known yet.

    Attributes
    ----------
    weights : list of float
        Work of an epoch of each run, in proportion to each other.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        settings = sweep.settings()
        session = Session.open(settings.runs[0].settings, sweep.workspace)
        recipes = [each.settings.recipe for each in settings.runs]
        costs = sweep.costs()
        if len(costs) != len(recipes):
            costs = [cost_of(recipe, len(session.labels)) for recipe in recipes]
            sweep.write_costs(costs)
        self.weights = [_weight(cost, recipe) for cost, recipe in zip(costs, recipes, strict=True)]
        self._epochs = sum(
            stage.epochs * (1 if stage.shared else len(session.folds)) for _, stage in session.stages
        )  # of one run

    def write_progress(self) -> None:
        """Write how many epochs of all runs are done, and how many seconds are left."""
        runs = self._sweep.runs()
        epochs = done = trained_s = trained = 0.0
        folds_at_once = 1
        for number, weight in enumerate(self.weights, 1):
            share = 0.0
            if run := runs.get(number):
                finished = epochs_done(run.events())
                if plan := plan_of(run.events()):
                    folds_at_once = max(1, min(len(plan.get("devices", ())), len(plan["folds"])))
                trained_s += sum(epoch["seconds"] for epoch in finished)
                trained += weight * len(finished)
                begun = sum(share_of_epoch(progress) for progress in run.progress())
                is_finished = run.state() == "finished"
                share = 1.0 if is_finished else min(1.0, (len(finished) + begun) / self._epochs)
                epochs += self._epochs if is_finished else len(finished)
            done += share * weight
        serial_s = (sum(self.weights) - done) * self._epochs * trained_s / trained if trained else 0.0
        left_s = serial_s / folds_at_once
        self._sweep.write_progress(int(epochs), self._epochs * len(self.weights), left_s)


def cost_of(recipe: Recipe, n_labels: int) -> dict[str, int | None]:
    """Parameters of a recipe's network, and its multiplications for one input of the main stage; None if unknown."""
    from audiotag.networks.size import build_without_memory

    spectrogram = recipe.final_spectrogram
    network = build_without_memory(recipe.network, n_labels, spectrogram.channels)
    parameters = None if network is None else sum(math.prod(each.shape) for each in network.parameters())
    return {"parameters": parameters, "macs": macs_per_input(recipe, recipe.main_stage, n_labels)}


def _weight(cost: dict[str, Any], recipe: Recipe) -> float:
    """The work of one epoch in proportion to that of other runs; by the size of the input if nothing else is known."""
    spectrogram = recipe.final_spectrogram
    size = spectrogram.channels * spectrogram.height * spectrogram.width
    return float(cost["macs"] or size) * recipe.fraction


def main() -> None:
    """Train the sweep in the folder given."""
    sweep = Sweep(Path(sys.argv[1]))
    sweep.run(lambda: train_missing(sweep))


if __name__ == "__main__":
    main()
