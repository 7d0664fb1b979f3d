"""Put a single network beside the folds of the ensemble that taught it, with what was measured of both."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

from audiotag.disk import locked
from audiotag.distillation.measuring import Say, compare, held_out_pairs, measure_speed, measure_test_clips
from audiotag.distillation.source import Source
from audiotag.errors import AudiotagError
from audiotag.metrics import best_f1_thresholds
from audiotag.tagging.card import CARD
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.single_card import SingleCard
from audiotag.tagging.single_network import FILE
from audiotag.training.begun import open_session
from audiotag.training.publish import in_half_precision
from audiotag.training.runs import Run
from audiotag.training.session import Session
from audiotag.training.weights_choice import WEIGHTS
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.trust.temperature import fit_calibration
from audiotag.workspace import read_json, write_bytes, write_json


def save_single(source: Source, run: Run, check: Run | None = None, say: Say = lambda sentence: None) -> SingleCard:
    """Write the network of a finished run into the ensemble's folder, measure it, and write that into the card.

    The weights file is written first and the card, which has its checksum, last. The folds and all that the card says
    of them stay as they are.

    Parameters
    ----------
    source : Source
    run : Run
        Whose teaching is "single".
    check : Run, optional
        A finished run whose teaching is "per-fold", to measure out of fold. Thresholds and temperature are then fitted
        to its scores; otherwise those of the folds are used.
    say : callable
        Gets sentences about what takes long.

    Raises
    ------
    AudiotagError
        If a file of a run is damaged, or what it scored cannot be compared with the ensemble.
    """
    session = open_session(run)
    (fold,) = session.folds
    weights = in_half_precision(run.fold_folder(fold) / WEIGHTS["last"])
    settings = run.settings()
    assert settings.teaching is not None
    single = SingleCard(
        file=FILE,
        sha256=hashlib.sha256(weights).hexdigest(),
        thresholds=source.card.thresholds,
        share=settings.teaching.share,
        created=time.strftime("%Y-%m-%d"),
    )
    if check is not None:
        single = _with_out_of_fold(single, source, check)
    write_bytes(source.folder / FILE, weights)
    _write(source.folder, single)
    say("measuring lwlrap on test clips, and the speed of both …")
    single = replace(single, test=measure_test_clips(source.folder, session, say))
    single = replace(single, speed=measure_speed(source.folder, _sounds(session), say))
    _write(source.folder, single)
    return single


def _with_out_of_fold(single: SingleCard, source: Source, check: Run) -> SingleCard:
    """With lwlrap out of fold, and thresholds and temperature of the networks that were taught per fold."""
    taught, folds, units = held_out_pairs(source, check, open_session(check))
    labels, numbers = source.card.labels, taught.clips["fold"].to_numpy(dtype=int)
    thresholds = tuple(float(f"{value:.4g}") for value in best_f1_thresholds(taught.targets, taught.scores))
    return replace(
        single,
        thresholds=thresholds,
        calibration=fit_calibration(LabelledScores(labels, taught.scores, taught.targets, OUT_OF_FOLD, numbers)),
        out_of_fold=compare(labels, taught.targets, folds, taught.scores, units, (source.card.thresholds, thresholds)),
    )


def _write(folder: Path, single: SingleCard) -> None:
    with locked(folder / CARD):
        read_card(folder)  # refuses what is not a card
        write_json(folder / CARD, read_json(folder / CARD) | {"single": single.to_dict()})


def _sounds(session: Session) -> list[Path]:
    """The sounds of the dataset that can be read."""
    index = session.index
    readable = index[index["error"].isna()]["path"]
    if readable.empty:
        raise AudiotagError(f"no sound of {session.dataset.name} can be read to measure the speed.")
    return list(readable)
