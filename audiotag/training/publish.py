"""Turn a run into an ensemble: the weights of its folds, and a card with what was measured on held-out clips.

This is the only module of training that imports tagging.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audiotag.audio.streaming import read_part
from audiotag.data.corrections import clips_with_known_labels
from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.data.list_changes import ListChanges, without_dropped
from audiotag.data.saved_options import open_remembered, open_whole
from audiotag.errors import AudiotagError
from audiotag.leftovers import sweep_once, temporary_folder
from audiotag.metrics import accuracy, best_f1_thresholds, lwlrap
from audiotag.tagging import known_clips, out_of_fold, training_profile
from audiotag.tagging.card import CARD, Card, FoldCard
from audiotag.tagging.known_clips import KnownClips
from audiotag.tagging.learning_curves import Epoch, write_curves
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.training.begun import read_corrections, read_list_changes, read_trained_on
from audiotag.training.clip_contents import with_contents
from audiotag.training.held_out import read_scores, refuse_damaged
from audiotag.training.run_progress import epochs_done, plan_of
from audiotag.training.runs import Run
from audiotag.training.weights_choice import SCORES, WEIGHTS, WeightsChoice, check_choice, fold_results, why_not_best
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.trust.temperature import fit_calibration
from audiotag.workspace import Workspace, write_bytes, write_json

MAX_PROFILED_CLIPS = 400
LOSSES = ("train_loss", "valid_loss")  # of an epoch


def publish(
    run: Run,
    name: str,
    parent: Path,
    about: str = "",
    licence: str = "not stated",
    weights: WeightsChoice | None = None,
) -> Path:
    """Write the finished folds of a run as an ensemble.

    Parameters
    ----------
    run : Run
        With at least one finished fold; the run itself need not be finished.
    name : str
        Letters, digits, ``-`` and ``_``; it becomes the folder's name.
    parent : Path
        The folder of ensembles; the new one appears in it whole or not at all.
    about : str
        A sentence about the ensemble; by default from recipe and dataset.
    licence : str
    weights : "last" or "best", optional
        The weights of each fold's last epoch, or of its best one, with the out-of-fold scores of these weights; by
        default as the recipe says. The best one is chosen on the clips that measure it, so its figures are too high
        for new clips.

    Returns
    -------
    Path
        The ensemble's folder.

    Raises
    ------
    AudiotagError
        If no fold is finished, the weights or another file of a fold are missing, or the name cannot be used or is
        taken.
    """
    check_name(name, parent)
    if weights:
        check_choice(weights)
    events = run.events()
    finished = run.finished_folds()
    if not finished and run.state() == "finished":
        raise AudiotagError(f"{run.folder / 'events.jsonl'} is damaged: it has no finished fold; train the run again.")
    if not finished:
        raise AudiotagError(f"run {run.name} has no finished fold yet; an ensemble needs at least one.")
    settings = run.settings()
    if settings.trains_single:
        raise AudiotagError(
            f"run {run.name} trains one network on all clips, which has no held-out ones; audiotag distil puts it "
            "beside the folds of its ensemble."
        )
    weights = weights or settings.recipe.weights
    if weights == "best" and (reason := why_not_best(run)):
        raise AudiotagError(f"run {run.name} cannot be published with the weights of its best epochs. {reason}")
    results = fold_results(events, weights)
    plan = plan_of(events)
    if plan is None:
        raise AudiotagError(f"{run.folder / 'events.jsonl'} is damaged: it lacks the run's labels; train it again.")
    labels, last_stage = tuple(plan["labels"]), settings.recipe.stages[plan["stages"][-1]["stage"]]
    parent.mkdir(parents=True, exist_ok=True)
    sweep_once(parent)
    with _failures_named(run, name, parent), temporary_folder(parent / name) as aside:
        folds, scores, targets, numbers = [], [], [], []
        for fold, result in results.items():
            of_fold, of_targets = read_scores(run.fold_folder(fold) / SCORES[weights], len(labels))
            scores.append(of_fold)
            targets.append(of_targets)
            numbers.append(np.full(len(of_fold), fold))
            halved = in_half_precision(run.fold_folder(fold) / WEIGHTS[weights])
            write_bytes(aside / f"fold-{fold}.safetensors", halved)
            folds.append(
                FoldCard(
                    fold=fold,
                    file=f"fold-{fold}.safetensors",
                    sha256=hashlib.sha256(halved).hexdigest(),
                    clips=len(of_fold),
                    lwlrap=round(result["lwlrap"], 5),
                    accuracy=round(accuracy(of_targets, of_fold), 5),
                )
            )
        all_scores, all_targets = np.concatenate(scores), np.concatenate(targets)
        all_folds = np.concatenate(numbers)
        held_out_scores = OutOfFold(all_scores, all_targets, all_folds).to_bytes()
        write_bytes(aside / out_of_fold.FILE, held_out_scores)
        dataset = open_remembered(Path(settings.dataset), Workspace())
        lists = read_list_changes(run) or ListChanges()
        known = b""
        if (trained_on := read_trained_on(run)) is not None:
            whole = open_whole(Path(settings.dataset), Workspace())  # clips may have been left out since
            whole = whole.with_flagged(lists.restored)
            known = known_clips_of(whole, trained_on, [fold.fold for fold in folds], Workspace()).to_bytes()
            write_bytes(aside / known_clips.FILE, known)
        trained = clips_with_known_labels(lists.apply(dataset, read_corrections(run)))
        trained = replace(trained, clips=_training_clips(without_dropped(trained.clips), trained_on))
        card = Card(
            name=name,
            about=about or f"Trained by {settings.recipe.title} on {Path(settings.dataset).name}.",
            labels=labels,
            thresholds=tuple(float(f"{value:.4g}") for value in best_f1_thresholds(all_targets, all_scores)),
            spectrogram=settings.recipe.spectrogram_of(last_stage),
            network=settings.recipe.network,
            windows=settings.recipe.windows,
            folds=tuple(folds),
            lwlrap=round(lwlrap(all_targets, all_scores), 5),
            accuracy=round(accuracy(all_targets, all_scores), 5),
            dataset={
                "name": dataset.name,
                "clips": len(trained.clips),
                "fingerprint": dataset.fingerprint,
                **_amount_of(trained.clips, dataset),
            },
            recipe=replace(settings.recipe, negatives=settings.recipe.negatives.for_card()).to_dict(),
            licence=licence,
            created=time.strftime("%Y-%m-%d"),
            sounds=_profile_of_training_clips(trained, settings.recipe.spectrogram.sample_rate),
            out_of_fold=hashlib.sha256(held_out_scores).hexdigest(),
            known_clips=hashlib.sha256(known).hexdigest() if known else "",
            weights=weights,
            calibration=fit_calibration(LabelledScores(labels, all_scores, all_targets, OUT_OF_FOLD, all_folds)),
        )
        if curves := _curves_of(events):
            write_curves(aside, curves, card.fold_checksums)
        write_json(aside / CARD, card.to_dict())
        os.replace(aside, parent / name)
    return parent / name


def add_familiarity(folder: Path, run: Run) -> None:
    """Measure what the training sounds of a new ensemble are like; without its dataset it does not learn that.

    Parameters
    ----------
    folder : Path
        Of the ensemble.
    run : Run
        What it was published from.
    """
    from audiotag.tagging.familiarity_measurement import measure_and_save  # it loads the networks

    with suppress(AudiotagError):
        measure_and_save(folder, Path(run.settings().dataset))


def check_name(name: str, parent: Path) -> None:
    """Raise `AudiotagError` unless an ensemble of this name can be made in ``parent``."""
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise AudiotagError(f"an ensemble's name must be 1 to 60 letters, digits, - or _, got {name!r}.")
    if (parent / name).exists():
        raise AudiotagError(f"an ensemble named {name} exists already; choose another name.")


@contextmanager
def _failures_named(run: Run, name: str, parent: Path) -> Iterator[None]:
    """Say what is wrong when a file of the run is missing, or another process has published under the same name."""
    try:
        yield
    except FileNotFoundError as error:
        raise AudiotagError(f"run {run.name} is incomplete: {error.filename} is missing; train it again.") from error
    except OSError:
        check_name(name, parent)
        raise


def in_half_precision(path: Path) -> bytes:
    """Store matrices as 16-bit floats: the file is half as large, and scores change only by rounding.

    Vectors stay in 32 bits: running variances can be outside the range of 16 bits.
    """
    import torch
    from safetensors.torch import load, save

    with refuse_damaged(path):
        tensors = load(path.read_bytes())
    return save(
        {
            name: tensor.to(torch.float16) if tensor.is_floating_point() and tensor.dim() > 1 else tensor
            for name, tensor in tensors.items()
        }
    )


def known_clips_of(
    dataset: Dataset, trained_on: pd.DataFrame, folds: Sequence[int], workspace: Workspace
) -> KnownClips:
    """Which of the folds were trained on which contents.

    Parameters
    ----------
    dataset : Dataset
    trained_on : pandas.DataFrame
        From `audiotag.training.begun.trained_on`.
    folds : sequence of int
        Numbers of the ensemble's folds, in the order of its card.
    workspace : Workspace
        Has the measures; clips that are not measured are decoded.
    """
    clips = with_contents(trained_on, dataset, workspace)
    folds_of_clips = [set(map(int, text.split())) for text in clips["folds"]]
    trained = [[fold in of_clip for fold in folds] for of_clip in folds_of_clips]
    return KnownClips.of(zip(clips["content"], trained, strict=True), len(folds))


def _training_clips(clips: pd.DataFrame, trained_on: pd.DataFrame | None) -> pd.DataFrame:
    """The clips that a fold was trained on; where the run did not note them, all that are not test clips."""
    if trained_on is None:
        return clips[clips["subset"] != "test"]
    noted = set(zip(trained_on["subset"], trained_on["clip"], strict=True))
    return clips[[name in noted for name in zip(clips["subset"], clips["clip"], strict=True)]]


def _amount_of(clips: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """How many hours the clips last, and how many source recordings they are of, as far as that is known."""
    index = scan(dataset, Workspace().indexes)  # of the whole dataset, as it is cached
    durations = index.set_index(["subset", "clip"])["duration_s"]
    wanted = durations[durations.index.isin(list(zip(clips["subset"], clips["clip"], strict=True)))]
    amount: dict[str, Any] = {"hours": round(float(wanted.sum()) / 3600, 4)} if wanted.notna().all() else {}
    if len(clips) and clips["group"].notna().all():
        amount["recordings"] = int(clips["group"].nunique())
    return amount


def _curves_of(events: list[dict[str, Any]]) -> list[Epoch]:
    """The learning curves; what is not a number, as the loss of a training that failed, is left out."""

    def number(epoch: dict[str, Any], name: str) -> float | None:
        value = epoch.get(name)
        return float(value) if value is not None and np.isfinite(value) else None

    return [
        Epoch(epoch["fold"], epoch["stage"] + 1, epoch["step"], score, *(number(epoch, name) for name in LOSSES))
        for epoch in epochs_done(events)
        if (score := number(epoch, "lwlrap")) is not None
    ]


def _profile_of_training_clips(dataset: Dataset, sample_rate: int) -> dict[str, Any]:
    """Levels of the training clips, from some of them at even distances; takes a few seconds."""
    rows = np.linspace(0, len(dataset.clips) - 1, min(len(dataset.clips), MAX_PROFILED_CLIPS)).astype(int)
    measured = []
    for path in dataset.clips["path"].iloc[np.unique(rows)]:
        try:
            start = read_part(path, sample_rate, 0, round(training_profile.MAX_MEASURED_S * sample_rate))
            measured.append(training_profile.sound_levels(start, sample_rate))
        except Exception:  # whatever is wrong with the clip: it was not trained on either
            continue
    return training_profile.profile(measured)
