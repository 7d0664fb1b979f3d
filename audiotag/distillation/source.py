"""Find out what an ensemble was trained on: its run, dataset and recipe, and which folds have not seen each clip."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from audiotag.data.saved_options import open_whole
from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.known_clips import read_known_clips
from audiotag.training.clip_contents import with_contents
from audiotag.training.publish import in_half_precision
from audiotag.training.recipe import Recipe
from audiotag.training.run_blocking import check_run
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.training.session import Session
from audiotag.training.weights_choice import WEIGHTS
from audiotag.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Source:
    """An ensemble to distil, with what it was trained on.

    Attributes
    ----------
    folder : Path
        Of the ensemble.
    card : Card
    settings : RunSettings
        Those of a run that trains all its folds again.
    run : Run or None
        What it was published from; None where that is not in the workspace.
    """

    folder: Path
    card: Card
    settings: RunSettings
    run: Run | None


def find_source(
    ensemble: str | Path, workspace: Workspace, dataset: Path | None = None, negatives: Path | None = None
) -> Source:
    """Find what an ensemble was trained on.

    Parameters
    ----------
    ensemble : str or Path
    workspace : Workspace
        Its runs are searched for the one that the ensemble was published from.
    dataset : Path, optional
        What the ensemble was trained on, where its run is not in the workspace.
    negatives : Path, optional
        The folder of sounds without labels that it was trained with, if any: a card has only the folder's name.

    Raises
    ------
    AudiotagError
        If it is a blend, if neither its run nor its dataset is known, if its negatives are not known, or if the dataset
        has other labels.
    """
    folder = find_ensemble(ensemble)
    card = read_card(folder)
    if card.blend is not None:
        raise AudiotagError(f"{card.name} is a blend; distil one of its members: {card.blend.members[0].name}.")
    run = _find_run(card, workspace)
    if run is not None and dataset is not None and Path(run.settings().dataset).resolve() != dataset.resolve():
        run = None
    if run is not None:
        settings = replace(run.settings(), folds=(), on="")
    elif dataset is not None:
        settings = RunSettings(str(dataset), Recipe.from_dict(card.recipe))
    else:
        raise AudiotagError(
            f"no run in {workspace.runs} is the one that {card.name} was published from; name the dataset that it was "
            f"trained on: audiotag distil {card.name} DATASET."
        )
    recipe = replace(settings.recipe, weights="last")
    if negatives is not None and not recipe.negatives:
        raise AudiotagError(f"{card.name} was not trained with sounds without labels; leave --negatives out.")
    if negatives is not None:
        recipe = replace(recipe, negatives=replace(recipe.negatives, folder=str(negatives)))
    elif recipe.negatives.folder and run is None:
        raise AudiotagError(
            f"{card.name} was also trained on sounds without labels, from a folder {recipe.negatives.folder}; name it "
            "with --negatives."
        )
    settings = replace(settings, recipe=recipe)
    whole = open_whole(Path(settings.dataset), workspace)
    check_run(whole, settings, workspace)
    labels = Session(whole, settings, workspace).labels
    if labels != card.labels:
        others = sorted(set(labels) ^ set(card.labels)) or ["their order"]
        raise AudiotagError(
            f"{card.name} was not trained on {whole.name} as it is now: the labels differ ({', '.join(others[:5])}); "
            "name the dataset that it was trained on."
        )
    return Source(folder, card, settings, run)


def unseen_folds(source: Source, workspace: Workspace) -> dict[str, list[int]]:
    """The folds whose networks were not trained on each clip, by the clip's path; empty where that is not known.

    Clips that are not measured are decoded for it.
    """
    known = read_known_clips(source.folder, source.card)
    if known is None:
        return {}
    dataset = open_whole(Path(source.settings.dataset), workspace)
    clips = dataset.clips[dataset.clips["subset"] != "test"][["subset", "clip"]]
    folds = [fold.fold for fold in source.card.folds]
    found = with_contents(clips, dataset, workspace)
    return {
        str(path): [fold for fold, seen in zip(folds, known.trained_folds(content), strict=True) if not seen]
        for path, content in zip(found["path"], found["content"], strict=True)
    }


def check_folds_are_the_same(session: Session, unseen: dict[str, list[int]], card: Card) -> None:
    """Raise `AudiotagError` unless no network of the ensemble was trained on a clip that its fold holds out here.

    Parameters
    ----------
    session : Session
        Of a run that trains all folds.
    unseen : dict[str, list[int]]
        From `unseen_folds`.
    card : Card
    """
    if not unseen:
        raise AudiotagError(f"{card.name} does not know which clips its folds were trained on; publish its run again.")
    for fold in session.folds:
        rows = session.split_rows(session.scored_subset, fold)[1]
        seen = [clip for clip, path in zip(rows["clip"], rows["path"], strict=True) if fold not in unseen[str(path)]]
        if seen:
            raise AudiotagError(
                f"fold {fold} of {card.name} was trained on {len(seen)} of {len(rows)} clips that it would be measured "
                f"on, such as {seen[0]}: the folds are not those of its training. Distil it without --check."
            )


def _find_run(card: Card, workspace: Workspace) -> Run | None:
    """The run of the workspace whose weights are those of an ensemble."""
    first = card.folds[0]
    for run in list_runs(workspace):
        path = run.fold_folder(first.fold) / WEIGHTS[card.weights]
        with suppress(AudiotagError, OSError):
            if run.settings().recipe.name != card.recipe.get("name") or not path.is_file():
                continue
            if hashlib.sha256(in_half_precision(path)).hexdigest() == first.sha256:
                return run
    return None
