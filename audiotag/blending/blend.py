"""Make a blend: copy its members, fit its stackers, and write a card with its out-of-fold figures.

The out-of-fold figures are those of clips that no part of the blend was trained on: each member scores a clip by the
fold that held it out, and each stacker by its fold that was fitted without the clips of that fold. The members must
have the same folds; otherwise the card says why there are no such figures. Where the members' own files do
not fit together, because their recipes relabel or leave out different clips, the clips are scored anew.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiotag.blending.common_folds import HeldOut, aligned_scores, common_held_out, label_orders
from audiotag.blending.member_files import copy_member, strictest_licence
from audiotag.blending.settings import BlendSettings
from audiotag.errors import AudiotagError
from audiotag.leftovers import sweep_once, temporary_folder
from audiotag.metrics import accuracy, best_f1_thresholds, lwlrap
from audiotag.tagging import out_of_fold
from audiotag.tagging.blend_card import BlendCard
from audiotag.tagging.blend_fusion import fuse_voters
from audiotag.tagging.card import CARD, Card, FoldCard
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.training.publish import check_name
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.trust.temperature import fit_calibration
from audiotag.workspace import write_bytes, write_json

Say = Callable[[str], None]
Progress = Callable[[int, int], None]
FROM_FILES = "Out of fold: the members' scores of the clips that the same fold of each of them held out."
FROM_SOUNDS = (
    "Out of fold: each clip that all members held out is scored by the fold that held it out, in windows that overlap "
    "by three quarters. Its labels are those of the dataset's tables, as reviewers have corrected them; labels that a "
    "list of a member's recipe changes do not count."
)
FROM_TILES = (
    f"{FROM_SOUNDS} Each stacker stopped at the epoch that was best on these clips, and the networks of the members "
    "were trained on clips of other folds with their labels, so the figures of stackers are slightly too high for new "
    "clips."
)
ANEW = "Name the dataset with --dataset, and the clips that all held out are scored anew."


def make_blend(
    settings: BlendSettings,
    parent: Path,
    dataset: Path | None = None,
    say: Say = lambda sentence: None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Write a blend as a folder.

    Parameters
    ----------
    settings : BlendSettings
    parent : Path
        The folder of ensembles; the new one appears in it whole or not at all.
    dataset : Path, optional
        What the members were trained on; needed for stackers, and for out-of-fold figures of members whose recipes
        relabel or leave out different clips.
    say : callable, optional
        Gets sentences about the progress.
    progress : callable(done, total), optional
        Called as training clips are scored.

    Returns
    -------
    Path
        The blend's folder.

    Raises
    ------
    AudiotagError
        If the name cannot be used or is taken, a member cannot be read or is a blend, or the labels differ; with
        stackers also if the members' folds differ, or there is no dataset.
    """
    check_name(settings.name, parent)
    cards = _member_cards(settings)
    label_orders(cards)  # refuses other labels
    if settings.stackers:
        _check_stackable(settings, cards, dataset)
    parent.mkdir(parents=True, exist_ok=True)
    sweep_once(parent)
    with temporary_folder(parent / settings.name) as aside:
        sources = zip(settings.members, cards, settings.all_weights, strict=False)
        members = [
            copy_member(source, card, aside, number, weight) for number, (source, card, weight) in enumerate(sources, 1)
        ]
        blend = BlendCard(settings.combine, tuple(members))
        held_out, common = aligned_scores(settings.members, cards), common_held_out(settings.members, cards)
        if isinstance(held_out, HeldOut) and not settings.stackers:
            blend = replace(blend, out_of_fold=FROM_FILES)
        elif isinstance(common, str):
            blend = replace(blend, out_of_fold=f"No out-of-fold figures: {common}")
        elif dataset is None:
            blend = replace(blend, out_of_fold=f"No out-of-fold figures: {held_out} {ANEW}")
        else:
            _write_card(aside, settings.name, cards, blend, None)  # so that it can be opened to score the clips
            blend, held_out = _scored_anew(aside, settings, blend, dataset, say, progress)
        _write_card(aside, settings.name, cards, blend, None if isinstance(held_out, str) else held_out)
        os.replace(aside, parent / settings.name)
    return parent / settings.name


def _member_cards(settings: BlendSettings) -> list[Card]:
    cards = []
    for folder in settings.members:
        card = read_card(folder)
        if card.blend is not None:
            raise AudiotagError(f"{card.name} is a blend; a blend has ensembles as members: name its members instead.")
        cards.append(card)
    checksums = [card.fold_checksums for card in cards]
    for number, card in enumerate(cards):
        if checksums[number] in checksums[:number]:
            first = cards[checksums.index(checksums[number])].name
            raise AudiotagError(f"{first} and {card.name} are the same ensemble; name each once, or give it a weight.")
    return cards


def _check_stackable(settings: BlendSettings, cards: Sequence[Card], dataset: Path | None) -> None:
    """Raise unless stackers can be fitted: the same folds, and the dataset that all members were trained on."""
    if dataset is None:
        raise AudiotagError("stackers are fitted to the training clips; name their dataset with --dataset.")
    common = common_held_out(settings.members, cards)
    if isinstance(common, str):
        raise AudiotagError(f"stackers need members with the same folds: {common}")


def _scored_anew(
    folder: Path, settings: BlendSettings, blend: BlendCard, dataset: Path, say: Say, progress: Progress
) -> tuple[BlendCard, HeldOut]:
    """Score the clips, fit stackers, if any, and write their files; gives the blend and the scores of all voters."""
    from audiotag.blending.stacker_fitting import fit_stacker  # it imports torch
    from audiotag.blending.training_tiles import score_training_tiles

    tiles = score_training_tiles(folder, dataset, say, progress)
    cards, scores = [], [*tiles.clip_scores]
    for stacker, weight in zip(settings.stackers, settings.all_weights[len(blend.members) :], strict=True):
        fitted = fit_stacker(tiles, stacker, settings.fit, say)
        for name, content in fitted.files.items():
            write_bytes(folder / name, content)
        cards.append(replace(fitted.card, weight=weight))
        scores.append(fitted.scores)
    blend = replace(blend, stackers=tuple(cards), out_of_fold=FROM_TILES if cards else FROM_SOUNDS)
    return blend, HeldOut(np.array(scores), tiles.targets, tiles.folds)


def _write_card(folder: Path, name: str, cards: Sequence[Card], blend: BlendCard, held_out: HeldOut | None) -> None:
    """Write the card, and the out-of-fold scores where there are some."""
    first = cards[0]
    names = [card.name for card in cards]
    datasets = list(dict.fromkeys(card.dataset["name"] for card in cards))
    fingerprints = {card.dataset.get("fingerprint", "") for card in cards}
    card = Card(
        name=name,
        about=f"A blend of {', '.join(names[:-1])} and {names[-1]}{_stacker_words(blend)}.",
        labels=first.labels,
        thresholds=_mean_thresholds(cards, blend),
        spectrogram=first.spectrogram,
        network=first.network,
        windows=first.windows,
        folds=_voter_cards(cards, blend, held_out),
        lwlrap=0.0,
        accuracy=0.0,
        dataset={
            "name": " and ".join(datasets),
            "clips": max(card.dataset.get("clips", 0) for card in cards),
            "fingerprint": fingerprints.pop() if len(fingerprints) == 1 else "",
        },
        recipe={"title": "Blend"},
        licence=strictest_licence([card.licence for card in cards]),
        created=time.strftime("%Y-%m-%d"),
        sounds=first.sounds,
        known_clips=_checksum_of([card.known_clips for card in cards]),
        blend=blend,
    )
    if held_out is not None:
        scores = fuse_voters(held_out.scores, blend.combine, blend.weights).astype(np.float32)
        content = OutOfFold(scores, held_out.targets, held_out.folds).to_bytes()
        write_bytes(folder / out_of_fold.FILE, content)
        labelled = LabelledScores(card.labels, scores, held_out.targets, OUT_OF_FOLD, held_out.folds)
        card = replace(
            card,
            thresholds=tuple(float(f"{value:.4g}") for value in best_f1_thresholds(held_out.targets, scores)),
            lwlrap=round(lwlrap(held_out.targets, scores), 5),
            accuracy=round(accuracy(held_out.targets, scores), 5),
            out_of_fold=hashlib.sha256(content).hexdigest(),
            calibration=fit_calibration(labelled),
        )
    write_json(folder / CARD, card.to_dict())


def _voter_cards(cards: Sequence[Card], blend: BlendCard, held_out: HeldOut | None) -> tuple[FoldCard, ...]:
    """One per member and stacker, with its figures on the same clips as those of the blend where there are some."""
    voters = [
        FoldCard(
            number, member.folder, member.sha256, sum(fold.clips for fold in card.folds), card.lwlrap, card.accuracy
        )
        for number, (member, card) in enumerate(zip(blend.members, cards, strict=True), start=1)
    ]
    for number, stacker in enumerate(blend.stackers, start=len(cards) + 1):
        checksum = _checksum_of([fold.sha256 for fold in stacker.folds])
        voters.append(FoldCard(number, f"stacker-{stacker.name}", checksum, 0, 0.0, 0.0))
    if held_out is None:
        return tuple(voters)
    targets, clips = held_out.targets, len(held_out.targets)
    return tuple(
        replace(voter, clips=clips, lwlrap=round(lwlrap(targets, own), 5), accuracy=round(accuracy(targets, own), 5))
        for voter, own in zip(voters, held_out.scores, strict=True)
    )


def _mean_thresholds(cards: Sequence[Card], blend: BlendCard) -> tuple[float, ...]:
    """The members' thresholds, combined as their scores are; they count where there are no out-of-fold scores."""
    orders = label_orders(cards)
    own = np.array([np.array(card.thresholds)[order] for card, order in zip(cards, orders, strict=True)])
    weights = blend.weights[: len(cards)]
    return tuple(float(f"{value:.4g}") for value in fuse_voters(own, blend.combine, weights))


def _stacker_words(blend: BlendCard) -> str:
    if not blend.stackers:
        return ""
    return ", with one stacker" if len(blend.stackers) == 1 else f", with {len(blend.stackers)} stackers"


def _checksum_of(checksums: Sequence[str]) -> str:
    """One checksum of several; empty where one of them is."""
    return hashlib.sha256(" ".join(checksums).encode()).hexdigest() if all(checksums) else ""
